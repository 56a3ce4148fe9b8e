import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findEngine } from "../src/engine/find-engine.ts";
import { openStack } from "../src/engine/open-stack.ts";
import type { StackHandle } from "../src/engine/open-stack.ts";
import type { EngineProgress } from "../src/engine/progress.ts";
import { projectName } from "../src/config/read-config.ts";
import type { LabContext } from "./context.ts";
import { writeWhole } from "../src/adapters/files/write-whole.ts";
import { localPassphrase, placesOf } from "./places.ts";
import { projectWithoutSecrets } from "./project-without-secrets.ts";
import { startStandIns } from "./stand-ins/start.ts";
import type { KubernetesTarget, StandIns } from "./stand-ins/start.ts";

/** Stack local, open on the real engine, with the stand-ins served in this process. */
export interface OpenLocalStack {
  readonly handle: StackHandle;
  readonly standIns: StandIns;
}

/** The engine's progress as the lines that people see. */
export function progressLine(event: EngineProgress): string | undefined {
  switch (event.kind) {
    case "resource":
      return event.phase === "done" && event.op !== "same"
        ? `      ${event.op.padEnd(8)} ${event.type} ${event.name}`
        : undefined;
    case "diagnostic":
      return event.severity === "info" ? undefined : `      ${event.severity}: ${event.message.trim()}`;
    case "policy":
      return `      policy ${event.level}: ${event.rule}: ${event.message}`;
    case "note":
      return `      ${event.message}`;
    case "summary":
      return undefined;
  }
}

export interface OpenRequest {
  readonly stack: string;
  readonly mode: "local" | "preview";
  readonly kubernetes: KubernetesTarget;
}

/**
 * Opens a stack with stand-ins for its mode, runs `work`, and stops the stand-ins whatever happens. The program is
 * imported here, so that commands which need no engine do not wait for the SDK to load.
 */
export async function withStack<T>(
  context: LabContext,
  request: OpenRequest,
  work: (open: OpenLocalStack) => Promise<T>,
): Promise<T> {
  const { directories, environment, progress, signal } = context;
  const { stack, mode } = request;
  const places = placesOf(directories);
  const engine = await findEngine({ directories, environment, progress, signal });
  const { default: program } = await import("../index.ts");
  const local = stack === "local";
  // A preview of another stack leaves nothing behind that its real backend or the next preview could trip over.
  const folder = local ? places.engine : join(directories.state, "previews", stack);
  const standIns = await startStandIns({
    stack,
    project: projectName,
    mode,
    journalFile: local ? places.journal : join(folder, "journal.jsonl"),
    kubernetes: request.kubernetes,
  });
  try {
    const handle = await openStack({
      engine,
      checkout: local
        ? directories.checkout
        : projectWithoutSecrets(directories.checkout, stack, join(folder, "project")),
      stack,
      program: () => program({ environment, offline: !local }),
      folder,
      passphrase: localPassphrase,
      attach: standIns.debugProviders,
      environment,
      // What a stand-in was creating when it was killed is either in its record or harmless to make again.
      interrupted: "recreate",
    });
    return await work({ handle, standIns });
  } finally {
    await standIns.stop();
  }
}

function targetFile(context: LabContext): string {
  return join(context.directories.state, "kubernetes-target");
}

/** What Kubernetes objects went to in the last run: a real API server, files, or nothing yet. */
export function lastTarget(context: LabContext): string | undefined {
  const file = targetFile(context);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

export function rememberTarget(context: LabContext, target: KubernetesTarget): void {
  writeWhole(targetFile(context), target.kind);
}
