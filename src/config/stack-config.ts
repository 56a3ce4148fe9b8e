import { z } from "zod";
import { admissionPoliciesSettingsSchema } from "../../components/admission-policies/settings.ts";
import { buildRunnersSettingsSchema } from "../../components/build-runners/settings.ts";
import { ciSecretsSettingsSchema } from "../../components/ci-secrets/settings.ts";
import { confidentialSignerSettingsSchema } from "../../components/confidential-signer/settings.ts";
import { ghcrRepositorySettingsSchema } from "../../components/ghcr-repository/settings.ts";
import { keyBrokerSettingsSchema } from "../../components/key-broker/settings.ts";
import { Failure } from "../core/failure.ts";
import { checkSupport } from "../core/verify/check-support.ts";
import { digestSchema } from "../core/oci/formats.ts";
import { trustPolicySchema } from "../core/policy/trust-policy.ts";
import { safeParse } from "../core/safe-parse.ts";
import { faultLine, schemaFaults } from "../core/schema-faults.ts";
import { relationFaults } from "./stack-relations.ts";

/**
 * The configuration of one stack: `stacks/Pulumi.<stack>.yaml`, keys without their `neko-trust:` prefix. Composed of
 * the TrustPolicy, the releases it is applied to, and each component's settings. Strict throughout.
 */

const release = z.strictObject({
  /** The repository, as policy.images names it or one of its mirrors. */
  image: z.string().min(1),
  current: digestSchema,
  /** Earlier digests that pods may still run, for a rollback or while a rollout drains. */
  retained: z.array(digestSchema),
});

const cluster = z.strictObject({
  name: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, "must be lower-case letters, digits and dashes"),
  /** Path of a kubeconfig file, relative to the checkout or absolute. Stack local has none: its endpoint is dead. */
  kubeconfig: z.string().min(1).optional(),
  context: z.string().min(1).optional(),
  /** What runs there; workloads, and so the admission policies, when left out. */
  runs: z
    .array(z.enum(["workloads", "key-broker", "runners"]))
    .min(1)
    .refine((all) => new Set(all).size === all.length, "must not repeat a kind")
    .optional(),
});

/** Where the signer's disk image lies: its hash is the verified manifest's, wherever it comes from. */
const diskSource = z.discriminatedUnion("kind", [
  /** Relative to the checkout, or absolute. */
  z.strictObject({ kind: z.literal("file"), path: z.string().min(1) }),
  /** An OCI artifact of one layer, by digest: `registry/path@sha256:…`. */
  z.strictObject({
    kind: z.literal("oci"),
    reference: z.string().regex(/^[^@\s]+@sha256:[0-9a-f]{64}$/, "must be registry/path@sha256:<digest>"),
  }),
]);
export type DiskSource = z.infer<typeof diskSource>;

/**
 * The release of the confidential signer, a stream of its own: verified first, under a policy of its own that can't
 * demand what only the signer makes. No release vouches for its own signer.
 */
const signerRelease = release.extend({
  /** The one that the machines are rolled over from: the key broker gives its credential to two releases at most. */
  retained: z
    .array(digestSchema)
    .max(1, "must be at most one: the key broker serves the current release and one other"),
  policy: trustPolicySchema,
  /** As the stack's own, which is taken when this is left out. */
  trustedRoot: z.string().min(1).optional(),
  disk: diskSource,
  /** One for each of `retained`, in its order. */
  retainedDisks: z.array(diskSource).optional(),
});

const gcp = z.strictObject({
  project: z
    .string()
    .regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, "must be the project's id: 6 to 30 lower-case characters"),
  region: z.string().regex(/^[a-z]+-[a-z]+[0-9]+$/, "must be a region, for example europe-west4"),
  zone: z.string().regex(/^[a-z]+-[a-z]+[0-9]+-[a-z]$/, "must be a zone, for example europe-west4-b"),
});

