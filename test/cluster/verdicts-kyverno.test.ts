import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { compile } from "../../src/core/compile/kyverno/compile.ts";
import type { RunningEngine } from "../support/cluster/engine-process.ts";
import { startKyverno } from "../support/cluster/kyverno.ts";
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
  const engine: RunningEngine = await startKyverno(testCluster);
  started.add(engine.stop);
  await testCluster.install(
    ["guarded", "open"].map((namespace) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } })),
  );
  judge = judgeIn(testCluster, engine, "guarded");
  await putInPlace();
  await judge.untilRefuses(byDigest(published.unsigned), /is not signed by release/u);
});

after(started.run);

/** What TrustPolicy compiles to, for the lab's own Sigstore. */
async function putInPlace(placement: { readonly indexProvenance?: boolean } = {}): Promise<void> {
  const tuf = { mirror: lab.services.sigstore.tuf, root: Buffer.from(lab.tufRoot).toString("base64") };
  const roots = { kind: "private", trustedRoot: lab.trustedRoot, tuf } as const;
  const scope = { kind: "only", namespaces: ["guarded"] } as const;
  for (const policy of compile(lab.policy, roots, { name, rollout: "enforce", scope, ...placement }).policies) {
    await testCluster.cluster.serverSideApply(plainObject(policy), { fieldManager, force: true });
  }
}

test("Kyverno admits the signed release", async () => {
  assert.deepEqual(await judge.admits(byDigest(published.signed)), [byDigest(published.signed)]);
});

const refused: Partial<Record<Variant, RegExp>> = {
  unsigned: /An image is not signed by release/u,
  otherRepository: /An image is not signed by release/u,
  otherWorkflow: /An image is not signed by release/u,
  otherRef: /An image is not signed by release/u,
  sbomOnly: /An image is not signed by release/u,
  noSignature: /An image is not signed by release/u,
  noManifest: /An image has no release manifest by release/u,
};

for (const [variant, reason] of Object.entries(refused)) {
  test(`Kyverno refuses: ${variant}`, async () => {
    await judge.refuses(byDigest(published[variant as Variant]), reason);
  });
}

test("Kyverno refuses a tag, that of the signed release too", async () => {
  await judge.refuses(byTag(published.signed), /digest/u);
  await judge.refuses(byTag(published.unsigned), /digest/u);
});

test("a namespace out of scope is left alone", async () => {
  await judge.inNamespace("open").admits(byDigest(published.unsigned));
});

test("a registry with the referrers API is read as well", async () => {
  const mirrored = await lab.publish({ version: "1.2.0" }, "referrersRegistry");
  await judge.admits(byDigest(mirrored));
  const bare = await lab.publish({ version: "1.2.1", kinds: [] }, "referrersRegistry");
  await judge.refuses(byDigest(bare), /An image is not signed by release/u);
});

test("with provenance demanded on the index, a release without it is refused, and one with it is admitted", async () => {
  await judge.admits(byDigest(published.noProvenance));
  await putInPlace({ indexProvenance: true });
  await judge.untilRefuses(byDigest(published.noProvenance), /An image has no provenance by release/u);
  await judge.admits(byDigest(published.provenanceOnIndex));
});
