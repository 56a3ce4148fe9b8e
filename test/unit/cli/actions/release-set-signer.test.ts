import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { parse } from "yaml";
import { releaseSetAction } from "../../../../src/cli/actions/release-set.ts";
import type { ReleaseSetOptions } from "../../../../src/cli/actions/release-set.ts";
import type { Digest } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { smallRelease, startReleaseLab } from "../../../support/release-lab.ts";
import { noDigest, refusalOf, signerStackLab, stackLab } from "../../../support/stack-lab.ts";
import type { StackLab } from "../../../support/stack-lab.ts";

const lab = await startReleaseLab();

/** An image of one layer, for one platform. */
const small = { platforms: [{ os: "linux", architecture: "amd64" }], trees: [] } as const;
const measurements = { model: "neko-lab", rtmr1: "1".repeat(96), rtmr2: "2".repeat(96) };
/** Every version has the same. */
const [layer] = smallRelease(undefined, undefined, small).platforms[0]?.image.layers ?? [];
const signerOf = (sha256 = layer?.digest.slice("sha256:".length) ?? "") => ({ disk: { sha256 }, measurements });

interface Signer {
  readonly digest: Digest;
  readonly disk: string;
}

/** Publishes a signer's release of a version: its digest, and where its disk lies. */
async function publish(stack: StackLab, version: string, signer: object = { signer: signerOf() }): Promise<Signer> {
  const digest = await stack.publish(version, { ...small, ...signer });
  const index = stack.served.registry.manifests.get(digest);
  assert.equal(index?.type, mediaTypes.index);
  const { manifests } = JSON.parse(index.body.toString()) as { manifests: readonly { digest: string }[] };
  return { digest, disk: `${stack.repository}@${manifests[0]?.digest ?? ""}` };
}

const forSigners = { "signerRelease.policy.images.0.platforms": ["linux/amd64"] };
const stackOf = (t: TestContext, changes: Readonly<Record<string, unknown>> = {}): Promise<StackLab> =>
  signerStackLab(t, lab, { ...forSigners, ...changes });

const run = (stack: StackLab, { digest }: Signer, options: ReleaseSetOptions = {}) =>
  releaseSetAction("local", `${stack.repository}@${digest}`, { asSigner: true, ...options }, stack.context);

const refused = async (stack: StackLab, signer: Signer, options?: ReleaseSetOptions): Promise<string> =>
  (await refusalOf(stack, () => run(stack, signer, options))).code;

/** What a stack's file says of its signer's release, but for the policy. */
function signerIn(text: string): Record<string, unknown> {
  const { config } = parse(text) as { config: Record<string, Record<string, unknown>> };
  const { policy, trustedRoot, image, ...rest } = config["neko-trust:signerRelease"] ?? {};
  assert.ok(policy !== undefined && trustedRoot !== undefined && image !== undefined);
  return rest;
}

const oci = (reference: string) => ({ kind: "oci", reference });

test("the first release takes the place of zeros: nothing is retained, and nothing else in the file changes", async (t) => {
  const zeros = `sha256:${"0".repeat(64)}`;
  const stack = await stackOf(t, {
    "signerRelease.current": zeros,
    "signerRelease.disk.reference": `r.test/x@${zeros}`,
  });
  const first = await publish(stack, "1.2.3");
  const before = stack.text();
  const { exitCode, lines, document } = await run(stack, first);
  assert.equal(exitCode, 0, lines.join("\n"));
  assert.equal(
    stack.text(),
    before.replace(`current: ${zeros}`, `current: ${first.digest}`).replace(`r.test/x@${zeros}`, first.disk),
  );
  assert.match(lines[0] ?? "", /verified under policy "neko-lab-signer"/);
  assert.ok(lines.some((line) => line.endsWith(", neko-trust:signerRelease")));
  assert.ok(lines.includes(`    disk   →  ${first.disk}`));
  const [shown] = (document as { releases: readonly { disk: string }[] }).releases;
  assert.equal(shown?.disk, first.disk);
});