export const stackConfigSchema = z.strictObject({
  /** `lab`: the releases are the lab's, read from the state folder. In environment local only. */
  release: z.literal("lab").optional(),
  policy: trustPolicySchema,
  /** Path of trusted_root.json, relative to the checkout or absolute. */
  trustedRoot: z.string().min(1),
  releases: z.array(release),
  /** The GitHub organisation or user that owns what GhcrRepository manages. */
  githubOwner: z.string().min(1).optional(),
  clusters: z.array(cluster),
  /** The Google Cloud project that the stack provisions in. */
  gcp: gcp.optional(),
  /**
   * Where the stack that owns what exists once publishes which policies were approved (its
   * `ciSecrets.workloadIdentity.approvals`). Left out in that stack itself, and in local.
   */
  approvals: z
    .strictObject({
      bucket: z
        .string()
        .regex(/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, "must be a bucket's name, without gs:// and folders"),
    })
    .optional(),
  signerRelease: signerRelease.optional(),
  ghcrRepository: ghcrRepositorySettingsSchema.optional(),
  ciSecrets: ciSecretsSettingsSchema.optional(),
  buildRunners: buildRunnersSettingsSchema.optional(),
  keyBroker: keyBrokerSettingsSchema.optional(),
  confidentialSigner: confidentialSignerSettingsSchema.optional(),
  admissionPolicies: admissionPoliciesSettingsSchema.optional(),
});
export type StackConfig = z.infer<typeof stackConfigSchema>;

/** Keys that are secrets: Pulumi decrypts them for the program, which reads them as secret outputs; never parsed here. */
export const secretKeys = [
  "githubToken",
  // CiSecrets: the seed that its secrets are sealed with, and values whose source is the configuration or ESC.
  "sealingSeed",
  "ghcrAccessToken",
  "cosignKey",
  "cosignPassword",
  // BuildRunners: the GitHub App that runners are registered with.
  "runnersAppId",
  "runnersAppInstallationId",
  "runnersAppKey",
  // KeyBroker: what it gives away, whom it obeys, and what it signs with.
  "brokerCredential",
  "brokerAdminKey",
  "brokerTokenKey",
  "brokerTokenChain",
  "brokerTokenRoot",
  "brokerTlsKey",
  "brokerTlsCertificate",
  "brokerTlsAuthority",
  "brokerPostgresUrl",
] as const;
export type SecretKey = (typeof secretKeys)[number];

export function isSecretKey(key: string): key is SecretKey {
  return (secretKeys as readonly string[]).includes(key);
}

/** The keys of a stack that hold secrets: the program's own, and those that CiSecrets takes values from. */
export function secretKeysOf(document: Readonly<Record<string, unknown>>): ReadonlySet<string> {
  const { ciSecrets } = secretSources.parse(document);
  const named = ciSecrets.environments.flatMap(({ secrets }) => secrets.map(({ source }) => source.key));
  return new Set([...secretKeys, ...named.filter((key) => !Object.hasOwn(stackConfigSchema.shape, key))]);
}

const noSecrets = { environments: [] };
const secretSources = z.looseObject({
  ciSecrets: z
    .looseObject({
      environments: z.array(
        z.looseObject({ secrets: z.array(z.looseObject({ source: z.looseObject({ key: z.string().catch("") }) })) }),
      ),
    })
    .optional()
    .catch(noSecrets)
    .transform((settings) => settings ?? noSecrets),
});

/** Parses a stack's keys; throws CONFIG_INVALID with every fault: path, found, allowed. `source` names the file. */
export function parseStackConfig(
  document: Readonly<Record<string, unknown>>,
  { stack, source }: { readonly stack: string; readonly source: string },
): StackConfig {
  const secret = secretKeysOf(document);
  const plain = Object.fromEntries(Object.entries(document).filter(([key]) => !secret.has(key)));
  const parsed = safeParse(stackConfigSchema, plain);
  const faults = [...(parsed.success ? [] : schemaFaults(parsed.error, plain)), ...relationFaults(plain, stack)];
  if (parsed.success && faults.length === 0) {
    const { policy, signerRelease: signer } = parsed.data;
    for (const each of [policy, ...(signer === undefined ? [] : [signer.policy])]) assertSupported(each, source);
    return parsed.data;
  }
  throw new Failure({
    code: "CONFIG_INVALID",
    kind: "usage",
    message: `${source} has ${faults.length} ${faults.length === 1 ? "fault" : "faults"}.`,
    remedy: `Correct ${source}; schemas/trust-policy.v1.schema.json and components/*/README.md say what is allowed.`,
    details: faults.map(faultLine),
  });
}

/** Refuses what verifyRelease could not enforce, here already: a stack without releases must not half obey its policy. */
function assertSupported(policy: StackConfig["policy"], source: string): void {
  const support = checkSupport(policy);
  if (support.ok) return;
  throw new Failure({
    code: "POLICY_UNSUPPORTED",
    kind: "usage",
    message: `The policy in ${source} demands what this version of neko-trust can't enforce.`,
    remedy: "Remove what the lines name from the policy, or use a version that enforces it: nothing is ignored.",
    details: support.findings.map((finding) => finding.subject),
  });
}
