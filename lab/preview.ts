import { readYamlConfig } from "../src/config/read-config.ts";
import { Failure } from "../src/core/failure.ts";
import { nameOfUrn } from "../src/engine/progress.ts";
import type { LabContext, LabReport } from "./context.ts";
import { startControlPlane } from "./control-plane/start.ts";
import { placesOf } from "./places.ts";
import { lastTarget, withStack } from "./provision.ts";
import { summaryLine } from "./resource-report.ts";
import { startServices } from "./services.ts";
import type { KubernetesTarget } from "./stand-ins/start.ts";

/** `make preview`: the plan of a stack on the real engine. Nothing is changed, nothing is journalled as done. */
export async function labPreview(
  context: LabContext,
  options: { readonly stack: string; readonly offline: boolean },
): Promise<LabReport> {
  const { stack, offline } = options;
  const { directories, progress } = context;
  // Read first: a fault in the stack's file is told at once, not after the engine has started.
  readYamlConfig(stack, directories);
  if (stack !== "local" && !offline) {
    throw new Failure({
      code: "PREVIEW_NEEDS_PROVIDERS",
      kind: "usage",
      message: `A full plan of stack "${stack}" needs its cloud providers and credentials.`,
      remedy: `Plan it offline with "make preview STACK=${stack} OFFLINE=1", or run "pulumi preview -s ${stack}".`,
    });
  }
  let kubernetes: KubernetesTarget = { kind: "files", directory: placesOf(directories).rendered };
  if (stack === "local") {
    await startServices(context);
    if (lastTarget(context) === "api-server") {
      kubernetes = { kind: "api-server", kubeconfig: (await startControlPlane(context)).kubeconfig };
    }
  }
  const mode = stack === "local" ? "local" : "preview";
  const result = await withStack(context, { stack, mode, kubernetes }, ({ handle }) =>
    handle.preview({
      signal: context.signal,
      onProgress: (event) => {
        // What ends the preview is thrown, with all its details.
        if (event.kind === "diagnostic" && event.severity === "warning") progress(`warning: ${event.message.trim()}`);
      },
    }),
  );
  return {
    healthy: true,
    lines: [
      `plan of stack ${stack}${stack === "local" ? "" : " (offline: releases are named, not verified)"}`,
      ...result.resources.map(({ op, type, urn }) => `  ${op.padEnd(8)} ${type} ${nameOfUrn(urn)}`),
      summaryLine(result.summary),
    ],
    document: { ok: true, stack, offline, summary: result.summary, resources: result.resources },
  };
}
