import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { compile as baseline } from "../../src/core/compile/validating-admission-policy/compile.ts";
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
  ]);
  judge = judgeIn(testCluster, engine, "guarded");
  await putInPlace();
  await judge.untilRefuses(byDigest(published.unsigned), /neko-lab-signature/u);
  await judge.untilRefuses(byDigest(published.unsigned), /neko-lab-manifest-/u);
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

const [signature, manifest, provenance] = [/neko-lab-signature/u, /neko-lab-manifest-/u, /neko-lab-provenance/u];
/** It has bundles, and none of the type that is asked for; or none at all. */
const [noneOfType, none] = [/no matching attestations/u, /no valid bundles exist in registry/u];
/** It names the identity that it found in the place of the release workflow. */
const signedBy = (who: string): RegExp =>
  new RegExp(`expected SAN value to match regex .*, got "https://github.com/${who}"`, "u");
const workflow = ".github/workflows";

const refused = {
  unsigned: [signature, manifest, none],
  otherRepository: [signature, manifest, signedBy(`mallory/neko/${workflow}/nix-build-sign.yml@refs/tags/v1.2.2`)],
  otherWorkflow: [signature, manifest, signedBy(`m1k1o/neko/${workflow}/other.yml@refs/tags/v1.2.3`)],
  otherRef: [signature, manifest, signedBy(`m1k1o/neko/${workflow}/nix-build-sign.yml@refs/heads/main`)],
  sbomOnly: [signature, manifest, noneOfType],
  noSignature: [signature, noneOfType],
  noManifest: [manifest, noneOfType],
} as const satisfies Partial<Record<Variant, readonly RegExp[]>>;

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
  assert.doesNotMatch(messages[0] ?? "", manifest);
  assert.doesNotMatch(messages[1] ?? "", signature);
});

test("policy-controller never admits a tag: it becomes the digest that it names, or is refused with it", async () => {
  const { repository, tag, digest } = published.signed;
  assert.deepEqual(await judge.admits(byTag(published.signed)), [`${repository}:${tag}@${digest}`]);
  await judge.refuses(byTag(published.unsigned), signature, none);
  await judge.refuses(`${published.signed.repository}:no-such-tag`, /must be an image digest/u);
});

test("with the native baseline under it, what was a tag is refused", async () => {
  const { repository, digest } = published.signed;
  const placement = { name: "floor", namespace: "floor-list", rollout: "enforce" } as const;
  const release = { repository, current: digest, retained: [], running: [] };
  const scope = { kind: "only", namespaces: ["floor"] } as const;
  const floor = baseline(lab.policy, [release], new Date(), { ...placement, scope });
  await testCluster.install([
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "floor", labels: includeLabel } },
    ...[floor.namespace, floor.parameters, ...floor.policies, ...floor.bindings].map(plainObject),
  ]);
  const unpinned = /Not pinned by digest/u;
  const onFloor = judge.inNamespace("floor");
  await onFloor.untilRefuses(byTag(published.signed), unpinned);
  await onFloor.admits(byDigest(published.signed));
});

test("a repository that no policy names is refused", async () => {
  const elsewhere = `${lab.services.registry}/mallory/neko@${published.signed.digest}`;
  await judge.refuses(elsewhere, /no matching policies/u);
});

test("a registry with the referrers API is read as well", async () => {
  const mirrored = await lab.publish({ version: "1.2.0" }, "referrersRegistry");
  await judge.admits(byDigest(mirrored));
  const bare = await lab.publish({ version: "1.2.1", kinds: [] }, "referrersRegistry");
  await judge.refuses(byDigest(bare), signature, none);
});

test("with provenance demanded on the index, a release without it is refused, and one with it is admitted", async () => {
  await judge.admits(byDigest(published.noProvenance));
  await putInPlace({ indexProvenance: true });
  await judge.untilRefuses(byDigest(published.noProvenance), provenance);
  await judge.refuses(byDigest(published.noProvenance), provenance, noneOfType);
  await judge.admits(byDigest(published.provenanceOnIndex));
});
