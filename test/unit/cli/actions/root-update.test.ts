import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { rootUpdateAction } from "../../../../src/cli/actions/root-update.ts";
import { sha256Hex } from "../../../../src/core/oci/digest.ts";
import { readYamlConfig } from "../../../../src/config/read-config.ts";
import { withValues } from "../../../support/documents.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { rootUpdateRig } from "../../../support/root-update-rig.ts";
import type { RootUpdateRig } from "../../../support/root-update-rig.ts";
import { noDigest } from "../../../support/stack-lab.ts";
import { productionRootBytes } from "../../../support/sigstore-production-root.ts";

const lab = await startReleaseLab();
const labRoot = lab.sigstore.trustedRoot;
const production = productionRootBytes();

const rig = (t: TestContext, offered: Uint8Array = production): Promise<RootUpdateRig> =>
  rootUpdateRig(t, lab, offered);

test("writes the root and its pin, and shows what is added and removed", async (t) => {
  const { stack, rootFile, run } = await rig(t);
  const before = stack.text();
  const { exitCode, lines, document } = await run();
  assert.equal(exitCode, 0);
  assert.deepEqual(readFileSync(rootFile), production);
  const { roots } = readYamlConfig("local", stack.context.directories).policy;
  assert.equal(roots.sigstore.sha256, sha256Hex(production));
  assert.ok(Date.now() - Date.parse(roots.sigstore.fetched) < 60_000);
  const shown = document as {
    changes: { change: string }[];
    before: { sha256: string; fetched: string };
    same: boolean;
  };
  assert.equal(
    stack.text(),
    before.replace(sha256Hex(labRoot), sha256Hex(production)).replace(shown.before.fetched, roots.sigstore.fetched),
  );
  const counts = Object.groupBy(shown.changes, ({ change }) => change);
  assert.deepEqual([counts["added"]?.length, counts["removed"]?.length, counts["same"]], [7, 5, undefined]);
  assert.equal(shown.same, false);
  const text = lines.join("\n");
  assert.match(
    text,
    /\n\+ {2}added +transparency log +c0d23d6ad406 {2}https:\/\/rekor\.sigstore\.dev +2021-01-12T11:53:27Z {2}in use\n/,
  );
  assert.match(text, /\n- {2}removed +certificate authority +[0-9a-f]{12} {2}https:\/\/fulcio\.neko-lab\.test /);
});

/** Makes the stack's file one with a signer's release under a policy of its own; what that says of the root, read anew. */
function withSigner({ stack }: RootUpdateRig, changes: Readonly<Record<string, unknown>> = {}) {
  const { policy } = readYamlConfig("local", stack.context.directories);
  const image = "registry.neko-lab.test/m1k1o/neko/signer";
  const disk = { kind: "oci", reference: `${image}@${noDigest}` };
  const own = withValues({ ...policy, name: "neko-lab-signer" }, { "images.0.repository": image });
  const signerRelease = { image, current: noDigest, retained: [], disk, policy: own };
  stack.write(stack.yaml({ signerRelease: withValues(signerRelease, changes) }));
  return () => readYamlConfig("local", stack.context.directories).signerRelease?.policy.roots.sigstore;
}

test("the signer's policy that pinned the same root is given the same pin, whatever it calls the file", async (t) => {
  for (const changes of [{}, { trustedRoot: "trusted_root.json" }, { trustedRoot: "./stacks/../trusted_root.json" }]) {
    const its = await rig(t);
    const pinned = withSigner(its, changes);
    const before = its.stack.text();
    const { exitCode, lines, document } = await its.run();
    assert.equal(exitCode, 0);
    const { sigstore } = readYamlConfig("local", its.stack.context.directories).policy.roots;
    assert.deepEqual(pinned(), sigstore);
    assert.equal(sigstore.sha256, sha256Hex(production));
    assert.ok(lines.includes("signerRelease.policy pins the same root: the same there."));
    const {
      before: old,
      notes,
      signerReleaseToo,
    } = document as {
      before: { fetched: string };
      notes: string[];
      signerReleaseToo: boolean;
    };
    assert.deepEqual([notes, signerReleaseToo], [[], true]);
    const expected = before.replaceAll(sha256Hex(labRoot), sigstore.sha256).replaceAll(old.fetched, sigstore.fetched);
    assert.equal(its.stack.text(), expected);
  }
});

