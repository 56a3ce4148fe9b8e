import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { compile, includeLabel } from "../../src/core/compile/policy-controller/compile.ts";
import type { RunningEngine } from "../support/cluster/engine-process.ts";
import { startPolicyController } from "../support/cluster/policy-controller.ts";
import { endings, fieldManager, plainObject, startTestCluster } from "../support/cluster/test-cluster.ts";
import type { TestCluster } from "../support/cluster/test-cluster.ts";
import { startVerdictLab } from "../support/cluster/verdict-lab.ts";
import type { VerdictLab } from "../support/cluster/verdict-lab.ts";
import { byDigest, byTag, judgeIn, publishVariants } from "../support/cluster/verdict-matrix.ts";
import type { Judge, Published, Variant } from "../support/cluster/verdict-matrix.ts";

const name = "neko-lab";
let testCluster: TestCluster;
let lab: VerdictLab;
let published: Published;
let judge: Judge;
const started = endings();

before(async () => {
  testCluster = await startTestCluster();
  started.add(testCluster.stop);
  lab = await startVerdictLab(testCluster);
  started.add(lab.stop);
  published = await publishVariants(lab);
  const { sigstoreKeys } = compiled();
  assert.ok(sigstoreKeys !== undefined);
  const engine: RunningEngine = await startPolicyController(testCluster, { [sigstoreKeys.key]: sigstoreKeys.value });
  started.add(engine.stop);
  await testCluster.install([
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "guarded", labels: includeLabel } },
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "open" } },
  ]);
  judge = judgeIn(testCluster, engine, "guarded");
  await putInPlace();
  await judge.untilRefuses(byDigest(published.unsigned), /neko-lab-signature/u);
});

after(started.run);

/** What TrustPolicy compiles to, for the lab's own Sigstore. */
function compiled(placement: { readonly indexProvenance?: boolean } = {}) {
  const tuf = { mirror: lab.services.sigstore.tuf, root: Buffer.from(lab.tufRoot).toString("base64") };
  const roots = { kind: "private", trustedRoot: lab.trustedRoot, tuf } as const;
  return compile(lab.policy, roots, new Date(), { name, rollout: "enforce", ...placement });
}

async function putInPlace(placement: { readonly indexProvenance?: boolean } = {}): Promise<void> {
  for (const policy of compiled(placement).policies) {
    await testCluster.cluster.serverSideApply(plainObject(policy), { fieldManager, force: true });
  }
}

test("policy-controller admits the signed release", async () => {
  assert.deepEqual(await judge.admits(byDigest(published.signed)), [byDigest(published.signed)]);
});

const noStatement = /no matching attestations|no signatures found|no bundles|found no/iu;
const refused: Partial<Record<Variant, readonly RegExp[]>> = {
  unsigned: [/neko-lab-signature/u, /neko-lab-manifest-0/u, noStatement],
  otherRepository: [/neko-lab-signature/u, /neko-lab-manifest-0/u, /none of the expected identities matched/u],
  otherWorkflow: [/neko-lab-signature/u, /neko-lab-manifest-0/u, /none of the expected identities matched/u],
  otherRef: [/neko-lab-signature/u, /neko-lab-manifest-0/u, /none of the expected identities matched/u],
  sbomOnly: [/neko-lab-signature/u, /neko-lab-manifest-0/u, noStatement],
  noSignature: [/neko-lab-signature/u, noStatement],
  noManifest: [/neko-lab-manifest-0/u, noStatement],
};

for (const [variant, reasons] of Object.entries(refused)) {
  test(`policy-controller refuses: ${variant}`, async () => {
    await judge.refuses(byDigest(published[variant as Variant]), ...reasons);
  });
}

test("what only one statement is missing of is refused for that one alone", async () => {
  const messages = [
    await judge.messageOf(byDigest(published.noSignature)),
    await judge.messageOf(byDigest(published.noManifest)),
  ];
  assert.doesNotMatch(messages[0] ?? "", /neko-lab-manifest/u);
  assert.doesNotMatch(messages[1] ?? "", /neko-lab-signature/u);
});

test("policy-controller never admits a tag: it becomes the digest that it names, or is refused with it", async () => {
  assert.deepEqual(await judge.admits(byTag(published.signed)), [byDigest(published.signed)]);
  await judge.refuses(byTag(published.unsigned), /neko-lab-signature/u);
  await judge.refuses(`${published.signed.repository}:no-such-tag`, /must be an image digest/u);
});

test("a repository that no policy names is refused", async () => {
  const elsewhere = `${lab.services.registry}/mallory/neko@${published.signed.digest}`;
  await judge.refuses(elsewhere, /no matching policies/u);
});

test("a registry with the referrers API is read as well", async () => {
  const mirrored = await lab.publish({ version: "1.2.0" }, "referrersRegistry");
  await judge.admits(byDigest(mirrored));
  const bare = await lab.publish({ version: "1.2.1", kinds: [] }, "referrersRegistry");
  await judge.refuses(byDigest(bare), /neko-lab-signature/u);
});

test("with provenance demanded on the index, a release without it is refused, and one with it is admitted", async () => {
  await judge.admits(byDigest(published.noProvenance));
  await putInPlace({ indexProvenance: true });
  await judge.untilRefuses(byDigest(published.noProvenance), /neko-lab-provenance/u);
  await judge.refuses(byDigest(published.noProvenance), /neko-lab-provenance/u, noStatement);
  await judge.admits(byDigest(published.provenanceOnIndex));
});
