import assert from "node:assert/strict";
import { appendFileSync, chmodSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { placeOfStorePath } from "../../src/adapters/nix/store-place.ts";
import { reproCheck } from "../../src/operations/repro-check.ts";
import { imageFile, nixFunctions, nixLab, runNix, tinyImage } from "../support/nix-lab.ts";
import type { NixLab } from "../support/nix-lab.ts";
import { documentOf, runCli, startCli } from "../support/run-cli.ts";
import type { Finished } from "../support/program-checkout.ts";

const code = (expected: string) => ({ name: "Failure", code: expected });

function cli(t: TestContext, lab: NixLab, ...args: string[]): Promise<Finished> {
  return runCli(t, ["repro-check", ...args], { environment: lab.environment });
}

/** What a run must not leave behind. */
function leftovers(lab: NixLab): string[] {
  const builds = readdirSync(tmpdir()).filter((name) => /^(nix-build-odd|neko-trust-store)/.test(name));
  const checks = readdirSync(join(lab.store, "nix", "store")).filter((name) => name.endsWith(".check"));
  return [...builds, ...checks, ...readdirSync(lab.folder).filter((name) => name.startsWith("result"))];
}

test("an image that is built the same each time: exit 0, its NAR hash and digest, and nothing left behind", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const file = await imageFile(lab);
  const built = await lab.nix.build(lab.attribute(file, "image"));
  const [info] = await lab.nix.pathInfo([...built.outputs.values()]);
  const words = await cli(t, lab, "--file", file, "image", "--times", "3");
  assert.equal(words.code, 0, words.stderr);
  assert.match(words.stdout, /^✓ image of .+: every build gives the same bytes\n/);
  assert.ok(words.stdout.includes(`    NAR ${info?.narHash ?? ""}\n`), words.stdout);
  const { manifest } = tinyImage(`needs ${info?.references[0] ?? ""}`);
  assert.ok(words.stdout.includes(`    image ${manifest.digest}\n`), words.stdout);
  assert.match(words.stderr, /building it again \(3 of 3\)/);
  assert.deepEqual(leftovers(lab), []);
});

test("an image that differs: exit 1, the first files that differ, in words and as one JSON document; nothing left behind", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const file = await imageFile(lab);
  const words = await cli(t, lab, "--file", file, "odd");
  assert.equal(words.code, 1, words.stderr);
  assert.match(words.stdout, /^✗ odd of .+: the builds differ\n/);
  assert.match(words.stdout, /NAR, first build: {2}sha256-.+\n +NAR, second build: sha256-/);
  assert.match(words.stdout, /\n {4}odd: contents differs: 37 bytes, first at byte \d+\n/);
  const json = documentOf(await cli(t, lab, "--file", file, "odd", "--json"));
  assert.equal(json["ok"], false);
  const [result] = json["results"] as { outputs: { differences: object[]; narHashes: string[]; equal: boolean }[] }[];
  const [output] = result?.outputs ?? [];
  assert.equal(output?.equal, false);
  assert.notEqual(output.narHashes[0], output.narHashes[1]);
  assert.deepEqual(
    output.differences.map((difference) => ({ ...difference, offset: 0 })),
    [{ path: "odd", what: "contents", first: "37 bytes", second: "37 bytes", offset: 0 }],
  );
  assert.deepEqual(leftovers(lab), []);
});

test("builds in another store, and compares what both hold", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const file = await imageFile(lab);
  const other = lab.otherStore("second");
  const same = await cli(t, lab, "--file", file, "image", "--store", other);
  assert.equal(same.code, 0, same.stderr);
  assert.equal((await cli(t, lab, "--file", file, "odd", "--store", other)).code, 1);
  assert.deepEqual(leftovers(lab), []);
});

test("what another store only copied is no second build: it is built again there", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const file = await imageFile(lab);
  const store = lab.otherStore("copies");
  const built = await lab.nix.build(lab.attribute(file, "odd"));
  runNix(lab, "nix", ["copy", "--no-check-sigs", "--to", store, ...built.outputs.values()]);
  const result = await reproCheck(lab.nix, {
    installable: lab.attribute(file, "odd"),
    against: { kind: "store", store },
  });
  assert.equal(result.equal, false);
  assert.deepEqual(
    result.outputs.flatMap(({ differences }) => differences.map(({ path }) => path)),
    ["odd"],
  );
  const good = await lab.nix.build(lab.attribute(file, "image"));
  runNix(lab, "nix", ["copy", "--no-check-sigs", "--to", store, ...good.outputs.values()]);
  const image = await reproCheck(lab.nix, {
    installable: lab.attribute(file, "image"),
    against: { kind: "store", store },
  });
  assert.equal(image.equal, true);
});

