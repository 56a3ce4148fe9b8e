import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { hashPath } from "../../src/adapters/nix/hash-path.ts";
import { createNix } from "../../src/adapters/nix/nix.ts";
import { withStorePath } from "../../src/adapters/nix/on-disk.ts";
import { placeOfStorePath } from "../../src/adapters/nix/store-place.ts";
import { Failure } from "../../src/core/failure.ts";
import { isSignedBy } from "../../src/core/nix/nar-signature.ts";
import { imageFile, nixFunctions, nixLab, runNix } from "../support/nix-lab.ts";

const code = (expected: string) => ({ name: "Failure", code: expected });

test("reads Nix's version and the settings in force, those given with a call included", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  assert.match(await lab.nix.version(), /^2\.\d+/);
  const config = await lab.nix.config();
  assert.equal(config.sandbox, "on");
  assert.deepEqual(config.substituters, []);
  assert.match(config.system, /^[a-z0-9_]+-linux$/);
  assert.equal(config.store, lab.store);
  for (const [value, sandbox] of [
    ["false", "off"],
    ["relaxed", "relaxed"],
  ] as const) {
    assert.equal((await lab.nix.with({ options: [{ name: "sandbox", value }] }).config()).sandbox, sandbox);
  }
});

test("builds without a link, knows the closure with its derivers, and what it was built from", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const built = await lab.nix.build(lab.attribute(await imageFile(lab), "image"));
  const path = built.outputs.get("out") ?? "";
  const closure = await lab.nix.pathInfo([path], { recursive: true });
  assert.deepEqual(closure.map((info) => info.path.slice(44)).sort(), ["dependency", "image"]);
  const image = closure.find((info) => info.path === path);
  assert.ok(image !== undefined);
  assert.equal(image.deriver, built.derivation);
  assert.equal(image.ultimate, true);
  assert.equal(image.contentAddressed, false);
  const place = placeOfStorePath(path, lab.store) ?? "";
  assert.deepEqual(await hashPath(place), { narHash: image.narHash, narSize: image.narSize });
  const inputs = (await lab.nix.buildClosure(built.derivation)).map((input) => input.slice(44)).sort();
  assert.deepEqual(inputs, ["dependency", "dependency.drv", "image", "image.drv", "layout"]);
  const infos = await lab.nix.pathInfo(await lab.nix.buildClosure(built.derivation));
  const others = infos.filter((info) => !info.path.endsWith(".drv"));
  assert.deepEqual(others.map((info) => [info.path.slice(44), info.contentAddressed, info.ultimate]).sort(), [
    ["dependency", false, true],
    ["image", false, true],
    ["layout", true, false],
  ]);
});

test("builds an output of a flake", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const { system } = await lab.nix.config();
  const make = nixFunctions.replace("builtins.currentSystem", JSON.stringify(system));
  lab.write(
    "flake/flake.nix",
    `{ outputs = { self }: let ${make} in { packages.${system}.image = make "image" {} "echo x > $out"; }; }`,
  );
  const built = await lab.nix.build({ kind: "flake", reference: `path:${join(lab.folder, "flake")}#image` });
  assert.match(built.outputs.get("out") ?? "", /-image$/);
});

test("a failing build is told with the end of its log; a missing attribute and file too", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const file = await imageFile(lab);
  await assert.rejects(lab.nix.build(lab.attribute(file, "broken")), (error) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.code, "NIX_BUILD_FAILED");
    assert.equal(error.kind, "unavailable");
    assert.ok(
      error.details.some((line) => line.includes("it is broken")),
      error.details.join("\n"),
    );
    return true;
  });
  await assert.rejects(lab.nix.build(lab.attribute(file, "no-such")), code("NIX_BUILD_FAILED"));
  await assert.rejects(lab.nix.build(lab.attribute("/no/such.nix", "x")), code("NIX_BUILD_FAILED"));
  const absent = `/nix/store/${"0".repeat(32)}-absent`;
  await assert.rejects(lab.nix.pathInfo([absent]), (error) => {
    // Older versions fail, newer ones list it as null.
    return error instanceof Failure && ["NIX_FAILED", "PATH_INFO_NOT_VALID"].includes(error.code);
  });
});

