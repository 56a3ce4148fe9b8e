import assert from "node:assert/strict";
import { test } from "node:test";
import { ciSecretsSettingsSchema } from "../../../components/ci-secrets/settings.ts";
import { ciSecretsFields } from "../../support/ci-secrets.ts";

/** Two deployments, each in a project of its own, and a build; with further grants, and without approvals. */
function grantsOf(further: { plan?: object; apply?: object; build?: object; approvals?: boolean }): string[] {
  const fields = structuredClone(ciSecretsFields);
  const { approvals, ...workload } = fields.workloadIdentity;
  const [production] = workload.deployments;
  assert.ok(production !== undefined);
  const text = JSON.stringify(production).replaceAll("production", "staging");
  const staging = JSON.parse(text) as typeof production;
  const environments = ["staging", "staging-plan"].map((name) => ({
    ...fields.environments.find((one) => one.name === name.replace("staging", "production")),
    name,
  }));
  const add = (list: unknown[], grant: object | undefined): void => {
    if (grant !== undefined) list.push(grant);
  };
  add(staging.plan.grants, further.plan);
  add(staging.apply.grants, further.apply);
  const builds = structuredClone(workload.builds);
  add(builds[0]?.grants ?? [], further.build);
  const result = ciSecretsSettingsSchema.safeParse({
    ...fields,
    environments: [...fields.environments, ...environments],
    workloadIdentity: {
      ...workload,
      builds,
      deployments: [production, staging],
      ...(further.approvals === false ? {} : { approvals }),
    },
  });
  return result.error?.issues.map(({ path, message }) => `${path.slice(1).join(".")}: ${message}`) ?? [];
}

const key = (project: string, name: string) => ({
  role: "roles/cloudkms.cryptoKeyDecrypter",
  on: { kind: "cryptoKey", id: `projects/${project}/locations/eu/keyRings/state/cryptoKeys/${name}` },
});
const onProject = (role: string, id: string) => ({ role, on: { kind: "project", id } });
const secretOf = (project: string, name: string) => ({
  role: "roles/secretmanager.secretAccessor",
  on: { kind: "secret", id: `projects/${project}/secrets/${name}` },
});

test("refuses every identity a role in the project of pool and approvals, whether anything is published or not", () => {
  assert.deepEqual(grantsOf({}), []);
  const ownProject = /grants\.\d\.on: must not be, or lie in, neko-ci, the project of pool and approvals/;
  for (const approvals of [true, false]) {
    for (const [use, grant] of [
      ["build", onProject("roles/storage.admin", "neko-ci")],
      ["build", onProject("roles/iam.workloadIdentityPoolAdmin", "neko-ci")],
      ["build", key("neko-ci", "platform")],
      ["build", secretOf("neko-ci", "token")],
      ["plan", onProject("roles/storage.objectViewer", "neko-ci")],
      ["plan", onProject("roles/cloudkms.cryptoKeyDecrypter", "neko-ci")],
      ["plan", key("neko-ci", "platform")],
      ["apply", onProject("roles/viewer", "neko-ci")],
      ["apply", key("neko-ci", "platform")],
      ["apply", secretOf("neko-ci", "token")],
    ] as const) {
      const found = grantsOf({ [use]: grant, approvals });
      assert.equal(found.length, 1, `${use} ${JSON.stringify(grant)}: ${found.join(", ")}`);
      assert.match(found[0] ?? "", ownProject);
    }
  }
});

test("refuses a project that another deployment's grants name, and what lies in one", () => {
  const shared = /must not be, or lie in, a project that the grants of (?:production|staging|release) name/;
  for (const [use, grant] of [
    ["apply", onProject("roles/cloudkms.admin", "neko-production")],
    ["plan", onProject("roles/compute.viewer", "neko-production")],
    // No other grant names this key or secret, but the project is production's.
    ["apply", key("neko-production", "unnamed")],
    ["apply", secretOf("neko-production", "unnamed")],
    ["apply", onProject("roles/artifactregistry.admin", "neko-releases")],
    ["build", onProject("roles/storage.admin", "neko-staging")],
    ["build", key("neko-production", "unnamed")],
  ] as const) {
    const found = grantsOf({ [use]: grant });
    assert.ok(found.length >= 2, `both sides are told: ${use} ${JSON.stringify(grant)}: ${found.join(", ")}`);
    for (const fault of found) assert.match(fault, shared);
  }
  assert.deepEqual(grantsOf({ build: onProject("roles/storage.admin", "neko-elsewhere") }), []);
  assert.deepEqual(grantsOf({ apply: key("neko-staging", "further") }), []);
});

test("refuses one secret of two", () => {
  const grant = secretOf("neko-secrets", "token");
  assert.deepEqual(grantsOf({ apply: grant }), []);
  const found = grantsOf({ apply: grant, build: grant });
  assert.equal(found.length, 2);
  for (const fault of found) assert.match(fault, /must not be the secret of another deployment or build/);
});

test("refuses the bucket that make init names for states, also where no grant names a state in it", () => {
  const grant = { role: "roles/storage.objectUser", on: { kind: "bucket", name: "neko-ci-neko-trust-state" } };
  assert.match(grantsOf({ build: grant }).join(), /must not be a bucket that has states in it/);
});