for (const [what, disks] of [
  ["no list of disks yet", {}],
  ["an empty list of disks", { "signerRelease.retainedDisks": [] }],
] as const) {
  test(`with ${what}, a second release moves the first and its disk to the retained ones; a third drops it`, async (t) => {
    const stack = await stackOf(t, disks);
    const [first, second, third] = [
      await publish(stack, "1.2.3"),
      await publish(stack, "1.2.4"),
      await publish(stack, "1.2.5"),
    ];
    await run(stack, first, { dropOld: true });
    stack.write(stack.text().replace("retained: []", "# The one before.\n    retained: [] # kept"));
    await run(stack, second);
    assert.deepEqual(signerIn(stack.text()), {
      current: second.digest,
      retained: [first.digest],
      disk: oci(second.disk),
      retainedDisks: [oci(first.disk)],
    });
    const last = await run(stack, third);
    assert.deepEqual(signerIn(stack.text()), {
      current: third.digest,
      retained: [second.digest],
      disk: oci(third.disk),
      retainedDisks: [oci(second.disk)],
    });
    assert.ok(last.lines.includes(`    dropped   ${first.digest}`));
    assert.match(stack.text(), /# The one before\.\n {4}retained: .* # kept\n/);
    const none = await run(stack, third);
    assert.match(none.lines.at(-1) ?? "", /^Nothing to change/);
  });
}

test("more than one is not retained, whatever is asked for; none is, when that is asked for", async (t) => {
  const stack = await stackOf(t);
  const [first, second, third] = [
    await publish(stack, "1.2.3"),
    await publish(stack, "1.2.4"),
    await publish(stack, "1.2.5"),
  ];
  await run(stack, first, { dropOld: true });
  await run(stack, second, { retain: "5" });
  await run(stack, third, { retain: "5" });
  assert.deepEqual(signerIn(stack.text())["retained"], [second.digest]);
  await run(stack, await publish(stack, "1.2.6"), { retain: "0" });
  const { retained, retainedDisks } = signerIn(stack.text());
  assert.deepEqual([retained, retainedDisks], [[], []]);
});

test("a disk that was a file becomes the release's; it is the file that is retained", async (t) => {
  const file = { kind: "file", path: "disk.tar.gz" };
  const stack = await stackOf(t);
  const [first, second] = [await publish(stack, "1.2.3"), await publish(stack, "1.2.4")];
  await run(stack, first, { dropOld: true });
  const block = /disk:\n {6}kind: oci\n {6}reference: .*\n/;
  assert.match(stack.text(), block);
  stack.write(stack.text().replace(block, "disk: { kind: file, path: disk.tar.gz } # built here\n"));
  await run(stack, second);
  const { disk, retainedDisks } = signerIn(stack.text());
  assert.deepEqual([disk, retainedDisks], [oci(second.disk), [file]]);
  assert.match(stack.text(), / # built here\n/);
});

test("a dry run shows the change and writes nothing", async (t) => {
  const stack = await stackOf(t);
  const before = stack.text();
  const { exitCode, lines } = await run(stack, await publish(stack, "1.2.3"), { dryRun: true });
  assert.equal(exitCode, 0);
  assert.equal(stack.text(), before);
  assert.ok(lines.some((line) => line.includes("(not written: --dry-run)")));
});

test("what is not proven under the signer's policy is refused, and so is the signer's release without asSigner", async (t) => {
  const stack = await stackOf(t);
  const signer = await publish(stack, "1.2.3");
  assert.equal(await refused(stack, signer, { asSigner: false }), "IMAGE_NOT_IN_POLICY");
  stack.withdraw(signer.digest);
  const before = stack.text();
  const { exitCode, lines } = await run(stack, signer);
  assert.equal(exitCode, 1);
  assert.match(lines.join("\n"), /STATEMENT_MISSING/);
  assert.equal(stack.text(), before);
});

for (const [what, code, changes] of [
  ["that has no disk", "SIGNER_RELEASE_WITHOUT_DISK", {}],
  ["whose manifest names another disk than its layer", "DISK_HASH_MISMATCH", { signer: signerOf("a".repeat(64)) }],
] as const) {
  test(`a release ${what} is refused: ${code}`, async (t) => {
    const stack = await stackOf(t);
    assert.equal(await refused(stack, await publish(stack, "1.2.3", changes)), code);
  });
}

test("a release for two platforms is refused: SIGNER_DISK_UNCLEAR", async (t) => {
  const stack = await signerStackLab(t, lab);
  const digest = await stack.publish("1.2.3", { signer: signerOf() });
  assert.equal(await refused(stack, { digest, disk: "" }), "SIGNER_DISK_UNCLEAR");
});

test("an older release is refused: RELEASE_OLDER", async (t) => {
  const stack = await stackOf(t);
  await run(stack, await publish(stack, "1.2.4"), { dropOld: true });
  assert.equal(await refused(stack, await publish(stack, "1.2.3")), "RELEASE_OLDER");
});

test("a retained release without its disk is refused before anything is asked: SIGNER_DISK_UNNAMED", async (t) => {
  const stack = await stackOf(t, { "signerRelease.retained": [noDigest] });
  const signer = await publish(stack, "1.2.3");
  const { length } = stack.served.server.seen;
  assert.equal(await refused(stack, signer), "SIGNER_DISK_UNNAMED");
  assert.equal(stack.served.server.seen.length, length);
});

test("a stack without a signer has no release to set: SIGNER_RELEASE_UNNAMED", async (t) => {
  const stack = await stackLab(t, lab);
  assert.equal(await refused(stack, { digest: noDigest, disk: "" }), "SIGNER_RELEASE_UNNAMED");
});
