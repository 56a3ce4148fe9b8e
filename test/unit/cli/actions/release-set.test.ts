import assert from "node:assert/strict";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { releaseSetAction } from "../../../../src/cli/actions/release-set.ts";
import type { ReleaseSetOptions } from "../../../../src/cli/actions/release-set.ts";
import type { Outcome } from "../../../../src/cli/outcome.ts";
import type { Failure } from "../../../../src/core/failure.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { editStackFile, openStackFile, writeStackFile } from "../../../../src/operations/edit-stack-file.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { failureOf } from "../../../support/stack-files.ts";
import { noDigest, refusalOf, releasesOf, stackLab } from "../../../support/stack-lab.ts";
import type { StackLab } from "../../../support/stack-lab.ts";

const lab = await startReleaseLab();
const present = lab.evidence.digest;

const run = (stack: StackLab, reference: string, options: ReleaseSetOptions = {}): Promise<Outcome> =>
  releaseSetAction("local", reference, options, stack.context);

const refusal = (stack: StackLab, reference: string, options: ReleaseSetOptions = {}): Promise<Failure> =>
  refusalOf(stack, () => run(stack, reference, options));

test("makes a proven release current: the old one is retained, and nothing else in the file changes", async (t) => {
  const stack = await stackLab(t, lab);
  const next = await stack.publish("1.2.4");
  const before = stack.text();
  const { exitCode, lines, document } = await run(stack, `${stack.repository}@${next}`);
  assert.equal(exitCode, 0);
  assert.deepEqual(releasesOf(stack.text()), [{ image: stack.repository, current: next, retained: [present] }]);
  assert.equal(
    stack.text(),
    before.replace(`current: ${present}`, `current: ${next}`).replace("retained: []", `retained: [${present}]`),
  );
  const text = lines.join("\n");
  for (const said of [`${present} (1.2.3)`, `→  ${next} (1.2.4)`, "git diff stacks/Pulumi.local.yaml"]) {
    assert.ok(text.includes(said), text);
  }
  const shown = document as { ok: boolean; changed: boolean; written: boolean; releases: unknown[] };
  assert.deepEqual([shown.ok, shown.changed, shown.written], [true, true, true]);
  assert.deepEqual(shown.releases, [
    {
      resolved: `${stack.repository}@${next}`,
      name: "neko-trust-sample",
      version: "1.2.4",
      notes: [],
      changed: true,
      image: stack.repository,
      old: { digest: present, version: "1.2.3" },
      current: { digest: next, version: "1.2.4" },
      retained: [present],
      dropped: [],
    },
  ]);
});

test("a tag is resolved once, and the digest is what is written", async (t) => {
  const stack = await stackLab(t, lab);
  const next = await stack.publish("1.2.4");
  const { manifests } = stack.served.registry;
  manifests.set("stable", manifests.get(next) ?? { type: mediaTypes.index, body: Buffer.alloc(0) });
  const { exitCode } = await run(stack, `${stack.repository}:stable`);
  assert.equal(exitCode, 0);
  assert.ok(stack.text().includes(`current: ${next}`));
  assert.equal(stack.served.server.seen.filter(({ url }) => url.endsWith("/manifests/stable")).length, 1);
});

test("what is current already changes nothing, and the file is not even written", async (t) => {
  const stack = await stackLab(t, lab);
  const before = statSync(stack.path);
  const { exitCode, lines, document } = await run(stack, `${stack.repository}@${present}`);
  assert.equal(exitCode, 0);
  assert.match(lines.at(-1) ?? "", /^Nothing to change/);
  assert.equal((document as { changed: boolean }).changed, false);
  assert.deepEqual([statSync(stack.path).ino, statSync(stack.path).mtimeMs], [before.ino, before.mtimeMs]);
});

