import { join } from "node:path";
import type { ClusterObject } from "../../../src/adapters/cluster/object.ts";
import { kyvernoDefinitions } from "./kyverno.ts";
import { objectsIn } from "./manifests.ts";
import { folderOf } from "./modules.ts";

/** Definitions of every kind that the program's objects may have, policy-controller's apart: it brings its own. */
export async function engineDefinitions(): Promise<ClusterObject[]> {
  return [...(await kyvernoDefinitions()), ...(await gatekeeperDefinitions())];
}

async function gatekeeperDefinitions(): Promise<ClusterObject[]> {
  const { folder } = await folderOf("gatekeeper");
  return objectsIn(join(folder, "charts", "gatekeeper", "crds"));
}
