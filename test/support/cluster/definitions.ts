import { join } from "node:path";
import type { ClusterObject } from "../../../src/adapters/cluster/object.ts";
import { constraintDefinitions } from "./constraints.ts";
import { objectsIn } from "./manifests.ts";
import { folderOf } from "./modules.ts";
import type { EngineModule } from "./modules.ts";
import { valueAt } from "./test-cluster.ts";

/** Where definitions lie in their modules. policy-controller's and Kyverno's are installed with the engines themselves. */
const places: readonly { readonly module: EngineModule; readonly path: string; readonly group: RegExp }[] = [
  { module: "gatekeeper", path: "charts/gatekeeper/crds", group: /\.gatekeeper\.sh$/u },
  { module: "gatewayApi", path: "config/crd/standard", group: /^gateway\.networking\.k8s\.io$/u },
];

/**
 * The definitions of the kinds that these objects have, as far as a Go module has them. Not all that there are: each
 * takes the API server a moment.
 */
export async function neededDefinitions(objects: readonly ClusterObject[]): Promise<ClusterObject[]> {
  const wanted = new Set(objects.map(({ apiVersion, kind }) => `${groupOf(apiVersion)} ${kind}`));
  const groups = new Set(objects.map(({ apiVersion }) => groupOf(apiVersion)));
  const found: ClusterObject[] = [];
  for (const { module, path, group } of places) {
    if (![...groups].some((one) => group.test(one))) continue;
    const { folder } = await folderOf(module);
    found.push(...objectsIn(join(folder, path)).filter((object) => wanted.has(definedKind(object))));
  }
  const templates = objects.filter(({ kind }) => kind === "ConstraintTemplate");
  return [...found, ...(await constraintDefinitions(templates))];
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
}

/** `group Kind` of a definition; what is none has neither. */
function definedKind(definition: ClusterObject): string {
  return `${String(valueAt(definition, "spec", "group"))} ${String(valueAt(definition, "spec", "names", "kind"))}`;
}