test("a release that is not proven is refused with its findings: exit 1, file untouched", async (t) => {
  const stack = await stackLab(t, lab);
  const next = await stack.publish("1.2.4");
  stack.withdraw(next);
  const before = stack.text();
  const { exitCode, lines, document } = await run(stack, `${stack.repository}@${next}`);
  assert.equal(exitCode, 1);
  assert.ok(lines.some((line) => line.startsWith("✗ STATEMENT_MISSING")));
  assert.equal(lines.at(-1), "stacks/Pulumi.local.yaml was not changed.");
  assert.equal((document as { ok: boolean }).ok, false);
  assert.equal(stack.text(), before);
});

test("a dry run verifies, shows the change, and writes nothing", async (t) => {
  const stack = await stackLab(t, lab);
  const next = await stack.publish("1.2.4");
  const before = stack.text();
  const { exitCode, lines, document } = await run(stack, `${stack.repository}@${next}`, { dryRun: true });
  assert.equal(exitCode, 0);
  assert.equal(stack.text(), before);
  assert.ok(lines.some((line) => line.includes(`→  ${next}`)));
  assert.equal((document as { written: boolean }).written, false);
});

test("an image without a release gets an entry", async (t) => {
  const stack = await stackLab(t, lab, { releases: [] });
  const { exitCode, lines } = await run(stack, `${stack.repository}@${present}`);
  assert.equal(exitCode, 0);
  assert.deepEqual(releasesOf(stack.text()), [{ image: stack.repository, current: present, retained: [] }]);
  assert.ok(lines.includes("    current   none"));
});

test("zeros stand for no release yet: the first one takes their place, and they are not retained", async (t) => {
  const zeros = `sha256:${"0".repeat(64)}`;
  const stack = await stackLab(t, lab);
  const image = stack.repository;
  stack.write(stack.yaml({ releases: [{ image, current: zeros, retained: [] }] }));
  const { lines } = await run(stack, `${image}@${present}`);
  assert.deepEqual(releasesOf(stack.text()), [{ image, current: present, retained: [] }]);
  assert.ok(lines.includes("    current   none"));
  assert.ok(!stack.served.server.seen.some(({ url }) => url.includes(zeros)));
});

for (const [what, options, retained, dropped] of [
  ["--drop-old leaves the old one out", { dropOld: true }, ["2", "3"], ["0"]],
  ["--retain keeps the latest", { retain: "2" }, ["0", "2"], ["3"]],
  ["--retain 0 keeps none", { retain: "0" }, [], ["0", "2", "3"]],
  ["all are kept unless told", {}, ["0", "2", "3"], []],
] as const) {
  test(`${what}, and what is dropped is said`, async (t) => {
    const digits = (digit: string): string => (digit === "0" ? present : `sha256:${digit.repeat(64)}`);
    const stack = await stackLab(t, lab);
    const image = stack.repository;
    stack.write(stack.yaml({ releases: [{ image, current: present, retained: ["2", "3"].map(digits) }] }));
    const next = await stack.publish("1.2.4");
    const { exitCode, lines } = await run(stack, `${image}@${next}`, options);
    assert.equal(exitCode, 0);
    assert.deepEqual(releasesOf(stack.text()), [{ image, current: next, retained: retained.map(digits) }]);
    assert.deepEqual(
      lines.filter((line) => line.startsWith("    dropped")),
      dropped.map((digit) => `    dropped   ${digits(digit)}`),
    );
  });
}

test("an older release is refused: RELEASE_OLDER, with both versions", async (t) => {
  const stack = await stackLab(t, lab);
  const old = await stack.publish("1.2.2");
  const failure = await refusal(stack, `${stack.repository}@${old}`);
  assert.equal(failure.code, "RELEASE_OLDER");
  assert.equal(failure.kind, "refused");
  assert.deepEqual(failure.details, [`${stack.repository}: 1.2.3 (${present}) → 1.2.2 (${old})`]);
});

