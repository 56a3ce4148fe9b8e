import assert from "node:assert/strict";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { CiSecrets } from "../../../components/ci-secrets/component.ts";
import { plannedIdentities } from "../../../components/ci-secrets/identities.ts";
import type { CiSecretsArgs, CiSecretsOptions } from "../../../components/ci-secrets/component.ts";
import { sealSecret } from "../../../src/core/github/seal-secret.ts";
import {
  answering,
  childrenOf,
  componentType,
  make,
  now,
  providers,
  publicKey,
  secretsOf,
} from "../../support/ci-secrets-component.ts";
import { ciSecretsFields, ciSecretsSettings, sealingSeedText, secretTexts } from "../../support/ci-secrets.ts";
import { codeThrown } from "../../support/failures.ts";
import { secretIn, startMocks, unwrap } from "../../support/mocks.ts";
import type { MocksOptions } from "../../support/mocks.ts";
import { samplePolicy } from "../../support/policies.ts";

test("registers everything under itself, through the provider of its package", async () => {
  const mocks = await startMocks(answering);
  make();
  await mocks.settled();
  const children = childrenOf(mocks);
  assert.deepEqual(children.map(({ name, type }) => `${name} ${type.split(":").at(-1) ?? ""}`).toSorted(), [
    "ci-approval-production BucketObject",
    "ci-approvals Bucket",
    "ci-cloudresourcemanager Service",
    "ci-iam Service",
    "ci-iamcredentials Service",
    "ci-pool WorkloadIdentityPool",
    "ci-production-NEKO_TRUST_IDENTITY_PROVIDER ActionsEnvironmentVariable",
    "ci-production-NEKO_TRUST_POLICY_DIGEST ActionsEnvironmentVariable",
    "ci-production-NEKO_TRUST_REGISTRY ActionsEnvironmentVariable",
    "ci-production-NEKO_TRUST_SERVICE_ACCOUNT ActionsEnvironmentVariable",
    "ci-production-NEKO_TRUST_SIGNING ActionsEnvironmentVariable",
    "ci-production-apply-account Account",
    "ci-production-apply-approval BucketIAMMember",
    "ci-production-apply-compute.admin-project-neko-production IAMMember",
    "ci-production-apply-impersonation IAMMember",
    "ci-production-apply-provider WorkloadIdentityPoolProvider",
    "ci-production-apply-secretmanager.secretAccessor-secret-projects.neko-production.secrets.token SecretIamMember",
    "ci-production-apply-storage.objectUser-stackState-neko-state.organization.neko-trust.production-layout BucketIAMMember",
    "ci-production-apply-storage.objectUser-stackState-neko-state.organization.neko-trust.production-state BucketIAMMember",
    "ci-production-environment RepositoryEnvironment",
    "ci-production-plan-NEKO_TRUST_IDENTITY_PROVIDER ActionsEnvironmentVariable",
    "ci-production-plan-NEKO_TRUST_POLICY_DIGEST ActionsEnvironmentVariable",
    "ci-production-plan-NEKO_TRUST_REGISTRY ActionsEnvironmentVariable",
    "ci-production-plan-NEKO_TRUST_SERVICE_ACCOUNT ActionsEnvironmentVariable",
    "ci-production-plan-NEKO_TRUST_SIGNING ActionsEnvironmentVariable",
    "ci-production-plan-account Account",
    "ci-production-plan-approval BucketIAMMember",
    "ci-production-plan-branch-main RepositoryEnvironmentDeploymentPolicy",
    "ci-production-plan-cloudkms.cryptoKeyDecrypter-cryptoKey-projects.neko-production.locations.eu.keyRings.state.cryptoKeys.pulumi CryptoKeyIAMMember",
    "ci-production-plan-environment RepositoryEnvironment",
    "ci-production-plan-impersonation IAMMember",
    "ci-production-plan-provider WorkloadIdentityPoolProvider",
    "ci-production-plan-storage.objectViewer-stackState-neko-state.organization.neko-trust.production-state BucketIAMMember",
    "ci-release-CACHE_URL ActionsEnvironmentVariable",
    "ci-release-COSIGN_KEY ActionsEnvironmentSecret",
    "ci-release-COSIGN_PASSWORD ActionsEnvironmentSecret",
    "ci-release-GHCR_ACCESS_TOKEN ActionsEnvironmentSecret",
    "ci-release-NEKO_TRUST_POLICY_DIGEST ActionsEnvironmentVariable",
    "ci-release-NEKO_TRUST_REGISTRY ActionsEnvironmentVariable",
    "ci-release-NEKO_TRUST_SIGNING ActionsEnvironmentVariable",
    "ci-release-build-g2-account Account",
    "ci-release-build-g2-artifactregistry.writer-project-neko-releases IAMMember",
    "ci-release-build-g2-impersonation IAMMember",
    "ci-release-build-g2-provider WorkloadIdentityPoolProvider",
    "ci-release-environment RepositoryEnvironment",
    "ci-release-tag-v* RepositoryEnvironmentDeploymentPolicy",
    "ci-sts Service",
  ]);
  for (const { name, type, provider } of children) {
    const [own = ""] = type.split(":");
    assert.match(provider, new RegExp(`pulumi:providers:${own}::${own}::`), name);
  }
  assert.ok(mocks.registeredOutputs.has(`${componentType}::ci`));
});

