import assert from "node:assert/strict";
import { test } from "node:test";
import { ciSecretsSettingsSchema } from "../../../components/ci-secrets/settings.ts";
import { ciSecretsFields } from "../../support/ci-secrets.ts";

type Path = readonly (string | number)[];

/** The fields with what lies at a path replaced; undefined takes it away. */
function withValue(path: Path, value: unknown): unknown {
  const document: unknown = structuredClone(ciSecretsFields);
  const [last = "", ...before] = path.toReversed();
  const owner = before.reduceRight((at: unknown, key) => Reflect.get(at as object, key), document);
  if (value === undefined) Reflect.deleteProperty(owner as object, last);
  else Reflect.set(owner as object, last, value);
  return document;
}

/** Paths of the faults. */
const faults = (path: Path, value: unknown): string[] =>
  ciSecretsSettingsSchema.safeParse(withValue(path, value)).error?.issues.map((issue) => issue.path.join(".")) ?? [];
const pathOf = (text: string): Path => text.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));

/** Every field: wrong types and values. */
const wrong: Readonly<Record<string, readonly unknown[]>> = {
  "repository.owner": ["", "m1k1o/neko", "-x", "x".repeat(40), 7],
  "repository.name": ["", "m1k1o/neko", "a b", 7],
  "repository.id": ["", "012", "neko", 223413321, "1".repeat(21)],
  "repository.ownerId": ["", "-1", 34362],
  "registry.repository": ["neko", "ghcr.io/neko:tag", "GHCR.io/neko", "https://ghcr.io/neko"],
  "registry.access": ["internal", true],
  signing: ["none", "", true],
  overdue: ["ignore", false],
  environments: [[], {}, "release"],
  "environments.0.name": ["", "a b", "a/b", "x".repeat(256)],
  "environments.0.reviewers.teams": [["neko"], [-1], [1.5], 7],
  "environments.0.reviewers.users": [["m1k1o"], "m1k1o"],
  "environments.0.preventSelfReview": ["yes", true],
  "environments.0.waitMinutes": [-1, 43_201, 0.5, "5"],
  "environments.0.refs": [
    {},
    { protectedBranches: false },
    { branches: [], tags: [] },
    { branches: ["refs/heads/main"], tags: [] },
    { branches: ["main", "main"], tags: [] },
    { branches: ["a b"], tags: [] },
    { branches: ["main"] },
    { protectedBranches: true, branches: [], tags: [] },
  ],
  "environments.0.policyDigest": ["", "latest", `sha512:${"0".repeat(64)}`, `sha256:${"0".repeat(63)}`],
  "environments.0.secrets.0.name": ["", "cosign_key", "GITHUB_TOKEN", "1KEY", "A-B", "NEKO_TRUST_KEY", "x".repeat(101)],
  "environments.0.secrets.0.source": [
    "config",
    {},
    { kind: "file", path: "/etc/passwd" },
    { kind: "config", key: "neko-trust:token" },
    { kind: "config", key: "token", value: "a plain secret" },
    { kind: "esc" },
    { kind: "secretManager", version: "projects/p/secrets/s/versions/latest" },
    { kind: "secretManager", version: "projects/p/secrets/s" },
  ],
  "environments.0.secrets.0.rotateBy": ["", "2027-02-30", "31.3.2027", "2027-03-31T00:00:00Z", 2027],
  "environments.0.variables": [
    { NEKO_TRUST_REGISTRY: "ghcr.io/evil/neko" },
    { COSIGN_KEY: "x" },
    { GITHUB_X: "x" },
    { lower: "x" },
    { EMPTY: "" },
    { NUMBER: 1 },
  ],
  "workloadIdentity.project": ["", "Neko", "neko", "neko_ci", "1neko-ci", 7],
  "workloadIdentity.pool.id": ["", "abc", "gcp-pool", "Pool", "x".repeat(33)],
  "workloadIdentity.pool.adopt": ["no"],
  "workloadIdentity.issuer": ["", "http://token.example.org", "https://u@token.example.org", "https://x?y"],
  "workloadIdentity.onDestroy": ["retain", ""],
  "workloadIdentity.deployments.0.id": ["", "gcp-x", "Production", "x".repeat(21), "x-"],
  "workloadIdentity.deployments.0.generation": [0, 100, 1.5, "2"],
  "workloadIdentity.deployments.0.workflow": [
    "",
    "deploy.yml",
    ".github/workflows/../deploy.yml",
    ".github/workflows/x",
  ],
  "workloadIdentity.deployments.0.refs": [[], ["main"], ["refs/heads/*/x"], ["refs/pull/1/merge"], "refs/heads/main"],
  "workloadIdentity.deployments.0.triggers": [[], ["pull_request"], ["pull_request_target"], ["workflow_run"]],
  "workloadIdentity.deployments.0.runner": ["any", ""],
  "workloadIdentity.deployments.0.plan.environment": ["missing", "", "production"],
  "workloadIdentity.deployments.0.plan.grants.0.role": [
    "roles/storage.objectAdmin",
    "roles/editor",
    "roles/secretmanager.secretAccessor",
    "projects/neko-ci/roles/nekoWriter",
    // Whatever its name promises, a role of one's own may write.
    "projects/neko-ci/roles/superAdminViewer",
    "organizations/123456789012/roles/browser",
    "roles/notabrowser",
    "viewer",
    // On a state these two are all; on others a plan may have more.
    "roles/storage.bucketViewer",
  ],
  "workloadIdentity.deployments.0.plan.grants.0.on.stack": [
    "",
    "production",
    "neko-trust/production",
    "acme/neko-trust/production",
    "organization/neko-trust/",
    "organization//production",
    "organization/neko-trust/*",
    "organization/*/production",
    "organization/neko-trust/prod*",
    "organization/neko-trust/..",
    "organization/neko-trust/../platform",
    "organization/../neko-trust/platform",
    "organization/neko-trust/platform/x",
    "organization/neko-trust/production.json",
    "organization/neko.trust/production",
    "organization/neko-trust/production'",
    `organization/neko-trust/${"x".repeat(80)}`,
    7,
  ],
  "workloadIdentity.deployments.0.plan.grants.0.on.bucket": [
    "",
    "gs://neko-state",
    "neko-state/x",
    "*",
    "neko-approvals",
  ],
  "workloadIdentity.deployments.0.apply.environment": ["missing", "production-plan", "release"],
  "workloadIdentity.deployments.0.apply.grants": [[], "roles/owner"],
  "workloadIdentity.deployments.0.apply.grants.0.role": ["roles/owner", "roles/editor", "owner", "", "roles/"],
  "workloadIdentity.deployments.0.apply.grants.0.on": [
    "neko-ci",
    { kind: "folder", id: "1" },
    { kind: "project", id: "*" },
    { kind: "bucket", name: "gs://x" },
    { kind: "bucket", name: "neko-state" },
    { kind: "bucket", name: "neko-approvals" },
    { kind: "stackState", bucket: "neko-state" },
    { kind: "stackState", bucket: "neko-state", stack: "organization/neko-trust/production", prefix: "" },
    { kind: "project", id: "neko-ci" },
    { kind: "project", id: "123456789012" },
    { kind: "cryptoKey", id: "key" },
    { kind: "secret", id: "token" },
    // A project by its number would be none of those that are compared.
    { kind: "cryptoKey", id: "projects/123456789012/locations/eu/keyRings/state/cryptoKeys/platform" },
    { kind: "secret", id: "projects/123456789012/secrets/token" },
  ],
  "workloadIdentity.approvals.bucket": ["", "gs://x", "a b", "x/y"],
  "workloadIdentity.approvals.location": ["", "europe west4", 7],
  "workloadIdentity.approvals.onDestroy": ["retain", ""],
  "workloadIdentity.builds.0.id": ["", "production", "x y"],
  "workloadIdentity.builds.0.generation": [0],
  "workloadIdentity.builds.0.signer": ["", "Release", "a b"],
  "workloadIdentity.builds.0.grants": [[]],
};