test("a current release that does not verify any more is told, and no version is compared", async (t) => {
  const stack = await stackLab(t, lab);
  stack.write(stack.yaml({ "policy.revoked": [present] }));
  const old = await stack.publish("1.2.2");
  const { exitCode, lines } = await run(stack, `${stack.repository}@${old}`);
  assert.equal(exitCode, 0);
  assert.ok(lines.some((line) => line.includes("does not verify any more (REVOKED)")));
  assert.ok(lines.every((line) => !line.includes("--drop-old")));
  assert.deepEqual(releasesOf(stack.text()), [{ image: stack.repository, current: old, retained: [present] }]);
});

test("a current release that the registry has no more is told, with what to do about the retained one", async (t) => {
  const stack = await stackLab(t, lab);
  stack.write(stack.yaml({ releases: [{ image: stack.repository, current: noDigest, retained: [present] }] }));
  const { exitCode, lines } = await run(stack, `${stack.repository}@${present}`);
  assert.equal(exitCode, 0);
  assert.ok(lines.some((line) => line.includes("(REGISTRY_ABSENT)")));
  assert.ok(lines.some((line) => line.includes("leave it out with --drop-old")));
  assert.deepEqual(releasesOf(stack.text()), [{ image: stack.repository, current: present, retained: [noDigest] }]);
});

test("a registry that keeps silent about the current release is no leave to go back: exit 3", async (t) => {
  const stack = await stackLab(t, lab);
  const old = await stack.publish("1.2.2");
  stack.served.registry.manifests.set(present, { type: mediaTypes.index, body: Buffer.from("{}") });
  const failure = await refusal(stack, `${stack.repository}@${old}`);
  assert.equal(failure.kind, "unavailable");
  assert.equal(failure.code, "REGISTRY_BROKEN");
});

test("an image that the policy does not name is refused before its registry is asked", async (t) => {
  const stack = await stackLab(t, lab);
  const failure = await refusal(stack, `${stack.repository}-other@${present}`);
  assert.equal(failure.code, "IMAGE_NOT_IN_POLICY");
  assert.equal(failure.kind, "refused");
  assert.deepEqual(stack.served.server.seen, []);
});

test("a mirror is refused where the stack takes the image from elsewhere", async (t) => {
  const stack = await stackLab(t, lab);
  const mirror = stack.repository.replace("/base", "/mirror");
  stack.write(stack.yaml({ "policy.images.0.mirrors": [mirror] }));
  const failure = await refusal(stack, `${mirror}@${present}`);
  assert.equal(failure.code, "RELEASE_OTHER_REPOSITORY");
  assert.ok(failure.remedy.includes(stack.repository));
});

test("two entries of one image are refused", async (t) => {
  const stack = await stackLab(t, lab);
  const entry = { image: stack.repository, current: noDigest, retained: [] };
  stack.write(stack.yaml({ releases: [entry, entry] }));
  assert.equal((await refusal(stack, `${stack.repository}@${present}`)).code, "RELEASE_NAMED_TWICE");
});

for (const [what, reference, options, code] of [
  ["no reference", "x", {}, "REFERENCE_INVALID"],
  ["a count that is none", "a.example/b:c", { retain: "-1" }, "RETAIN_INVALID"],
  ["a count with a fraction", "a.example/b:c", { retain: "1.5" }, "RETAIN_INVALID"],
  ["no count", "a.example/b:c", { retain: "" }, "RETAIN_INVALID"],
] as const) {
  test(`refuses ${what}: ${code}`, async (t) => {
    const stack = await stackLab(t, lab);
    assert.equal((await refusal(stack, reference, options)).code, code);
  });
}

