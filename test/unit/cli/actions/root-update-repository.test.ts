import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { rootUpdateAction } from "../../../../src/cli/actions/root-update.ts";
import type { Failure } from "../../../../src/core/failure.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { rootUpdateRig } from "../../../support/root-update-rig.ts";
import type { RootUpdateRig } from "../../../support/root-update-rig.ts";
import { productionRootBytes } from "../../../support/sigstore-production-root.ts";
import { serveTuf } from "../../../support/tuf-server.ts";

const lab = await startReleaseLab();
const labRoot = lab.sigstore.trustedRoot;
const production = productionRootBytes();
const rig = (t: TestContext): Promise<RootUpdateRig> => rootUpdateRig(t, lab, production);

test("an expired repository is refused: TUF_EXPIRED", async (t) => {
  const { tuf, refusal } = await rig(t);
  tuf.publish({ expires: new Date("2024-01-01T00:00:00Z") });
  const failure = await refusal();
  assert.equal(failure.code, "TUF_EXPIRED");
  assert.equal(failure.kind, "refused");
});

test("a repository that goes back behind what was seen is refused: TUF_ROLLED_BACK", async (t) => {
  const { tuf, run, refusal } = await rig(t);
  tuf.publish({ version: 3 });
  await run();
  tuf.publish({ version: 3 });
  await run();
  tuf.publish({ version: 2, targets: { "trusted_root.json": labRoot } });
  const failure = await refusal();
  assert.equal(failure.code, "TUF_ROLLED_BACK");
  assert.equal(failure.kind, "refused");
  tuf.publish({ version: 4, targets: { "trusted_root.json": labRoot } });
  assert.equal((await run()).exitCode, 0);
});

test("what is remembered of a repository, damaged, does not stop the next update", async (t) => {
  const { stack, run } = await rig(t);
  await run();
  const memory = join(stack.context.directories.cache, "tuf");
  const [folder = ""] = readdirSync(memory);
  assert.deepEqual(readdirSync(join(memory, folder)).sort(), [
    "root.json",
    "snapshot.json",
    "targets.json",
    "timestamp.json",
  ]);
  for (const name of readdirSync(join(memory, folder))) writeFileSync(join(memory, folder, name), "{");
  assert.equal((await run()).exitCode, 0);
});

for (const [what, file, change] of [
  ["another's signature", "timestamp.json", (text: string) => text.replace(/"sig":"../, '"sig":"00')],
  ["changed metadata", "targets.json", (text: string) => text.replace('"version":1', '"version":2')],
  ["another target", "targets/trusted_root.json", (text: string) => text.replace("2021", "2020")],
  ["a website", "timestamp.json", () => "<html></html>"],
  ["endless metadata", "timestamp.json", (text: string) => text + " ".repeat(100_000)],
] as const) {
  test(`a repository with ${what} is refused: TUF_REFUSED`, async (t) => {
    const { tuf, refusal } = await rig(t);
    const files = tuf.publish({});
    tuf.instead(({ url }) => {
      const body = url === `/tuf/${file}` ? files.get(file) : undefined;
      return body === undefined ? undefined : { status: 200, body: change(Buffer.from(body).toString()) };
    });
    const failure = await refusal();
    assert.equal(failure.code, "TUF_REFUSED");
    assert.equal(failure.kind, "refused");
  });
}

test("a root of another repository is refused: TUF_REFUSED", async (t) => {
  const { refusal } = await rig(t);
  const other = await serveTuf(t, production);
  assert.equal((await refusal({ tufRoot: other.rootFile })).code, "TUF_REFUSED");
});

test("a repository without the target is told: TUF_TARGET_MISSING", async (t) => {
  const { tuf, refusal } = await rig(t);
  tuf.publish({ targets: { "other.json": production } });
  assert.equal((await refusal()).code, "TUF_TARGET_MISSING");
});

test("CVE-2026-24137: a target's name never becomes a path; nothing is left in the temporary folder", async (t) => {
  const { tuf, run } = await rig(t);
  const evil = Buffer.from("evil");
  const name = `neko-evil-${process.pid}`;
  tuf.publish({ targets: { "trusted_root.json": production, [`../../../${name}`]: evil, [`/tmp/${name}`]: evil } });
  // A temporary folder of its own: other tests have theirs in the machine's at the same time.
  const temporary = mkdtempSync(join(tmpdir(), "neko-evil-"));
  const { TMPDIR } = process.env;
  t.after(() => {
    rmSync(temporary, { recursive: true });
    if (TMPDIR === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = TMPDIR;
  });
  process.env["TMPDIR"] = temporary;
  assert.equal((await run()).exitCode, 0);
  assert.deepEqual(readdirSync(temporary), []);
  assert.ok(!existsSync(join("/tmp", name)));
  assert.ok(tuf.server.seen.every(({ url }) => !url.includes("evil")));
});

for (const [what, answer, said] of [
  ["fails", { status: 500 }, "HTTP 500"],
  ["has nothing there", { status: 404 }, "HTTP 404"],
] as const) {
  test(`a repository that ${what} is unavailable: TUF_UNAVAILABLE, exit 3`, async (t) => {
    const { tuf, refusal } = await rig(t);
    tuf.instead(({ url }) => (url.endsWith("/timestamp.json") ? answer : undefined));
    const failure = await refusal();
    assert.equal(failure.code, "TUF_UNAVAILABLE");
    assert.equal(failure.kind, "unavailable");
    assert.ok(failure.message.includes(said), failure.message);
  });
}

test("a repository that is down is unavailable", async (t) => {
  const { refusal } = await rig(t);
  const failure = await refusal({ tufMirror: "http://127.0.0.1:9/tuf" });
  assert.equal(failure.code, "TUF_UNAVAILABLE");
  assert.match(failure.message, /ECONNREFUSED|bad port/);
});

for (const [what, options, code] of [
  ["a mirror without its root", { tufMirror: "https://tuf.example", tufRoot: undefined }, "TUF_ROOT_MISSING"],
  ["http elsewhere than on loopback", { tufMirror: "http://tuf.example/" }, "TUF_MIRROR_INVALID"],
  ["http to a host whose name begins like loopback", { tufMirror: "http://127.0.0.1.example/" }, "TUF_MIRROR_INVALID"],
  ["credentials in the address", { tufMirror: "https://u:hunter2@tuf.example/" }, "TUF_MIRROR_INVALID"],
  ["a query", { tufMirror: "https://tuf.example/?a" }, "TUF_MIRROR_INVALID"],
  ["another scheme", { tufMirror: "file:///etc" }, "TUF_MIRROR_INVALID"],
  ["no URL", { tufMirror: "tuf" }, "TUF_MIRROR_INVALID"],
  ["a root that is not there", { tufRoot: "/nonexistent/root.json" }, "TUF_ROOT_UNREADABLE"],
  ["a root that is a folder", { tufRoot: "/tmp" }, "TUF_ROOT_UNREADABLE"],
  ["a root that is a trusted root", { tufRoot: "stacks/roots/public-good.json" }, "TUF_ROOT_INVALID"],
] as const) {
  test(`refuses ${what}: ${code}, and asks nobody`, async (t) => {
    const { tuf, stack, options: good } = await rig(t);
    const given = Object.entries({ ...good, ...options }).filter(([, value]) => value !== undefined);
    const call = rootUpdateAction("local", Object.fromEntries(given), stack.context);
    await assert.rejects(call, (error: Failure) => error.code === code && !error.message.includes("hunter2"));
    assert.deepEqual(tuf.server.seen, []);
  });
}
