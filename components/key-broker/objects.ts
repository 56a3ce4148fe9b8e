import type * as kubernetes from "@pulumi/kubernetes";
import type { BrokerPlan } from "./args.ts";

/** What all objects of the broker share: metadata, selectors, and the securest context that Pod Security knows. */

export type Part = "broker" | "publisher";

export function metadata(plan: BrokerPlan, suffix?: string): kubernetes.types.input.meta.v1.ObjectMeta {
  const { name, namespace } = plan.settings;
  return { name: suffix === undefined ? name : `${name}-${suffix}`, namespace, labels: commonLabels(plan) };
}

export function commonLabels(plan: BrokerPlan): Record<string, string> {
  return { "app.kubernetes.io/managed-by": "neko-trust", "app.kubernetes.io/part-of": plan.settings.name };
}

/** Selects the pods of one part; never changes, as a Deployment's selector can't. */
export function partLabels(plan: BrokerPlan, part: Part): Record<string, string> {
  return { "app.kubernetes.io/component": part, "app.kubernetes.io/part-of": plan.settings.name };
}

/** Not root, and no user of the images': files of mounted Secrets are readable by the group. */
const user = 65_532;

export const podSecurity: kubernetes.types.input.core.v1.PodSecurityContext = {
  runAsNonRoot: true,
  runAsUser: user,
  runAsGroup: user,
  fsGroup: user,
  fsGroupChangePolicy: "OnRootMismatch",
  seccompProfile: { type: "RuntimeDefault" },
};

export const containerSecurity: kubernetes.types.input.core.v1.SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  privileged: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
};

/** r--r-----: the kubelet writes the files as root, with fsGroup as their group. */
export const secretMode = 0o440;

export function namespaceArgs(plan: BrokerPlan): kubernetes.core.v1.NamespaceArgs {
  const restricted = ["enforce", "audit", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "restricted"]);
  return {
    metadata: {
      name: plan.settings.namespace,
      labels: { ...commonLabels(plan), ...(Object.fromEntries(restricted) as Record<string, string>) },
    },
  };
}

export function serviceAccountArgs(plan: BrokerPlan): kubernetes.core.v1.ServiceAccountArgs {
  return { metadata: metadata(plan), automountServiceAccountToken: false };
}

export function configMapArgs(plan: BrokerPlan): kubernetes.core.v1.ConfigMapArgs {
  return {
    metadata: { ...metadata(plan, "config"), annotations: { "neko-trust/config-digest": plan.configDigest } },
    data: { ...plan.configFiles },
  };
}

export function serviceArgs(plan: BrokerPlan, port: number): kubernetes.core.v1.ServiceArgs {
  return {
    metadata: metadata(plan),
    spec: {
      type: "ClusterIP",
      selector: partLabels(plan, "broker"),
      ports: [{ name: "https", port, targetPort: "https", protocol: "TCP", appProtocol: "https" }],
    },
  };
}

/** One pod at a time: with several, the others keep serving; with one, a node can still be drained. */
export function disruptionBudgetArgs(plan: BrokerPlan): kubernetes.policy.v1.PodDisruptionBudgetArgs {
  return {
    metadata: metadata(plan),
    spec: { maxUnavailable: 1, selector: { matchLabels: partLabels(plan, "broker") } },
  };
}

export function volumeClaimArgs(
  plan: BrokerPlan,
  volume: { readonly size: string; readonly storageClass: string },
): kubernetes.core.v1.PersistentVolumeClaimArgs {
  return {
    metadata: metadata(plan, "store"),
    spec: {
      // Two pods on one folder would each believe their own files.
      accessModes: ["ReadWriteOncePod"],
      resources: { requests: { storage: volume.size } },
      storageClassName: volume.storageClass,
    },
  };
}