test("refuses an unknown stack, the lab's stack, a key that stands twice, what is no UTF-8, anchors", async (t) => {
  const stack = await stackLab(t, lab);
  const reference = `${stack.repository}@${present}`;
  const { directories } = stack.context;
  await assert.rejects(releaseSetAction("nowhere", reference, {}, stack.context), { code: "STACK_UNKNOWN" });
  const good = stack.text();
  stack.write(stack.yaml({ release: "lab" }));
  assert.equal((await refusal(stack, reference)).code, "STACK_TAKES_LAB_RELEASES");
  stack.write(`${good}config: {}\n`);
  assert.equal((await refusal(stack, reference)).code, "CONFIG_NOT_YAML");
  writeFileSync(stack.path, Buffer.concat([Buffer.from("# \xff\n", "latin1"), Buffer.from(good)]));
  assert.equal(failureOf(() => openStackFile("local", directories)).code, "CONFIG_UNREADABLE");
  const next = await stack.publish("1.2.4");
  stack.write(good.replace("schema: 1", "schema: &one 1"));
  assert.equal((await refusal(stack, `${stack.repository}@${next}`)).code, "FILE_NOT_EDITABLE");
});

test("a file that changed meanwhile is left alone: STACK_FILE_CHANGED", async (t) => {
  const stack = await stackLab(t, lab);
  const { directories } = stack.context;
  const open = openStackFile("local", directories);
  const path = ["config", "neko-trust:releases", 0, "current"];
  const edited = editStackFile(open, [{ kind: "set", path, value: noDigest }], directories);
  const other = `${stack.text()}# another's change\n`;
  stack.write(other);
  const failure = failureOf(() => {
    writeStackFile(open, edited);
  });
  assert.equal(failure.code, "STACK_FILE_CHANGED");
  assert.equal(stack.text(), other);
});

test("an edit that the schema does not allow is refused before it is written", async (t) => {
  const stack = await stackLab(t, lab);
  const { directories } = stack.context;
  const open = openStackFile("local", directories);
  const path = ["config", "neko-trust:releases", 0, "current"];
  const failure = failureOf(() => editStackFile(open, [{ kind: "set", path, value: "latest" }], directories));
  assert.equal(failure.code, "CONFIG_INVALID");
});

test("the file keeps its mode, and a link stays a link", async (t) => {
  const stack = await stackLab(t, lab);
  const next = await stack.publish("1.2.4");
  const real = join(dirname(stack.path), "elsewhere.yaml");
  renameSync(stack.path, real);
  symlinkSync("elsewhere.yaml", stack.path);
  chmodSync(real, 0o644);
  const { exitCode } = await run(stack, `${stack.repository}@${next}`);
  assert.equal(exitCode, 0);
  assert.ok(lstatSync(stack.path).isSymbolicLink());
  assert.equal(statSync(real).mode & 0o777, 0o644);
  assert.ok(stack.text().includes(next));
});

test("a file that can't be written is told, and nothing is left beside it: FILE_UNWRITABLE", async (t) => {
  const stack = await stackLab(t, lab);
  const next = await stack.publish("1.2.4");
  // Writing whole needs a longer name beside it than a file system has: that fails for root, too.
  const long = join(dirname(stack.path), `${"a".repeat(250)}.yaml`);
  renameSync(stack.path, long);
  symlinkSync(long, stack.path);
  const failure = await refusal(stack, `${stack.repository}@${next}`);
  assert.equal(failure.code, "FILE_UNWRITABLE");
  assert.equal(failure.kind, "usage");
  assert.equal(readdirSync(dirname(stack.path)).length, 2);
});

test("a stack's file that is a folder can't be read: CONFIG_UNREADABLE", async (t) => {
  const stack = await stackLab(t, lab);
  mkdirSync(join(dirname(stack.path), "Pulumi.folder.yaml"));
  await assert.rejects(releaseSetAction("folder", "a.example/b:c", {}, stack.context), { code: "CONFIG_UNREADABLE" });
});

test("evidence that can't be read changes nothing: exit 3", async (t) => {
  const stack = await stackLab(
    t,
    lab,
    { releases: [] },
    { instead: (request, next) => (request.url.includes("/referrers/") ? { status: 403 } : next(request)) },
  );
  const before = stack.text();
  const { exitCode, lines } = await run(stack, `${stack.repository}@${present}`);
  assert.equal(exitCode, 3);
  assert.match(lines[0] ?? "", /^✗ not verified: the evidence for /);
  assert.equal(stack.text(), before);
});
