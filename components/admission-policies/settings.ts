import { z } from "zod";
import { labelKeySchema, labelValueSchema } from "../../src/core/kubernetes-labels.ts";
import type { KyvernoPlacement } from "../../src/core/compile/kyverno/compile.ts";
import type { Placement } from "../../src/core/compile/validating-admission-policy/compile.ts";
import { isLoopbackUrl } from "../../src/core/loopback.ts";
import { decodeBase64 } from "../../src/core/sigstore/base64.ts";

/**
 * AdmissionPolicies' part of a stack's configuration: how the baseline, and engines over it, are put into the stack's
 * clusters.
 */

const label = (longest: number) =>
  z
    .string()
    .max(longest)
    .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, "must be lower-case letters, digits and dashes");
const namespaceName = label(63);

const rollout = z.enum(["warn", "enforce"]);

const scope = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("all-except"), exempt: z.array(namespaceName) }),
  z.strictObject({ kind: z.literal("only"), namespaces: z.array(namespaceName).min(1) }),
  z.strictObject({
    kind: z.literal("labelled"),
    labels: z
      .record(labelKeySchema, labelValueSchema)
      .refine((labels) => Object.keys(labels).length > 0, "must name a label"),
  }),
]);

/** What every engine is told. */
const engine = z.strictObject({
  /** true: from the pinned chart; false: the cluster has it already, and the update is refused where it hasn't. */
  install: z.boolean(),
  /** Where its pods are, or will be: exempt it from the scope, as its images are not on the list. */
  namespace: namespaceName,
  /** The cluster's rollout unless given. Weaker than the baseline's is allowed, and told in every run. */
  rollout: rollout.optional(),
  /** Of its webhook, when it is installed here. One alone would be a single point of failure: at least two. */
  replicas: z
    .int()
    .min(2, "must be at least 2: one webhook alone stops every deployment when it is gone")
    .max(9)
    .optional(),
});

const secretName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/, "must be the name of a Secret");

const signatureEngine = engine.extend({
  /** Set it when every release has provenance on the index, too: engines don't look at the platforms' manifests. */
  indexProvenance: z.boolean().optional(),
});

const kyverno = signatureEngine.extend({
  /** For private registries: Secrets in Kyverno's namespace, and cloud providers that Kyverno asks for a token. */
  credentials: z
    .strictObject({
      secrets: z.array(secretName).optional(),
      providers: z.array(z.enum(["default", "amazon", "azure", "google", "github"])).optional(),
    })
    .optional(),
});

const tufRepository = z.strictObject({
  mirror: z
    .string()
    .regex(/^https?:\/\/[^\s@?#]+$/, "must be the URL of a TUF mirror, without credentials")
    .refine(
      (url) => url.startsWith("https://") || (URL.canParse(url) && isLoopbackUrl(new URL(url))),
      "must be an https URL",
    ),
  root: z
    .string()
    .min(1)
    .max(65536)
    .refine(
      (text) => text.includes("placeholder") || decodeBase64(text) !== undefined,
      "must be the base64 of the mirror's root.json",
    ),
});

const engines = z
  .strictObject({
    /** Whose signatures engines verify: public-good Sigstore, or one's own instance and where its TUF mirror is. */
    sigstore: z
      .union([z.literal("public-good"), tufRepository], {
        error: "must be public-good, or mirror and root of one's own TUF mirror",
      })
      .optional(),
    kyverno: kyverno.optional(),
    policyController: signatureEngine.optional(),
    gatekeeper: engine.optional(),
  })
  .refine(
    ({ sigstore, kyverno: first, policyController: second }) =>
      sigstore !== undefined || (first === undefined && second === undefined),
    { path: ["sigstore"], message: "must be set where kyverno or policyController is: they verify signatures" },
  );

export const admissionPoliciesSettingsSchema = z.strictObject({
  /** Starts the name of every cluster-wide object. */
  name: label(40),
  /** Made by the component; holds the list of admitted images. */
  namespace: namespaceName,
  /** `warn` reports and admits; go to `enforce` once the warnings have stopped. */
  rollout,
  /** Which namespaces are guarded; there is no default, as what is exempt runs unchecked. */
  scope,
  /**
   * An update that enforces is refused while pods run that it would refuse when they are made again. `accept` goes on;
   * what would be refused is listed all the same.
   */
  refuseRunning: z.literal("accept").optional(),
  /** Over the baseline, never in its place. */
  engines: engines.optional(),
  /** What differs in one of the stack's clusters, by the cluster's name; engines are replaced as a whole. */
  perCluster: z
    .record(
      namespaceName,
      z.strictObject({
        rollout: rollout.optional(),
        scope: scope.optional(),
        refuseRunning: z.literal("accept").optional(),
        engines: engines.optional(),
      }),
    )
    .optional(),
});
export type AdmissionPoliciesSettings = z.infer<typeof admissionPoliciesSettingsSchema>;
export type EnginesSettings = z.infer<typeof engines>;
export type EngineName = Exclude<keyof EnginesSettings, "sigstore">;
export const engineNames = ["kyverno", "policyController", "gatekeeper"] as const satisfies readonly EngineName[];

/** This cluster's placement: the settings, with what differs for it. */
export function placementOf(settings: AdmissionPoliciesSettings, cluster: string): Placement {
  const own = settings.perCluster?.[cluster];
  return {
    name: settings.name,
    namespace: settings.namespace,
    rollout: own?.rollout ?? settings.rollout,
    scope: own?.scope ?? settings.scope,
  };
}

/** This cluster's engines. */
export function enginesOf(settings: AdmissionPoliciesSettings, cluster: string): EnginesSettings {
  return settings.perCluster?.[cluster]?.engines ?? settings.engines ?? {};
}

/** Whether an update of this cluster goes on while pods run that it would refuse. */
export function acceptsRefusals(settings: AdmissionPoliciesSettings, cluster: string): boolean {
  return (settings.perCluster?.[cluster]?.refuseRunning ?? settings.refuseRunning) === "accept";
}

/** An engine's placement in a cluster: the baseline's, with its own rollout and what only it has. */
export function enginePlacementOf(
  settings: AdmissionPoliciesSettings,
  cluster: string,
  name: EngineName,
): Placement & Pick<KyvernoPlacement, "indexProvenance" | "credentials"> {
  const placement = placementOf(settings, cluster);
  const { kyverno: first, policyController, gatekeeper } = enginesOf(settings, cluster);
  const chosen = { kyverno: first, policyController, gatekeeper }[name];
  const indexProvenance = { kyverno: first, policyController, gatekeeper: undefined }[name]?.indexProvenance;
  const { secrets, providers } = (name === "kyverno" ? first?.credentials : undefined) ?? {};
  return {
    ...placement,
    rollout: chosen?.rollout ?? placement.rollout,
    ...(indexProvenance === undefined ? {} : { indexProvenance }),
    ...(secrets === undefined && providers === undefined
      ? {}
      : {
          credentials: {
            ...(secrets === undefined ? {} : { secrets }),
            ...(providers === undefined ? {} : { providers }),
          },
        }),
  };
}