test("each secret is sealed for its environment's key, wrapped, and in plain text nowhere", async () => {
  const mocks = await startMocks(answering);
  const component = make();
  await mocks.settled();
  for (const [key, value] of Object.entries(secretTexts)) {
    const [environment = "", name = ""] = key.split("/");
    const { inputs } = mocks.named(`ci-${environment}-${name}`);
    const sealed = sealSecret({ value, place: `m1k1o/neko release ${name}`, seed: sealingSeedText }, publicKey);
    assert.equal(secretIn(inputs["valueEncrypted"]), sealed);
    assert.deepEqual([inputs["keyId"], inputs["secretName"], inputs["environment"]], ["k1", name, "release"]);
    assert.deepEqual([inputs["value"], inputs["plaintextValue"], inputs["encryptedValue"]], Array(3).fill(undefined));
  }
  const others = mocks.resources.filter(({ type }) => !type.startsWith("pulumi:providers:"));
  const everything = JSON.stringify([others, [...mocks.registeredOutputs]]);
  assert.ok(!everything.includes("plaintext"));
  assert.ok(!everything.includes(sealingSeedText));
  for (const text of Object.values(secretTexts)) {
    assert.ok(!everything.includes(Buffer.from(text).toString("base64").slice(0, 20)));
  }
  assert.deepEqual(await unwrap(component.secretNames), Object.keys(secretTexts));
});

test("an output that was not marked as secret is wrapped all the same", async () => {
  const mocks = await startMocks(answering);
  const secrets = Object.fromEntries(Object.entries(secretTexts).map(([key, text]) => [key, pulumi.output(text)]));
  make({}, { secrets, sealingSeed: pulumi.output(sealingSeedText) });
  await mocks.settled();
  const { inputs } = mocks.named("ci-release-COSIGN_KEY");
  assert.equal(typeof secretIn(inputs["valueEncrypted"]), "string");
});

test("a second run seals to the same text; another value, key or seed changes only what it is about", async () => {
  const sealedBy = async (options: MocksOptions, args: Partial<CiSecretsArgs> = {}) => {
    const mocks = await startMocks(options);
    make({}, args);
    await mocks.settled();
    return Object.keys(secretTexts).map((key) => mocks.named(`ci-${key.replace("/", "-")}`).inputs["valueEncrypted"]);
  };
  const first = await sealedBy(answering);
  assert.deepEqual(await sealedBy(answering), first);
  const rotated = await sealedBy(answering, {
    secrets: secretsOf({ ...secretTexts, "release/COSIGN_PASSWORD": "another" }),
  });
  assert.deepEqual(
    rotated.map((text, index) => JSON.stringify(text) === JSON.stringify(first[index])),
    [true, false, true],
  );
  const key = Buffer.alloc(32, 9).toString("base64");
  const rekeyed = await sealedBy({ ...answering, call: () => ({ key, keyId: "k2" }) });
  const reseeded = await sealedBy(answering, { sealingSeed: pulumi.secret(Buffer.alloc(32, 1).toString("base64")) });
  for (const others of [rekeyed, reseeded]) {
    others.forEach((text, index) => {
      assert.notDeepEqual(text, first[index]);
    });
  }
});

test("environments hold administrators to their rules, and deploy only from what is listed", async () => {
  const mocks = await startMocks(answering);
  make();
  await mocks.settled();
  assert.deepEqual(mocks.named("ci-production-environment").inputs, {
    repository: "neko",
    environment: "production",
    reviewers: [{ teams: [7, 9], users: [] }],
    preventSelfReview: true,
    canAdminsBypass: false,
    waitTimer: 5,
    deploymentBranchPolicy: { protectedBranches: true, customBranchPolicies: false },
  });
  const release = mocks.named("ci-release-environment").inputs;
  assert.deepEqual(release["deploymentBranchPolicy"], { protectedBranches: false, customBranchPolicies: true });
  assert.equal(release["canAdminsBypass"], false);
  assert.equal(mocks.named("ci-release-tag-v*").inputs["tagPattern"], "v*");
  assert.equal(mocks.named("ci-production-plan-branch-main").inputs["branchPattern"], "main");
});

