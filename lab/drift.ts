import { existsSync } from "node:fs";
import { localOverlayPath } from "../src/config/local-overlay.ts";
import { Failure } from "../src/core/failure.ts";
import type { DriftedResource } from "../src/engine/official-preview.ts";
import { nameOfUrn } from "../src/engine/progress.ts";
import type { LabContext } from "./context.ts";
import { startControlPlane } from "./control-plane/start.ts";
import { placesOf } from "./places.ts";
import { lastTarget, withStack } from "./provision.ts";
import { startServices } from "./services.ts";
import type { KubernetesTarget } from "./stand-ins/start.ts";

/**
 * Whether stack local is still as it was provisioned: its stand-ins are asked about every resource, then the program is
 * planned against that. What is rendered to a file, or lies on the lab's API server, may have been changed by hand.
 */
export async function labDrift(context: LabContext): Promise<readonly DriftedResource[]> {
  const { directories, signal } = context;
  if (!existsSync(localOverlayPath(directories.state))) {
    throw new Failure({
      code: "LAB_NOT_RUNNING",
      kind: "unavailable",
      message: "There is no lab, so stack local has nothing that could have drifted.",
      remedy: "Start it with: make up",
    });
  }
  await startServices(context);
  const kubernetes: KubernetesTarget =
    lastTarget(context) === "api-server"
      ? { kind: "api-server", kubeconfig: (await startControlPlane(context)).kubeconfig }
      : { kind: "files", directory: placesOf(directories).rendered };
  const result = await withStack(context, { stack: "local", mode: "local", kubernetes }, ({ handle }) =>
    handle.preview({ signal, refresh: true }),
  );
  return result.resources
    .filter(({ op }) => !["same", "read", "refresh"].includes(op))
    .map(({ urn, type, op }) => ({ urn, type, name: nameOfUrn(urn), op, properties: [] }));
}