test("the sample is taken, and so are placeholders", () => {
  assert.deepEqual(faults(["signing"], "key"), []);
  assert.deepEqual(faults(["workloadIdentity", "project"], "placeholder-project"), []);
  assert.deepEqual(faults(["repository", "id"], "0"), []);
  assert.deepEqual(faults(["repository", "owner"], "placeholder-owner"), []);
  const bucket = { kind: "bucket", name: "placeholder-state" };
  assert.deepEqual(faults(pathOf("workloadIdentity.deployments.0.plan.grants.0.on"), bucket), []);
});

for (const [path, values] of Object.entries(wrong)) {
  test(`refuses wrong values of ${path}, and says where`, () => {
    for (const value of values) {
      const found = faults(pathOf(path), value);
      assert.ok(
        found.some((fault) => fault.startsWith(path)),
        `${JSON.stringify(value)}: ${found.join(", ")}`,
      );
    }
  });
}

test("refuses an unknown key wherever there could be one, and a key that is missing", () => {
  for (const path of Object.keys(wrong)) {
    const parts = pathOf(path);
    if (typeof parts.at(-1) !== "string") continue;
    const owner = parts.slice(0, -1);
    const where = owner.join(".");
    if (parts.at(-1) !== "variables") {
      assert.ok(faults([...owner, "extra"], 1).includes(where) || where.includes("refs"), `${where}.extra`);
    }
    assert.ok(faults(parts, undefined).length > 0, `without ${path}`);
  }
});

