import { z } from "zod";
import { labelKeySchema, labelValueSchema } from "../../src/core/kubernetes-labels.ts";
import { amounts, cidr, egress, name, reason } from "./formats.ts";
import { valuesFaults } from "./values-lint.ts";
import type { ChartKind } from "./values-lint.ts";

/** The `arc` part: runners as pods of one cluster, for checks. */

const labels = z.record(labelKeySchema, labelValueSchema);

const toleration = z.strictObject({
  key: labelKeySchema,
  operator: z.enum(["Equal", "Exists"]),
  value: labelValueSchema.optional(),
  effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
});

/** Further values of a chart; checked by values-lint.ts, so that they harden nothing away. */
const values = (chart: ChartKind) =>
  z
    .record(z.string(), z.json())
    .superRefine((given, context) => {
      for (const fault of valuesFaults(given, chart)) context.addIssue({ code: "custom", ...fault });
    })
    .optional();

const role = z.enum(["checks", "build"]).superRefine((given, context) => {
  if (given !== "build") return;
  const message =
    "must be checks: an unprivileged pod can't have the Nix sandbox, and a build without it proves nothing about its " +
    "inputs; build on the machines of `gce`";
  context.addIssue({ code: "custom", message });
});

const scaleSet = z
  .strictObject({
    /** What workflows name in `runs-on`. The chart allows 45 characters. */
    name: name(45),
    role,
    minRunners: z.int().min(0).max(50),
    maxRunners: z.int().min(1).max(200),
    resources: amounts,
    nodeSelector: labels.optional(),
    tolerations: z.array(toleration).optional(),
    values: values("scale-set"),
  })
  .superRefine((given, context) => {
    if (given.minRunners <= given.maxRunners) return;
    context.addIssue({ code: "custom", path: ["minRunners"], message: "must not be above maxRunners" });
  });
export type ScaleSet = z.infer<typeof scaleSet>;

const addressOfDns = z.string().refine(
  // Not `cidr`: NodeLocal DNSCache has a link-local address (169.254.20.10), which is no metadata server's.
  (text) => /^(?:[0-9]{1,3}\.){3}[0-9]{1,3}\/32$/.test(text) && !text.startsWith("169.254.169."),
  "must be one IPv4 address as a /32, and none of a metadata server (169.254.169.0/24)",
);

const dns = z.strictObject({
  namespace: name(63),
  /** Of the pods that answer DNS, for example { k8s-app: kube-dns }. */
  labels: labels.refine((given) => Object.keys(given).length > 0, "must name a label"),
  /** Further resolvers, such as NodeLocal DNSCache's 169.254.20.10/32. */
  addresses: z.array(addressOfDns).optional(),
});

export const arcSettingsSchema = z
  .strictObject({
    namespaces: z
      .strictObject({ controller: name(63), runners: name(63) })
      .refine((given) => given.controller !== given.runners, "must be two: jobs must not live beside the controller"),
    /** Pod Security Standard of the runners' namespace. */
    podSecurity: z.union([z.literal("restricted"), z.strictObject({ level: z.literal("baseline"), reason })], {
      error: "must be restricted, or { level: baseline, reason }",
    }),
    dns,
    /** The API server's own addresses (its Endpoints, not its Service): the controller and its listeners need it. */
    apiServer: z.strictObject({ cidrs: z.array(cidr).min(1), port: z.int().min(1).max(65_535) }),
    /** GitHub's ranges, by TCP 443 (see the README). */
    github: z.array(cidr).min(1),
    /** Registries and caches that jobs may reach besides GitHub. */
    egress: egress.optional(),
    /** Part of the App secret's name: raise it with each new key, so that the listener takes the new one. */
    appKeyGeneration: z.int().min(1),
    controller: z.strictObject({ resources: amounts, values: values("controller") }),
    listener: z.strictObject({ resources: amounts }),
    scaleSets: z
      .array(scaleSet)
      .min(1)
      .refine(
        (list) => new Set(list.map((entry) => entry.name)).size === list.length,
        "must not use the same name for two scale sets",
      ),
  })
  .superRefine((given, context) => {
    given.egress?.forEach(({ name: used }, index) => {
      if (!["dns", "github"].includes(used)) return;
      const message = "must not be dns or github: those have settings of their own";
      context.addIssue({ code: "custom", path: ["egress", index, "name"], message });
    });
  });
export type ArcSettings = z.infer<typeof arcSettingsSchema>;
