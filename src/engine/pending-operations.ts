import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../core/failure.ts";
import { nameOfUrn } from "./progress.ts";

/** An operation that an interrupted update began and whose end the state does not know. */
export interface PendingOperation {
  readonly urn: string;
  /** creating, updating, deleting, reading, importing (pkg/resource: OperationType) */
  readonly operation: string;
}

/**
 * What to do with the operations that an interrupted update left open.
 * - `recreate`: forget them, so that the next update does them again. Right where doing it twice is the same as doing
 *   it once: the stand-ins of the lab apply or record. The state loses nothing: it holds what was before the operation.
 * - `refuse`: throw when a creation is among them, as the engine never clears those by itself; a person has to see
 *   what exists. The others end with the next update, and the engine warns of them.
 */
export type InterruptedOperations = "recreate" | "refuse";

export interface HealOptions {
  /** The folder of the file backend. */
  readonly backend: string;
  readonly project: string;
  readonly stack: string;
  readonly interrupted: InterruptedOperations;
  /** A folder of ours for the state while it is on its way. */
  readonly scratch: string;
  /** Runs the engine's binary with these arguments and returns what it printed. */
  readonly pulumi: (args: readonly string[]) => Promise<string>;
  readonly note: (message: string) => void;
}

/**
 * Settles the operations that an interrupted update left open, through the engine's own export and import: nothing but
 * the list of pending operations changes, and secrets stay encrypted on the way.
 * @throws Failure PENDING_OPERATIONS
 */
export async function healPendingOperations(options: HealOptions): Promise<void> {
  const pending = await readPending(options);
  if (pending.length === 0) return;
  if (options.interrupted === "refuse") {
    const creating = pending.filter(({ operation }) => operation === "creating");
    if (creating.length > 0) throw pendingOperations(options.stack, creating);
    return;
  }

  const file = join(options.scratch, `state-${process.pid}.json`);
  try {
    const state = await options.pulumi(["stack", "export", "--stack", options.stack]);
    await writeFile(file, state, { mode: 0o600 });
    // An import drops all pending operations (cmd/pulumi/stack/io.go, SaveSnapshot).
    await options.pulumi(["stack", "import", "--file", file, "--stack", options.stack]);
  } finally {
    await rm(file, { force: true });
  }
  const what = pending.map(({ urn, operation }) => `${operation} ${nameOfUrn(urn)}`);
  options.note(`an earlier update was interrupted while ${what.join(", ")}: doing it again`);
}

function pendingOperations(stack: string, creating: readonly PendingOperation[]): Failure {
  return new Failure({
    code: "PENDING_OPERATIONS",
    kind: "usage",
    message: `An earlier update of the stack "${stack}" was interrupted while it created resources; whether they exist is unknown.`,
    remedy: `Look for them at their provider, then run \`pulumi refresh --stack ${stack}\`, which asks about each.`,
    details: creating.map(({ urn }) => `interrupted while creating ${nameOfUrn(urn)}`),
  });
}

/** Read from the backend's file, as an export takes a run of the engine. */
async function readPending(options: HealOptions): Promise<PendingOperation[]> {
  const file = stateFile(options.backend, options.project, options.stack);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  return pendingIn(JSON.parse(text));
}

/** Where the file backend keeps the state of a stack. */
export function stateFile(backend: string, project: string, stack: string): string {
  return join(backend, ".pulumi", "stacks", project, `${stack}.json`);
}

/** The pending operations in a checkpoint of the file backend (apitype.CheckpointV3: `checkpoint.latest.pending_operations`). */
export function pendingIn(checkpoint: unknown): PendingOperation[] {
  const operations = at(at(at(checkpoint, "checkpoint"), "latest"), "pending_operations");
  if (!Array.isArray(operations)) return [];
  return operations.map((each: unknown) => ({
    urn: String(at(at(each, "resource"), "urn")),
    operation: String(at(each, "type")),
  }));
}

function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