test("refuses secrets that the registry or the way of signing has no use for", () => {
  const at = (index: number) => `environments.0.secrets.${index}.name`;
  assert.deepEqual(faults(["signing"], "keyless"), [at(0), at(1)]);
  assert.deepEqual(faults(["registry", "access"], "public"), [at(2)]);
  assert.deepEqual(faults(pathOf("environments.0.secrets.0.name"), "OTHER"), [at(1), "signing"]);
  assert.deepEqual(faults(pathOf("environments.0.secrets.0.name"), "COSIGN_PASSWORD"), [
    at(0),
    at(1),
    at(1),
    "signing",
  ]);
});

test("refuses environments that are one for GitHub, and reviewers that are too many or none where one must be", () => {
  assert.deepEqual(faults(pathOf("environments.0.name"), "Production"), ["environments.2.name"]);
  assert.deepEqual(faults(pathOf("environments.0.reviewers"), { teams: [1, 2, 3, 4], users: [5, 6, 7] }), [
    "environments.0.reviewers",
  ]);
  assert.deepEqual(faults(pathOf("environments.2.reviewers.teams"), []), [
    "environments.2.preventSelfReview",
    "workloadIdentity.deployments.0.apply.environment",
  ]);
});

test("refuses a drift that shares an environment, or has none", () => {
  const workflow = ".github/workflows/drift.yml";
  const drift = (environment: string) => ({ environment, workflow, triggers: ["schedule"] });
  const at = pathOf("workloadIdentity.deployments.0.drift");
  assert.deepEqual(faults(at, drift("release")), []);
  for (const wrong of [{ workflow: "drift.yml" }, { triggers: [] }, { grants: [] }]) {
    assert.equal(faults(at, { ...drift("release"), ...wrong }).length, 1, JSON.stringify(wrong));
  }
  assert.deepEqual(faults(at, drift("missing")), ["workloadIdentity.deployments.0.drift.environment"]);
  assert.deepEqual(faults(at, drift("production-plan")), [
    "workloadIdentity.deployments.0.plan.environment",
    "workloadIdentity.deployments.0.drift.environment",
  ]);
});

