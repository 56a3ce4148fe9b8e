import { z } from "zod";

/** AdmissionPolicies' part of a stack's configuration: how the baseline is put into the stack's clusters. */

const label = (longest: number) =>
  z
    .string()
    .max(longest)
    .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, "must be lower-case letters, digits and dashes");
const namespaceName = label(63);
const labelKey = z
  .string()
  .max(253)
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
    "must be a label key",
  );
const labelValue = z.string().regex(/^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/, "must be a label value");

const rollout = z.enum(["warn", "enforce"]);

const scope = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("all-except"), exempt: z.array(namespaceName) }),
  z.strictObject({ kind: z.literal("only"), namespaces: z.array(namespaceName).min(1) }),
  z.strictObject({
    kind: z.literal("labelled"),
    labels: z.record(labelKey, labelValue).refine((labels) => Object.keys(labels).length > 0, "must name a label"),
  }),
]);

export const admissionPoliciesSettingsSchema = z.strictObject({
  /** Starts the name of every cluster-wide object. */
  name: label(40),
  /** Made by the component; holds the list of admitted images. */
  namespace: namespaceName,
  /** `warn` reports and admits; go to `enforce` once the warnings have stopped. */
  rollout,
  /** Which namespaces are guarded; there is no default, as what is exempt runs unchecked. */
  scope,
  /** What differs in one of the stack's clusters, by the cluster's name. */
  perCluster: z
    .record(namespaceName, z.strictObject({ rollout: rollout.optional(), scope: scope.optional() }))
    .optional(),
});
export type AdmissionPoliciesSettings = z.infer<typeof admissionPoliciesSettingsSchema>;
