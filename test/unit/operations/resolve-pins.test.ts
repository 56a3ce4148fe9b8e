import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pinAction } from "../../../src/cli/actions/pin.ts";
import type { CommandContext } from "../../../src/cli/context.ts";
import { readPins } from "../../../src/config/read-pins.ts";
import { openPins, resolvePins } from "../../../src/operations/resolve-pins.ts";
import type { PinResult } from "../../../src/operations/resolve-pins.ts";
import { failureCodeOf } from "../../support/failures.ts";
import { archiveDigest, commit, imageDigest, pinsRig, pinsText, pluginDigests } from "../../support/pins-rig.ts";
import type { PinsRig } from "../../support/pins-rig.ts";

const resolve = (rig: PinsRig, names: readonly string[] = [], check = false) =>
  resolvePins(openPins(rig.checkout), { names, check }, rig.sources);
const kinds = (results: readonly PinResult[]): Record<string, string> =>
  Object.fromEntries(results.map(({ entry, kind }) => [`${entry.kind}/${entry.name}`, kind]));
const other = `sha256:${"9".repeat(64)}`;

test("resolves each kind, and changes nothing in the file but the digests", async (t) => {
  const rig = await pinsRig(t);
  const { results, written } = await resolve(rig);
  assert.ok(written);
  assert.deepEqual(new Set(Object.values(kinds(results))), new Set(["resolved"]));
  const expected = pinsText(rig.server.host)
    .replace("digest: unresolved\ncharts", `digest: ${imageDigest}\ncharts`)
    .replace('"unresolved"', `"${archiveDigest}"`)
    .replace("digest: unresolved }", `digest: ${imageDigest} }`)
    .replace("commit: unresolved", `commit: ${commit}`)
    .replace("amd64: unresolved", `amd64: ${pluginDigests.amd64}`)
    .replace("arm64: unresolved", `arm64: ${pluginDigests.arm64}`);
  assert.equal(rig.text(), expected);
  assert.equal(readPins(rig.checkout).actions[0]?.commit, commit);
  const again = await resolve(rig);
  assert.equal(again.written, false);
  assert.deepEqual(new Set(Object.values(kinds(again.results))), new Set(["kept"]));
});

test("resolves only what is named, by name or by kind and name; a name that is none is refused", async (t) => {
  const rig = await pinsRig(t);
  assert.deepEqual(kinds((await resolve(rig, ["kbs", "chart/arc"])).results), {
    "image/kbs": "resolved",
    "chart/arc": "resolved",
  });
  assert.equal(await failureCodeOf(resolve(rig, ["image/arc"])), "PIN_UNKNOWN");
});

test("--check confirms what is pinned, shouts at what moved, and writes nothing", async (t) => {
  const rig = await pinsRig(t);
  await resolve(rig);
  rig.edit(imageDigest, other);
  rig.edit(`arm64: ${pluginDigests.arm64}`, "arm64: unresolved");
  rig.edit(`commit: ${commit}`, "commit: unresolved");
  const before = rig.text();
  const { results, written } = await resolve(rig, [], true);
  assert.equal(written, false);
  assert.equal(rig.text(), before);
  assert.deepEqual(kinds(results), {
    "image/kbs": "moved",
    "chart/kyverno": "confirmed",
    "chart/arc": "confirmed",
    "action/checkout": "unresolved",
    "plugin/github": "confirmed",
  });
  const [moved] = results;
  assert.ok(moved?.kind === "moved");
  assert.deepEqual(moved.differences, [{ path: ["digest"], pinned: other, now: imageDigest }]);
});

test("a digest that is pinned is never changed, not even to fill in the other platform's", async (t) => {
  const rig = await pinsRig(t);
  rig.edit("amd64: unresolved", `amd64: ${other}`);
  const before = rig.text();
  const { results } = await resolve(rig, ["github"]);
  assert.deepEqual(kinds(results), { "plugin/github": "moved" });
  assert.equal(rig.text(), before);
});

test("what can't be asked loses nothing: the rest is written", async (t) => {
  const rig = await pinsRig(t, (path) => (path.startsWith("/api/") ? { status: 500 } : undefined));
  const { results, written } = await resolve(rig);
  assert.ok(written);
  assert.deepEqual(kinds(results), {
    "image/kbs": "resolved",
    "chart/kyverno": "resolved",
    "chart/arc": "resolved",
    "action/checkout": "unavailable",
    "plugin/github": "unavailable",
  });
  assert.equal(readPins(rig.checkout).images[0]?.digest, imageDigest);
});