test("refuses a role of one's own for a plan, and takes the predefined ones that read", () => {
  const at = pathOf("workloadIdentity.deployments.0.plan.grants.0");
  const on = { kind: "project", id: "neko-production" };
  for (const role of [
    "roles/viewer",
    "roles/browser",
    "roles/compute.viewer",
    "roles/dns.reader",
    "roles/iam.securityReviewer",
    "roles/iam.serviceAccountViewer",
    "roles/monitoring.alertPolicyViewer",
    "roles/cloudkms.cryptoKeyDecrypter",
  ]) {
    assert.deepEqual(faults(at, { role, on }), [], role);
  }
  for (const role of [
    "projects/neko-ci/roles/superAdminViewer",
    "projects/neko-ci/roles/cloudkms.cryptoKeyDecrypter",
    "organizations/123456789012/roles/reader",
    "roles/compute.admin",
    "roles/cloudkms.cryptoKeyEncrypterDecrypter",
  ]) {
    assert.deepEqual(faults(at, { role, on }), ["workloadIdentity.deployments.0.plan.grants.0.role"], role);
  }
  const apply = pathOf("workloadIdentity.deployments.0.apply.grants.0.role");
  assert.deepEqual(faults(apply, "projects/neko-ci/roles/nekoWriter"), []);
});

test("refuses environments of one deployment that approve different policies", () => {
  const other = `sha256:${"1".repeat(64)}`;
  const place = (use: string) => `workloadIdentity.deployments.0.${use}.environment`;
  assert.deepEqual(faults(pathOf("environments.1.policyDigest"), other), [place("plan")]);
  assert.deepEqual(faults(pathOf("environments.2.policyDigest"), other), [place("plan")]);
  // That of a build, which no deployment has.
  assert.deepEqual(faults(pathOf("environments.0.policyDigest"), other), []);
  const drift = { environment: "drift", workflow: ".github/workflows/drift.yml", triggers: ["schedule"] };
  const fields = withValue(pathOf("workloadIdentity.deployments.0.drift"), drift) as typeof ciSecretsFields;
  const [, plan] = fields.environments;
  const result = ciSecretsSettingsSchema.safeParse({
    ...fields,
    environments: [...fields.environments, { ...plan, name: "drift", policyDigest: other }],
  });
  assert.deepEqual(
    result.error?.issues.map(({ path }) => path.join(".")),
    [place("drift")],
  );
});

test("refuses the same identity or grant twice", () => {
  const [deployment] = ciSecretsFields.workloadIdentity.deployments;
  const twice = faults(pathOf("workloadIdentity.deployments"), [deployment, deployment]);
  assert.ok(twice.includes("workloadIdentity.deployments.1.id"));
  const [grant] = deployment?.apply.grants ?? [];
  assert.deepEqual(faults(pathOf("workloadIdentity.deployments.0.apply.grants"), [grant, grant]), [
    "workloadIdentity.deployments.0.apply.grants",
  ]);
});

test("refuses one identity's reach into another's state or key, and a build's into any state", () => {
  const [deployment] = ciSecretsFields.workloadIdentity.deployments;
  const second = { ...structuredClone(deployment), id: "second" };
  const found = faults(pathOf("workloadIdentity.deployments"), [deployment, second]);
  for (const index of [0, 1]) {
    for (const at of ["plan.grants.0.on", "plan.grants.1.on", "apply.grants.1.on"]) {
      assert.ok(found.includes(`workloadIdentity.deployments.${index}.${at}`), at);
    }
  }
  const state = { kind: "stackState", bucket: "neko-state", stack: "organization/neko-trust/other" };
  const grants = [{ role: "roles/storage.objectUser", on: state }];
  assert.deepEqual(faults(pathOf("workloadIdentity.builds.0.grants"), grants), [
    "workloadIdentity.builds.0.grants.0.on",
  ]);
});

test("refuses approvals that are for no environment of a stack", () => {
  assert.ok(faults(pathOf("environments.2.name"), "live").includes("workloadIdentity.approvals"));
});