test("variables tell a job the agreed policy, the registry and its own way to Google", async () => {
  const mocks = await startMocks(answering);
  make();
  await mocks.settled();
  const value = (name: string) => mocks.named(`ci-production-${name}`).inputs["value"];
  assert.equal(value("NEKO_TRUST_POLICY_DIGEST"), `sha256:${"0".repeat(64)}`);
  assert.equal(value("NEKO_TRUST_REGISTRY"), "ghcr.io/m1k1o/neko");
  assert.equal(value("NEKO_TRUST_SIGNING"), "key");
  assert.equal(value("NEKO_TRUST_IDENTITY_PROVIDER"), "full name of ci-production-apply-provider");
  assert.equal(value("NEKO_TRUST_SERVICE_ACCOUNT"), "ci-production-apply-account@neko-ci");
  const plan = mocks.named("ci-production-plan-NEKO_TRUST_SERVICE_ACCOUNT").inputs["value"];
  assert.equal(plan, "ci-production-plan-account@neko-ci");
});

test("each account is for the tokens of its one provider, and may do exactly what was granted", async () => {
  const mocks = await startMocks(answering);
  const component = make();
  await mocks.settled();
  const impersonations = mocks.resources.filter(({ name }) => name.endsWith("-impersonation"));
  const pool = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci";
  assert.deepEqual(impersonations.map(({ inputs }) => inputs["member"]).toSorted(), [
    `${pool}/attribute.identity/production-apply:223413321`,
    `${pool}/attribute.identity/production-plan:223413321`,
    `${pool}/attribute.identity/release-build-g2:223413321`,
  ]);
  assert.deepEqual(
    new Set(impersonations.map(({ inputs }) => inputs["role"])),
    new Set(["roles/iam.workloadIdentityUser"]),
  );
  const grants = childrenOf(mocks).filter(({ type, name }) => /member/i.test(type) && !name.endsWith("impersonation"));
  assert.deepEqual(grants.map(({ inputs }) => `${String(inputs["member"])} ${String(inputs["role"])}`).toSorted(), [
    "serviceAccount:ci-production-apply-account@neko-ci roles/compute.admin",
    "serviceAccount:ci-production-apply-account@neko-ci roles/secretmanager.secretAccessor",
    "serviceAccount:ci-production-apply-account@neko-ci roles/storage.objectUser",
    // How the bucket of states is laid out, and what was approved.
    "serviceAccount:ci-production-apply-account@neko-ci roles/storage.objectViewer",
    "serviceAccount:ci-production-apply-account@neko-ci roles/storage.objectViewer",
    "serviceAccount:ci-production-plan-account@neko-ci roles/cloudkms.cryptoKeyDecrypter",
    "serviceAccount:ci-production-plan-account@neko-ci roles/storage.objectViewer",
    "serviceAccount:ci-production-plan-account@neko-ci roles/storage.objectViewer",
    "serviceAccount:ci-release-build-g2-account@neko-ci roles/artifactregistry.writer",
  ]);
  const provider = mocks.named("ci-production-apply-provider");
  assert.match(String(provider.inputs["attributeCondition"]), /assertion\.environment == 'production'$/);
  assert.deepEqual(provider.inputs["oidc"], { issuerUri: "https://token.actions.githubusercontent.com" });
  assert.ok(provider.dependencies.some((urn) => urn.endsWith("::ci-production-environment")));
  assert.deepEqual(Object.keys(await unwrap(component.serviceAccounts)), [
    "production-apply",
    "production-plan",
    "release-build-g2",
  ]);
});

test("drift is asked by a workflow of its own, in an environment of its own, with what the plan may read", () => {
  const settings = ciSecretsSettings();
  const [deployment] = settings.workloadIdentity?.deployments ?? [];
  assert.ok(settings.workloadIdentity !== undefined && deployment !== undefined);
  const drift = {
    environment: "production-drift",
    workflow: ".github/workflows/drift.yml",
    triggers: ["schedule" as const],
  };
  const workload = { ...settings.workloadIdentity, deployments: [{ ...deployment, drift }] };
  const found = plannedIdentities(settings, workload, samplePolicy()).find(({ identity }) => identity.use === "drift");
  assert.ok(found?.identity.use === "drift");
  assert.equal(found.identity.id, "production-drift");
  assert.deepEqual(found.grants, deployment.plan.grants);
  assert.equal(found.approvedAs, "production");
  const { callerWorkflow, triggers, environment } = found.identity.caller;
  assert.deepEqual([callerWorkflow.path, triggers, environment], [drift.workflow, ["schedule"], "production-drift"]);
});

