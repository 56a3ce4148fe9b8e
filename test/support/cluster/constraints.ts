import { join } from "node:path";
import type { ClusterObject } from "../../../src/adapters/cluster/object.ts";
import { objectsIn } from "./manifests.ts";
import { folderOf } from "./modules.ts";
import { valueAt } from "./test-cluster.ts";

/**
 * The definitions that Gatekeeper's controller makes out of ConstraintTemplates, made in the same way
 * (frameworks/constraint, pkg/client/crds), with the schema of `match` that Gatekeeper's module has: constraints can
 * then be judged by their schema, without the controller.
 */
export async function constraintDefinitions(templates: readonly ClusterObject[]): Promise<ClusterObject[]> {
  if (templates.length === 0) return [];
  const { folder } = await folderOf("gatekeeper");
  const [match] = objectsIn(join(folder, "config", "crd", "bases", "match.gatekeeper.sh_matchcrd.yaml"));
  const [version] = valueAt(match, "spec", "versions") as readonly unknown[];
  const matchSchema = valueAt(version, "schema", "openAPIV3Schema", "properties", "embeddedMatch");
  if (matchSchema === undefined) throw new Error("Gatekeeper's module has the schema of match elsewhere now");
  return templates.map((template) => definitionOf(template, matchSchema));
}

function definitionOf(template: ClusterObject, match: unknown): ClusterObject {
  const kind = valueAt(template, "spec", "crd", "spec", "names", "kind");
  const parameters = valueAt(template, "spec", "crd", "spec", "validation", "openAPIV3Schema");
  if (typeof kind !== "string") throw new Error(`ConstraintTemplate ${template.metadata?.name ?? ""} names no kind`);
  const plural = kind.toLowerCase();
  const group = "constraints.gatekeeper.sh";
  const text = { type: "string" };
  const actions = {
    type: "object",
    properties: {
      action: text,
      enforcementPoints: { type: "array", items: { type: "object", properties: { name: text } } },
    },
  };
  const schema = {
    type: "object",
    properties: {
      metadata: { type: "object", properties: { name: { type: "string", maxLength: 63 } } },
      spec: {
        type: "object",
        properties: {
          match,
          enforcementAction: { type: "string", default: "deny" },
          scopedEnforcementActions: { type: "array", items: actions },
          ...(parameters === undefined ? {} : { parameters }),
        },
      },
      status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    },
  };
  const version = (name: string, storage: boolean) => ({
    name,
    storage,
    served: true,
    subresources: { status: {} },
    schema: { openAPIV3Schema: schema },
  });
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: "Cluster",
      names: { kind, listKind: `${kind}List`, plural, singular: plural, categories: ["constraint", "constraints"] },
      versions: [version("v1beta1", true), version("v1alpha1", false)],
    },
  };
}