test("the same root again moves the date of both pins", async (t) => {
  const its = await rig(t, labRoot);
  const pinned = withSigner(its);
  assert.equal((await its.run()).exitCode, 0);
  const { sigstore } = readYamlConfig("local", its.stack.context.directories).policy.roots;
  assert.equal(sigstore.sha256, sha256Hex(labRoot));
  assert.deepEqual(pinned(), sigstore);
  assert.ok(Date.now() - Date.parse(sigstore.fetched) < 60_000);
});

test("a signer's policy that pins another root, or has a file of its own, is left as it is, and that is told", async (t) => {
  for (const [changes, told] of [
    [
      { "policy.roots.sigstore.sha256": "b".repeat(64) },
      /^note: signerRelease\.policy pinned another root .+ by hand\.$/,
    ],
    [{ trustedRoot: "own.json" }, /^note: signerRelease has a root of its own, own\.json: that one and its pin stay/],
    [{ trustedRoot: "trusted_root.json/x" }, /^note: signerRelease has a root of its own, trusted_root\.json\/x: /],
  ] as const) {
    const its = await rig(t);
    const pinned = withSigner(its, changes);
    const before = pinned();
    const { exitCode, lines, document } = await its.run();
    assert.equal(exitCode, 0);
    assert.deepEqual(pinned(), before);
    assert.ok(
      lines.some((line) => told.test(line)),
      lines.join("\n"),
    );
    assert.equal((document as { signerReleaseToo: boolean }).signerReleaseToo, false);
  }
});

test("the lab's own TUF repository gives the lab's root: the same root moves its date only", async (t) => {
  const { stack, rootFile } = await rig(t);
  const options = {
    tufMirror: lab.sigstore.server.urls.tuf,
    tufRoot: join(lab.sigstore.stateDirectory, "tuf-root.json"),
  };
  const before = stack.text();
  const { exitCode, lines, document } = await rootUpdateAction("local", options, stack.context);
  assert.equal(exitCode, 0);
  assert.equal((document as { same: boolean }).same, true);
  assert.ok(lines.some((line) => line.startsWith("The same root as before")));
  assert.deepEqual(readFileSync(rootFile), Buffer.from(labRoot));
  const { after, before: old } = document as Record<string, { fetched: string }>;
  assert.equal(stack.text(), before.replace(old?.fetched ?? "", after?.fetched ?? ""));
});

test("a dry run changes nothing", async (t) => {
  const { stack, rootFile, run } = await rig(t);
  const before = stack.text();
  const { exitCode, document } = await run({ dryRun: true });
  assert.equal(exitCode, 0);
  assert.equal((document as { written: boolean }).written, false);
  assert.equal(stack.text(), before);
  assert.deepEqual(readFileSync(rootFile), Buffer.from(labRoot));
});

test("what is offered and not there yet is new; a file that is not the pinned one is told", async (t) => {
  const { rootFile, run } = await rig(t);
  rmSync(rootFile);
  const fresh = await run({ dryRun: true });
  assert.ok(fresh.lines.some((line) => line.startsWith("note: There was no trusted_root.json")));
  writeFileSync(rootFile, "{}");
  const broken = await run({ dryRun: true });
  assert.ok(broken.lines.some((line) => line.startsWith("note: trusted_root.json could not be read")));
  assert.ok(
    broken.lines.some((line) => line.startsWith("note: trusted_root.json was not the file that the policy pins")),
  );
  assert.equal((await run()).exitCode, 0);
  assert.deepEqual(readFileSync(rootFile), production);
});

test("another stack that pins the old file is told", async (t) => {
  const { stack, run } = await rig(t);
  stack.writeStaging({});
  const { lines } = await run({ dryRun: true });
  assert.ok(lines.some((line) => line.startsWith("note: Stack staging names the same file, and pins the old one")));
});

