import { ciSecretsSettingsSchema } from "../../components/ci-secrets/settings.ts";
import type { CiSecretsSettings } from "../../components/ci-secrets/settings.ts";

const zeros = `sha256:${"0".repeat(64)}`;
const cosignKey = { name: "COSIGN_KEY", source: { kind: "config", key: "cosignKey" }, rotateBy: "2027-03-31" };
const secret = (version: number) => `projects/neko-ci/secrets/cosign-password/versions/${version}`;

const plain = { preventSelfReview: false, waitMinutes: 0, policyDigest: zeros, secrets: [], variables: {} };
const nobody = { teams: [], users: [] };

/** Settings of every kind: a private registry, a key, three environments, a deployment and a build. */
export const ciSecretsFields = {
  repository: { owner: "m1k1o", name: "neko", id: "223413321", ownerId: "34362" },
  registry: { repository: "ghcr.io/m1k1o/neko", access: "private" },
  signing: "key",
  overdue: "warn",
  environments: [
    {
      ...plain,
      name: "release",
      reviewers: nobody,
      refs: { branches: [], tags: ["v*"] },
      secrets: [
        cosignKey,
        { name: "COSIGN_PASSWORD", source: { kind: "secretManager", version: secret(3) }, rotateBy: "2027-03-31" },
        { name: "GHCR_ACCESS_TOKEN", source: { kind: "esc", key: "ghcrToken" }, rotateBy: "2027-01-31" },
      ],
      variables: { CACHE_URL: "https://cache.example.org" },
    },
    { ...plain, name: "production-plan", reviewers: nobody, refs: { branches: ["main"], tags: [] } },
    {
      ...plain,
      name: "production",
      reviewers: { teams: [9, 7], users: [] },
      preventSelfReview: true,
      waitMinutes: 5,
      refs: { protectedBranches: true },
    },
  ],
  workloadIdentity: {
    project: "neko-ci",
    pool: { id: "neko-trust-ci", adopt: false },
    issuer: "https://token.actions.githubusercontent.com",
    deployments: [
      {
        id: "production",
        generation: 1,
        workflow: ".github/workflows/deploy.yml",
        refs: ["refs/heads/main"],
        triggers: ["push"],
        runner: "github-hosted",
        plan: {
          environment: "production-plan",
          grants: [
            {
              role: "roles/storage.objectViewer",
              on: { kind: "stackState", bucket: "neko-state", stack: "organization/neko-trust/production" },
            },
            {
              role: "roles/cloudkms.cryptoKeyDecrypter",
              on: { kind: "cryptoKey", id: "projects/neko-production/locations/eu/keyRings/state/cryptoKeys/pulumi" },
            },
          ],
        },
        apply: {
          environment: "production",
          grants: [
            { role: "roles/compute.admin", on: { kind: "project", id: "neko-production" } },
            {
              role: "roles/storage.objectUser",
              on: { kind: "stackState", bucket: "neko-state", stack: "organization/neko-trust/production" },
            },
            {
              role: "roles/secretmanager.secretAccessor",
              on: { kind: "secret", id: "projects/neko-production/secrets/token" },
            },
          ],
        },
      },
    ],
    builds: [
      {
        id: "release",
        generation: 2,
        signer: "release",
        grants: [{ role: "roles/artifactregistry.writer", on: { kind: "project", id: "neko-releases" } }],
      },
    ],
    approvals: { bucket: "neko-approvals", location: "europe-west4", onDestroy: "keep" },
    onDestroy: "keep",
  },
};

/** Parsed, with top-level fields replaced. */
export function ciSecretsSettings(changes: object = {}): CiSecretsSettings {
  return ciSecretsSettingsSchema.parse({ ...structuredClone(ciSecretsFields), ...changes });
}

/** What the secrets of `ciSecretsFields` are; the word makes each easy to look for where it must not be. */
export const secretTexts: Readonly<Record<string, string>> = {
  "release/COSIGN_KEY": "plaintext of the cosign key",
  "release/COSIGN_PASSWORD": "plaintext of the password",
  "release/GHCR_ACCESS_TOKEN": "plaintext of the token",
};

/** 32 bytes; nobody's. */
export const sealingSeedText = Buffer.from("plaintext of the sealing seed 32").toString("base64");
