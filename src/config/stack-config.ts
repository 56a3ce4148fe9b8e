import { z } from "zod";
import { admissionPoliciesSettingsSchema } from "../../components/admission-policies/settings.ts";
import { ghcrRepositorySettingsSchema } from "../../components/ghcr-repository/settings.ts";
import { Failure } from "../core/failure.ts";
import { checkSupport } from "../core/verify/check-support.ts";
import { digestSchema } from "../core/oci/formats.ts";
import { trustPolicySchema } from "../core/policy/trust-policy.ts";
import { safeParse } from "../core/safe-parse.ts";
import { faultLine, schemaFaults } from "../core/schema-faults.ts";
import type { SchemaFault } from "../core/schema-faults.ts";

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
  ghcrRepository: ghcrRepositorySettingsSchema.optional(),
  admissionPolicies: admissionPoliciesSettingsSchema.optional(),
});
export type StackConfig = z.infer<typeof stackConfigSchema>;

/** Keys that are secrets: Pulumi decrypts them for the program, which reads them as secret outputs; never parsed here. */
export const secretKeys: readonly string[] = ["githubToken"];

/** Parses a stack's keys; throws CONFIG_INVALID with every fault: path, found, allowed. `source` names the file. */
export function parseStackConfig(
  document: Readonly<Record<string, unknown>>,
  { stack, source }: { readonly stack: string; readonly source: string },
): StackConfig {
  const plain = Object.fromEntries(Object.entries(document).filter(([key]) => !secretKeys.includes(key)));
  const parsed = safeParse(stackConfigSchema, plain);
  const faults = [...(parsed.success ? [] : schemaFaults(parsed.error, plain)), ...relationFaults(plain, stack)];
  if (parsed.success && faults.length === 0) {
    assertSupported(parsed.data.policy, source);
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

/** What relations are about, whatever else is in the document; parts that can't be read have faults of their own. */
const readable = z.looseObject({
  release: z.unknown().optional(),
  policy: z
    .looseObject({
      environment: z.unknown().optional(),
      images: z
        .array(z.looseObject({ repository: z.string(), mirrors: z.array(z.string()).catch([]) }))
        .optional()
        .catch(undefined),
    })
    .catch({ environment: undefined }),
  releases: z.array(z.looseObject({ image: z.unknown().optional() }).catch({ image: undefined })).catch([]),
  clusters: z.array(z.looseObject({ kubeconfig: z.unknown().optional() }).catch({ kubeconfig: "" })).catch([]),
});

/** What one key demands of another. */
function relationFaults(document: Readonly<Record<string, unknown>>, stack: string): SchemaFault[] {
  const { release: lab, policy, releases, clusters } = readable.parse(document);
  const { environment, images } = policy;
  const faults: SchemaFault[] = [];
  const fault = (path: string, found: string, allowed: string): void => {
    faults.push({ path, found, allowed });
  };
  const repositories = images?.flatMap((image) => [image.repository, ...image.mirrors]);
  releases.forEach(({ image }, index) => {
    if (repositories === undefined || typeof image !== "string" || repositories.includes(image)) return;
    fault(`releases.${index}.image`, `"${image}"`, `must be one of policy.images: ${repositories.join(", ")}`);
  });
  if (lab === "lab" && environment !== "local") {
    fault("release", `"lab"`, "only environment local may use lab releases");
  }
  if (lab === "lab" && environment === "local" && stack !== "local") {
    fault("release", `"lab"`, "only stack local takes its releases from the lab");
  }
  // The guard of stand-ins and the dead endpoints go by these two: they must mean the same.
  if (environment !== undefined && (stack === "local") !== (environment === "local")) {
    const allowed = stack === "local" ? "must be local: stack local is the lab's" : "only stack local may be local";
    fault("policy.environment", JSON.stringify(environment), allowed);
  }
  if (document["ghcrRepository"] !== undefined && document["githubOwner"] === undefined) {
    fault("githubOwner", "nothing", "needed by ghcrRepository");
  }
  clusters.forEach(({ kubeconfig }, index) => {
    if (kubeconfig !== undefined && environment === "local") {
      fault(`clusters.${index}.kubeconfig`, "a path", "must be left out in environment local: its endpoint is dead");
    }
    if (kubeconfig === undefined && environment !== "local") {
      fault(`clusters.${index}.kubeconfig`, "nothing", "must be the path of a kubeconfig file");
    }
  });
  return faults;
}