test("a validity that was widened is told", async (t) => {
  const document = JSON.parse(production.toString()) as unknown;
  const reopened = withValues(document, { "certificateAuthorities.0.validFor.end": undefined });
  const { rootFile, run } = await rig(t, Buffer.from(JSON.stringify(reopened)));
  writeFileSync(rootFile, production);
  const { lines } = await run({ dryRun: true });
  assert.ok(
    lines.some((line) => /^~ {2}was +certificate authority .+2022-12-31T23:59:59Z$/.test(line)),
    lines.join("\n"),
  );
  assert.ok(lines.some((line) => /^~ {2}widened +certificate authority .+in use$/.test(line)));
  assert.ok(lines.some((line) => line.startsWith("note: 1 validity widened")));
});

test("a key without a start is refused with its finding: exit 1, nothing changed", async (t) => {
  const document = JSON.parse(production.toString()) as unknown;
  const endless = withValues(document, { "tlogs.0.publicKey.validFor.start": undefined });
  const { stack, rootFile, run } = await rig(t, Buffer.from(JSON.stringify(endless)));
  const before = stack.text();
  const { exitCode, document: shown } = await run();
  assert.equal(exitCode, 1);
  assert.deepEqual(
    (shown as { findings: { code: string }[] }).findings.map(({ code }) => code),
    ["ROOT_KEY_WITHOUT_START"],
  );
  assert.equal(stack.text(), before);
  assert.deepEqual(readFileSync(rootFile), Buffer.from(labRoot));
});

test("a target that is no UTF-8 is refused: other bytes than were verified are never pinned", async (t) => {
  const { refusal } = await rig(t, Buffer.concat([production, Buffer.from([0xff])]));
  assert.equal((await refusal()).code, "TUF_REFUSED");
});

test("what is no trusted root is refused", async (t) => {
  for (const bytes of [Buffer.from("{}"), Buffer.from("<html>"), Buffer.alloc(0)]) {
    const { run } = await rig(t, bytes);
    const { exitCode, document } = await run();
    assert.equal(exitCode, 1);
    assert.deepEqual(
      (document as { findings: { code: string }[] }).findings.map(({ code }) => code),
      ["ROOT_INVALID"],
    );
  }
});

test("a lab's root is refused outside of environment local", async (t) => {
  const { stack, options } = await rig(t, labRoot);
  stack.writeStaging({});
  const { exitCode, document } = await rootUpdateAction("staging", options, stack.context);
  assert.equal(exitCode, 1);
  assert.deepEqual(
    (document as { findings: { code: string }[] }).findings.map(({ code }) => code),
    ["ROOT_LOCAL_OUTSIDE_LOCAL"],
  );
});

test("the lab's stack and unknown stacks are refused", async (t) => {
  const { stack, options, refusal } = await rig(t);
  stack.write(stack.yaml({ release: "lab" }));
  assert.equal((await refusal()).code, "STACK_TAKES_LAB_RELEASES");
  await assert.rejects(rootUpdateAction("nowhere", options, stack.context), { code: "STACK_UNKNOWN" });
});

test("both or neither: when the pin can't be written, the root is as it was", async (t) => {
  const { stack, rootFile, refusal } = await rig(t);
  // Writing whole needs a longer name beside it than a file system has: that fails for root, too.
  const long = join(stack.context.directories.checkout, "stacks", `${"a".repeat(250)}.yaml`);
  renameSync(stack.path, long);
  symlinkSync(long, stack.path);
  assert.equal((await refusal()).code, "FILE_UNWRITABLE");
  rmSync(rootFile);
  assert.equal((await refusal()).code, "FILE_UNWRITABLE");
});

test("when the root can't be written, the pin stays", async (t) => {
  const { rootFile, refusal } = await rig(t);
  rmSync(rootFile);
  mkdirSync(rootFile);
  const before = readdirSync(rootFile);
  await assert.rejects(() => refusal());
  assert.deepEqual(readdirSync(rootFile), before);
});

test("an interruption ends it", async (t) => {
  const { stack, options, tuf } = await rig(t);
  const controller = new AbortController();
  tuf.instead(() => {
    controller.abort(new Error("stopped"));
    return undefined;
  });
  const context = { ...stack.context, signal: controller.signal };
  await assert.rejects(rootUpdateAction("local", options, context), { message: "stopped" });
});
