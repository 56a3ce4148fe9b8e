import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import { releaseNames } from "./charts.ts";
import type { EngineObject, PlannedEngine } from "./engines.ts";

/**
 * Registers one engine under the component: its namespace and Helm release where it is installed here, a private root, and
 * its policies. Policies are made last and destroyed first: a webhook whose engine goes away before its policies would refuse
 * everything. The charts' own hooks take the webhook configurations away before the pods (charts.ts).
 */
export function engineResources(
  component: string,
  parent: pulumi.ComponentResource,
  engine: PlannedEngine,
  chart: kubernetes.helm.v3.ReleaseArgs | undefined,
): pulumi.Output<string>[] {
  const prefix = `${component}-${releaseNames[engine.name]}`;
  const before: pulumi.Resource[] = [];
  if (chart !== undefined) {
    const namespace = new kubernetes.core.v1.Namespace(
      `${prefix}-namespace`,
      {
        metadata: {
          name: engine.settings.namespace,
          labels: {
            "app.kubernetes.io/managed-by": "neko-trust",
            // None of the engines needs more; a pod that does is a surprise.
            "pod-security.kubernetes.io/enforce": "baseline",
          },
        },
      },
      { parent },
    );
    before.push(new kubernetes.helm.v3.Release(prefix, chart, { parent, dependsOn: [namespace] }));
  }
  before.push(...privateRoot(prefix, parent, engine, before));
  const policies: kubernetes.apiextensions.CustomResource[] = [];
  for (const { apiVersion, kind, metadata, spec } of engine.objects) {
    const after = engine.chained ? [...before, ...policies] : before;
    policies.push(
      new kubernetes.apiextensions.CustomResource(
        `${prefix}-${suffixOf(engine, { kind, metadata })}`,
        { apiVersion, kind, metadata, spec },
        { parent, dependsOn: after },
      ),
    );
  }
  return policies.map((policy, index) =>
    policy.metadata.name.apply((name) => `${engine.objects[index]?.kind ?? ""} ${name}`),
  );
}

/** `<name>-signature` of policy-controller → `signature`; the others have one object of a kind. */
function suffixOf(engine: PlannedEngine, { kind, metadata }: Pick<EngineObject, "kind" | "metadata">): string {
  switch (engine.name) {
    case "kyverno":
      return "policy";
    case "gatekeeper":
      return kind === "ConstraintTemplate" ? "template" : "constraint";
    case "policyController":
      return metadata.name.slice((metadata.labels["app.kubernetes.io/part-of"] ?? "").length + 1);
  }
}

/**
 * A private root goes into the controller's own ConfigMap, beside what is there. The webhook stops serving when that changes, so
 * the Deployment gets an annotation that changes with the root, which restarts it.
 */
function privateRoot(
  prefix: string,
  parent: pulumi.ComponentResource,
  { sigstoreKeys, settings }: PlannedEngine,
  dependsOn: readonly pulumi.Resource[],
): pulumi.Resource[] {
  if (sigstoreKeys === undefined) return [];
  const { configMap, key, value } = sigstoreKeys;
  const { namespace } = settings;
  const root = new kubernetes.core.v1.ConfigMapPatch(
    `${prefix}-root`,
    { metadata: { name: configMap, namespace }, data: { [key]: value } },
    { parent, dependsOn: [...dependsOn] },
  );
  const restart = new kubernetes.apps.v1.DeploymentPatch(
    `${prefix}-restart`,
    {
      metadata: { name: "policy-controller-webhook", namespace },
      spec: { template: { metadata: { annotations: { "neko-trust/trusted-root": sha256Hex(value) } } } },
    },
    { parent, dependsOn: [root] },
  );
  return [root, restart];
}