test("a version that nobody has, and sources that don't agree, are told apart from silence", async (t) => {
  const rig = await pinsRig(t, (path) => {
    if (path.endsWith(".tgz")) return { status: 200, body: "another archive" };
    if (path === "/sums") {
      return { status: 200, body: `${"7".repeat(64)}  pulumi-resource-github-v6.15.0-linux-amd64.tar.gz\n` };
    }
    return path.includes("checkout") || path.includes("kbs") ? { status: 404 } : undefined;
  });
  const { results } = await resolve(rig);
  assert.deepEqual(kinds(results), {
    "image/kbs": "absent",
    "chart/kyverno": "contradicted",
    "chart/arc": "resolved",
    "action/checkout": "absent",
    "plugin/github": "contradicted",
  });
});

test("a tag of tags without an end is no commit", async (t) => {
  const rig = await pinsRig(t, (path) =>
    path.includes("/git/")
      ? { status: 200, body: JSON.stringify({ object: { type: "tag", sha: "d".repeat(40) } }) }
      : undefined,
  );
  assert.deepEqual(kinds((await resolve(rig, ["checkout"])).results), { "action/checkout": "unavailable" });
});

test("a file that changed in the meantime, or may not be written, is left as it is", async (t) => {
  const rig = await pinsRig(t);
  const open = openPins(rig.checkout);
  rig.edit("# Who reads this?", "# Somebody does.");
  const before = rig.text();
  assert.equal(await failureCodeOf(resolvePins(open, { names: [], check: false }, rig.sources)), "STACK_FILE_CHANGED");
  assert.equal(rig.text(), before);
  if (process.getuid?.() === 0) return;
  chmodSync(join(rig.checkout, "pins.yaml"), 0o444);
  assert.equal(await failureCodeOf(resolve(rig)), "FILE_UNWRITABLE");
});

function context(rig: PinsRig, environment: Readonly<Record<string, string>>): CommandContext {
  const { checkout } = rig;
  return {
    directories: { checkout, cache: checkout, state: checkout, run: checkout },
    environment: { DOCKER_CONFIG: checkout, ...environment },
    now: () => new Date(),
    signal: new AbortController().signal,
    progress: () => undefined,
  };
}

test("the command exits 0 when all is pinned, 1 when a tag moved, 3 when something could not be asked", async (t) => {
  const rig = await pinsRig(t);
  const api = { GITHUB_API_URL: `http://${rig.server.host}/api` };
  const names = ["kbs", "checkout", "github"];
  const done = await pinAction(names, {}, context(rig, api));
  assert.equal(done.exitCode, 0);
  assert.ok(done.lines.some((line) => line.startsWith("pins.yaml was written")));
  const checked = await pinAction(names, { check: true }, context(rig, api));
  assert.equal(checked.exitCode, 0);

  const silent = { GITHUB_API_URL: "http://127.0.0.1:9" };
  const partly = await pinAction(["checkout", "kbs"], { check: true }, context(rig, silent));
  assert.equal(partly.exitCode, 3);
  rig.edit(imageDigest, other);
  const moved = await pinAction(["checkout", "kbs"], { check: true }, context(rig, silent));
  assert.equal(moved.exitCode, 1);
  const { ok, pins } = moved.document as { ok: boolean; pins: { pin: string; result: string }[] };
  assert.equal(ok, false);
  assert.deepEqual(
    pins.map(({ pin, result }) => [pin, result]),
    [
      ["image/kbs", "moved"],
      ["action/checkout", "unavailable"],
    ],
  );
});

test("no answer and no message holds the token", async (t) => {
  const rig = await pinsRig(t, (path) => (path.startsWith("/api/") ? { status: 401, body: "ghp_secret" } : undefined));
  const environment = { GITHUB_API_URL: `http://${rig.server.host}/api`, GH_TOKEN: "ghp_secret" };
  const outcome = await pinAction(["checkout"], {}, context(rig, environment));
  assert.equal(outcome.exitCode, 3);
  assert.ok(!JSON.stringify(outcome).includes("ghp_secret"));
  assert.ok(rig.server.seen.some(({ headers }) => headers.authorization === "Bearer ghp_secret"));
});

test("pins.yaml that is damaged is told by its faults", async (t) => {
  const rig = await pinsRig(t);
  writeFileSync(join(rig.checkout, "pins.yaml"), "schema: 2\n");
  assert.equal(await failureCodeOf(pinAction([], {}, context(rig, {}))), "PINS_INVALID");
});