test("an interruption ends a build at once, with the signal's reason", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const file = lab.write("slow.nix", `let ${nixFunctions} in { slow = make "slow" {} "echo started; sleep 600"; }`);
  const interruption = new AbortController();
  const reason = new Error("interrupted by the test");
  const onLine = (line: string): void => {
    if (line.includes("started")) interruption.abort(reason);
  };
  const slow = lab.nix.with({ signal: interruption.signal, onLine });
  const begin = performance.now();
  await assert.rejects(slow.build(lab.attribute(file, "slow")), reason);
  assert.ok(performance.now() - begin < 60_000);
});

test("where Nix is absent, says what to do", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const none = createNix({ environment: { ...lab.environment, PATH: lab.folder } });
  await assert.rejects(none.version(), { ...code("NIX_MISSING"), kind: "unavailable" });
  await assert.rejects(none.config(), code("NIX_MISSING"));
  writeFileSync(join(lab.folder, "nix"), "#!/bin/sh\necho nix is odd\n", { mode: 0o755 });
  const odd = createNix({ environment: { ...lab.environment, PATH: lab.folder } });
  await assert.rejects(odd.version(), code("NIX_ANSWER_UNREADABLE"));
});

test("a daemon that ignores what was set is refused", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const said = "warning: ignoring the client-specified setting 'sandbox', because it is a restricted setting";
  writeFileSync(join(lab.folder, "nix"), `#!/bin/sh\necho "${said}" >&2\necho "nix (Nix) 2.30.0"\n`, { mode: 0o755 });
  const untrusted = createNix({
    environment: { ...lab.environment, PATH: `${lab.folder}:${process.env["PATH"] ?? ""}` },
    options: [{ name: "sandbox", value: "true" }],
  });
  await assert.rejects(untrusted.config(), { ...code("NIX_SETTING_IGNORED"), kind: "usage" });
});

test("knows what Nix's own signature covers", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const [secret, open] = [join(lab.folder, "secret"), join(lab.folder, "public")];
  runNix(lab, "nix-store", ["--generate-binary-cache-key", "lab-cache-1", secret, open]);
  const built = await lab.nix.build(lab.attribute(await imageFile(lab), "image"));
  const path = built.outputs.get("out") ?? "";
  runNix(lab, "nix", ["store", "sign", "--key-file", secret, path]);
  const [name = "", publicKey = ""] = runNix(lab, "nix", [
    "eval",
    "--raw",
    "--impure",
    "--expr",
    `builtins.readFile ${open}`,
  ]).split(":");
  const [info] = await lab.nix.pathInfo([path]);
  assert.ok(info !== undefined);
  assert.equal(isSignedBy(info, { name, publicKey }), true);
  assert.equal(isSignedBy({ ...info, narSize: info.narSize + 8 }, { name, publicKey }), false);
  assert.equal(isSignedBy(info, { name: "other-1", publicKey }), false);
});

test("an object of a store that isn't on this disk is copied, used, and the copy removed", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const built = await lab.nix.build(lab.attribute(await imageFile(lab), "image"));
  const path = built.outputs.get("out") ?? "";
  const cache = `file://${lab.folder}/cache`;
  runNix(lab, "nix", ["copy", "--to", cache, path]);
  const [info] = await lab.nix.pathInfo([path]);
  const elsewhere = lab.nix.with({ store: cache });
  let used = "";
  const { narHash } = await withStorePath(elsewhere, path, (place) => {
    used = place;
    return hashPath(place);
  });
  assert.equal(narHash, info?.narHash);
  await assert.rejects(hashPath(used), code("PATH_NOT_FOUND"));
  const absent = `/nix/store/${"0".repeat(32)}-absent`;
  await assert.rejects(withStorePath(elsewhere, absent, hashPath), code("NIX_FAILED"));
});
