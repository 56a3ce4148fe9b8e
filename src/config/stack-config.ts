import { z } from "zod";
import { admissionPoliciesSettingsSchema } from "../../components/admission-policies/settings.ts";
import { ghcrRepositorySettingsSchema } from "../../components/ghcr-repository/settings.ts";
import { Failure } from "../core/failure.ts";
import { digestSchema } from "../core/oci/formats.ts";
import { trustPolicySchema } from "../core/policy/trust-policy.ts";
import { schemaFaults } from "../core/schema-faults.ts";

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

/** Parses a stack's keys; throws CONFIG_INVALID with every fault: path, found, allowed. */
export function parseStackConfig(document: Readonly<Record<string, unknown>>, source: string): StackConfig {
  const plain = Object.fromEntries(Object.entries(document).filter(([key]) => !secretKeys.includes(key)));
  const parsed = stackConfigSchema.safeParse(plain);
  if (parsed.success) return checkedRelations(parsed.data, source);
  const faults = schemaFaults(parsed.error, plain);
  throw new Failure({
    code: "CONFIG_INVALID",
    kind: "usage",
    message: `${source} has ${faults.length} ${faults.length === 1 ? "fault" : "faults"}.`,
    remedy: `Correct ${source}; schemas/trust-policy.v1.schema.json and components/*/README.md say what is allowed.`,
    details: faults.map((fault) => `${fault.path}: found ${fault.found}; ${fault.allowed}`),
  });
}

function checkedRelations(config: StackConfig, source: string): StackConfig {
  const repositories = config.policy.images.flatMap((image) => [image.repository, ...image.mirrors]);
  const faults = config.releases.flatMap((entry, index) =>
    repositories.includes(entry.image)
      ? []
      : [`releases.${index}.image: found "${entry.image}"; must be one of policy.images: ${repositories.join(", ")}`],
  );
  if (config.release === "lab" && config.policy.environment !== "local") {
    faults.push(`release: found "lab"; only environment local may use lab releases`);
  }
  if (config.ghcrRepository !== undefined && config.githubOwner === undefined) {
    faults.push("githubOwner: found nothing; needed by ghcrRepository");
  }
  config.clusters.forEach((entry, index) => {
    if (entry.kubeconfig === undefined && config.policy.environment !== "local") {
      faults.push(`clusters.${index}.kubeconfig: found nothing; must be the path of a kubeconfig file`);
    }
  });
  if (faults.length === 0) return config;
  throw new Failure({
    code: "CONFIG_INVALID",
    kind: "usage",
    message: `${source} has ${faults.length} ${faults.length === 1 ? "fault" : "faults"}.`,
    remedy: `Correct ${source}.`,
    details: faults,
  });
}