test("builds at other machines, in a store of its own that goes afterwards; a cache's answer there is refused", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const file = await imageFile(lab);
  const { system } = await lab.nix.config();
  const builders = `${lab.otherStore("machine")} ${system}`;
  const same = await cli(t, lab, "--file", file, "image", "--builders", builders);
  assert.equal(same.code, 0, same.stderr);
  // Machines of others have sandboxes of their own: this one's does not matter.
  const open = await cli(t, lab, "--file", file, "image", "--builders", builders, "--option", "sandbox=false");
  assert.equal(open.code, 0, open.stderr);
  assert.equal((await cli(t, lab, "--file", file, "odd", "--builders", builders)).code, 1);
  const cache = `file://${lab.folder}/cache`;
  const built = await lab.nix.build(lab.attribute(file, "image"));
  runNix(lab, "nix", ["copy", "--to", cache, ...built.outputs.values()]);
  const options = [
    { name: "substituters", value: cache },
    { name: "require-sigs", value: "false" },
  ];
  const cached = reproCheck(lab.nix.with({ options }), {
    installable: lab.attribute(file, "image"),
    against: { kind: "builders", builders },
  });
  await assert.rejects(cached, { ...code("REPRO_NOT_BUILT_THERE"), kind: "refused" });
  assert.deepEqual(leftovers(lab), []);
});

test("refuses a Nix whose sandbox is off or relaxed: exit 2, why, and how to turn it on", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const file = await imageFile(lab);
  for (const value of ["false", "relaxed"]) {
    const { code: exit, stdout, stderr } = await cli(t, lab, "--file", file, "image", "--option", `sandbox=${value}`);
    assert.equal(exit, 2);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /without (?:a sandbox|it).+prove nothing\.\nto do: Set `sandbox = true`.+\n\(code NIX_SANDBOX_OFF\)\n$/,
    );
  }
});

test("refuses an output whose files were changed in the store", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const file = await imageFile(lab);
  const built = await lab.nix.build(lab.attribute(file, "image"));
  const index = join(placeOfStorePath(built.outputs.get("out") ?? "", lab.store) ?? "", "index.json");
  chmodSync(index, 0o644);
  appendFileSync(index, " ");
  const check = reproCheck(lab.nix, { installable: lab.attribute(file, "image"), against: { kind: "same", times: 2 } });
  // Nix compares a rebuild with what it recorded, or with the files, by its version; both ways it is refused.
  const outcome = await check.then(
    ({ equal }) => (equal ? "equal" : "differs"),
    (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
  );
  assert.ok(outcome === "NIX_STORE_CHANGED" || outcome === "differs", String(outcome));
});

for (const [what, args, expected] of [
  ["two places for the second build", ["--times", "2", "--store", "/x"], "REPRO_AGAINST_UNCLEAR"],
  ["an empty store", ["--store", ""], "REPRO_AGAINST_UNCLEAR"],
  ["one build", ["--times", "1"], "REPRO_TIMES_INVALID"],
  ["a word for a number", ["--times", "two"], "REPRO_TIMES_INVALID"],
  ["a setting without a value", ["--option", "sandbox"], "NIX_OPTION_INVALID"],
  ["a setting that is an option", ["--option", "--store=x"], "NIX_OPTION_INVALID"],
  ["an installable that is an option", ["--", "--store"], "INSTALLABLE_INVALID"],
  ["an empty installable", [""], "INSTALLABLE_INVALID"],
] as const) {
  test(`refuses ${what}: exit 2, without asking Nix`, async (t) => {
    const { code: exit, stderr } = await runCli(t, ["repro-check", ...args], { environment: { PATH: "/nowhere" } });
    assert.equal(exit, 2, stderr);
    assert.ok(stderr.endsWith(`(code ${expected})\n`), stderr);
  });
}

test("without Nix: exit 3 and what to do", async (t) => {
  const { code: exit, stderr } = await runCli(t, ["repro-check"], { environment: { PATH: "/nowhere" } });
  assert.equal(exit, 3);
  assert.match(stderr, /^error: There is no nix on PATH\.\nto do: Install Nix .+\n\(code NIX_MISSING\)\n$/);
});

test("asks diffoscope when it is on PATH, and shows it bounded", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const file = await imageFile(lab);
  const tools = join(lab.folder, "tools");
  lab.write("tools/diffoscope", "");
  writeFileSync(
    join(tools, "diffoscope"),
    "#!/bin/sh\ni=0; while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); done; exit 1\n",
  );
  chmodSync(join(tools, "diffoscope"), 0o755);
  const environment = { ...lab.environment, PATH: `${tools}:${lab.environment["PATH"] ?? ""}` };
  const { code: exit, stdout } = await runCli(t, ["repro-check", "--file", file, "odd"], { environment });
  assert.equal(exit, 1);
  assert.match(stdout, /\n {4}diffoscope:\n {6}line 0\n/);
  assert.ok(stdout.includes("line 199\n") && !stdout.includes("line 200\n"));
  assert.equal(existsSync(join(lab.folder, "result")), false);
});

test("an interruption ends it: exit 130, and nothing runs on", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const file = lab.write("slow.nix", `let ${nixFunctions} in { slow = make "slow" {} "echo started; sleep 600"; }`);
  const running = startCli(t, ["repro-check", "--file", file, "slow"], { environment: lab.environment });
  await running.said("started");
  running.child.kill("SIGINT");
  const { code: exit, stderr } = await running.finished;
  assert.equal(exit, 130, stderr);
  assert.match(stderr, /\(code INTERRUPTED\)\n$/);
});