test("keep protects pool and approvals and leaves them behind; providers and accounts, which are trust, go", async () => {
  const after = async (workload: object) => {
    const mocks = await startMocks(answering);
    make({ workloadIdentity: { ...ciSecretsFields.workloadIdentity, ...workload } });
    await mocks.settled();
    const kept = childrenOf(mocks).filter(({ protect, retainOnDelete }) => protect || retainOnDelete);
    return [kept.map(({ name }) => name), mocks.named("ci-pool").importId];
  };
  assert.deepEqual(await after({}), [["ci-approvals", "ci-pool"], ""]);
  const approvals = { ...ciSecretsFields.workloadIdentity.approvals, onDestroy: "delete" };
  const adopted = "projects/neko-ci/locations/global/workloadIdentityPools/neko-trust-ci";
  assert.deepEqual(await after({ onDestroy: "delete", approvals, pool: { id: "neko-trust-ci", adopt: true } }), [
    [],
    adopted,
  ]);
});

test("keyless with a public registry has no secret, asks for no key and needs neither seed nor Google", async () => {
  const mocks = await startMocks();
  const fields = { ...ciSecretsFields, workloadIdentity: undefined };
  const environments = fields.environments.map((environment) => ({ ...environment, secrets: [] }));
  const registry = { ...fields.registry, access: "public" };
  const settings = ciSecretsSettings({ ...fields, environments, registry, signing: "keyless" });
  const { github: only } = providers().providers;
  new CiSecrets("ci", { settings, policy: samplePolicy(), secrets: {}, now }, { providers: { github: only } });
  await mocks.settled();
  assert.deepEqual(
    childrenOf(mocks).filter(({ type }) => /Secret|gcp:/.test(type)),
    [],
  );
});

test("at the first preview nothing is asked of an environment that is not there, and all is planned", async () => {
  const mocks = await startMocks({ preview: true });
  make();
  await mocks.settled();
  assert.equal(childrenOf(mocks).length, 47);
  assert.notEqual(typeof secretIn(mocks.named("ci-release-COSIGN_KEY").inputs["valueEncrypted"]), "string");
});

test("an overdue secret warns or refuses from the day after, and says which", async () => {
  await startMocks(answering);
  const at = (overdue: string, time: string) => codeThrown(() => make({ overdue }, { now: new Date(time) }), "planned");
  assert.equal(at("warn", "2027-02-01T00:00:00Z"), "planned");
  assert.equal(at("refuse", "2027-01-31T23:59:59Z"), "planned");
  assert.equal(at("refuse", "2027-02-01T00:00:00Z"), "SECRET_OVERDUE");
});

test("refuses values that are missing, unexpected or plain, and providers or a seed that were not given", async () => {
  await startMocks(answering);
  const code = (args: object) => codeThrown(() => make({}, args), "planned");
  const { "release/COSIGN_KEY": _gone, ...rest } = secretsOf(secretTexts);
  assert.equal(code({ secrets: rest }), "SECRET_MISSING");
  assert.equal(code({ secrets: { ...secretsOf(secretTexts), OTHER: pulumi.secret("x") } }), "SECRET_UNEXPECTED");
  assert.equal(code({ secrets: secretTexts }), "SECRET_IN_PLAIN_TEXT");
  assert.equal(code({ sealingSeed: sealingSeedText }), "SECRET_IN_PLAIN_TEXT");
  assert.equal(code({ sealingSeed: undefined }), "SEALING_SEED_MISSING");
  const args = { settings: ciSecretsSettings(), policy: samplePolicy(), secrets: secretsOf(secretTexts), now };
  for (const given of [{}, { providers: {} }, { providers: { github: providers().providers.github } }]) {
    const without = () => new CiSecrets("ci", args, given as CiSecretsOptions);
    assert.equal(codeThrown(without, "planned"), "PROVIDER_REQUIRED");
  }
});

test("refuses a build for a signer that the policy has not, and a deploy from where it signs", async () => {
  await startMocks(answering);
  const { workloadIdentity } = ciSecretsFields;
  const [build] = workloadIdentity.builds;
  const [deployment] = workloadIdentity.deployments;
  const code = (changes: object) =>
    codeThrown(() => make({ workloadIdentity: { ...workloadIdentity, ...changes } }), "planned");
  assert.equal(code({ builds: [{ ...build, signer: "nobody" }] }), "WORKLOAD_IDENTITY_SIGNER_UNKNOWN");
  const signs = { ...deployment, workflow: ".github/workflows/release.yml" };
  assert.equal(code({ deployments: [signs] }), "WORKLOAD_IDENTITY_OF_SIGNER");
});
