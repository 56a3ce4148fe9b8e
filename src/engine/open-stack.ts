import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LocalWorkspace, Stack } from "@pulumi/pulumi/automation/index.js";
import type { EngineEvent, OutputMap } from "@pulumi/pulumi/automation/index.js";
import type { Environment } from "../adapters/toolchain/go.ts";
import { listenForInterruption } from "../adapters/toolchain/interruption.ts";
import type { Interruption } from "../adapters/toolchain/interruption.ts";
import { engineCommand } from "./engine-command.ts";
import type { EngineExit } from "./engine-command.ts";
import { fileBackendFolder, fileBackendUrl, mendBackend } from "./file-backend.ts";
import type { Engine } from "./find-engine.ts";
import { healPendingOperations } from "./pending-operations.ts";
import type { InterruptedOperations } from "./pending-operations.ts";
import { watchedProgram } from "./program.ts";
import type { Program } from "./program.ts";
import { collect, newCollected, progressOf } from "./progress.ts";
import type { EngineProgress, EngineResource } from "./progress.ts";
import { guardListeners, tolerateLateRefusals } from "./stray-listeners.ts";
import { updateFailure } from "./update-failure.ts";
import type { Operation } from "./update-failure.ts";
import { releaseDeadLocks } from "./update-lock.ts";
import { prepareWorkspace } from "./workspace.ts";
import type { EngineWorkspace } from "./workspace.ts";

export interface OpenStackOptions {
  readonly engine: Engine;
  /** The folder of Pulumi.yaml; it is read, and never written to. */
  readonly checkout: string;
  readonly stack: string;
  readonly program: Program;
  /** A private folder for the engine: state (unless `backendUrl` is given), PULUMI_HOME, copies of the settings. */
  readonly folder: string;
  /** Where the state is; a file backend in `<folder>/backend` when absent. Locks are healed for file backends only. */
  readonly backendUrl?: string;
  readonly passphrase: string;
  /** PULUMI_DEBUG_PROVIDERS: `name:port` of providers that are served already, with commas. */
  readonly attach?: string;
  /** The caller's environment; its PULUMI_* variables are not passed on. */
  readonly environment: Environment;
  /** Further variables for the engine, PULUMI_* included. */
  readonly variables?: Readonly<Record<string, string>>;
  /** What to do with operations that an interrupted update left open; `refuse` when absent. */
  readonly interrupted?: InterruptedOperations;
  /** How long to wait for another update on this host; 10 s when absent. */
  readonly lockWaitMilliseconds?: number;
}

export interface OperationOptions {
  readonly onProgress?: (event: EngineProgress) => void;
  readonly signal?: AbortSignal;
}

export interface PreviewOptions extends OperationOptions {
  /** Ask every provider first how its resources are; the state is not changed by it. False unless given. */
  readonly refresh?: boolean;
  /** A file that the plan is saved to; the engine only does so with PULUMI_EXPERIMENTAL in its `variables`. */
  readonly savePlan?: string;
}

export interface UpOptions extends OperationOptions {
  /** A plan that a preview saved: what is not in it is refused. Needs PULUMI_EXPERIMENTAL, too. */
  readonly plan?: string;
}

export interface OperationResult {
  /** How many resources per operation: same, create, update, delete, replace, … */
  readonly summary: Readonly<Record<string, number>>;
  /** Every resource once, the stack itself included, in the order in which the engine came to it. */
  readonly resources: readonly EngineResource[];
  /** The stack's outputs after an `up`, by name; empty for the others. Secret values are marked, not hidden. */
  readonly outputs: Readonly<OutputMap>;
  readonly milliseconds: number;
}

/** A stack to work with; its operations may be called any number of times, one after the other. */
export interface StackHandle {
  readonly name: string;
  readonly project: string;
  /** Plans an update: runs the program, changes nothing. */
  preview(options?: PreviewOptions): Promise<OperationResult>;
  /** Runs the program and makes it so. */
  up(options?: UpOptions): Promise<OperationResult>;
  /** Reads all resources from their providers into the state; does not run the program. */
  refresh(options?: OperationOptions): Promise<OperationResult>;
  /** Deletes all resources; does not run the program. */
  destroy(options?: OperationOptions): Promise<OperationResult>;
}

/**
 * Opens a stack (and makes it in the backend when it is new) on the real engine, through the Automation API with the
 * program in this process. Before a change, what a killed run left behind is healed: see update-lock.ts and
 * pending-operations.ts. A SIGINT to this process during an operation cancels the engine in good order.
 * @throws Failure PROJECT_INVALID, STACK_UNKNOWN, PASSPHRASE_INCORRECT, ENGINE_UPDATE_FAILED here; its operations also
 * throw STACK_LOCKED, PENDING_OPERATIONS, INTERRUPTED, DISK_FULL, and any Failure that the program throws
 */
export async function openStack(options: OpenStackOptions): Promise<StackHandle> {
  const backendUrl = options.backendUrl ?? fileBackendUrl(join(options.folder, "backend"));
  const backend = fileBackendFolder(backendUrl);
  const [workDir, home] = [join(options.folder, "workspace", options.stack), join(options.folder, "home")];
  const prepare = (): Promise<EngineWorkspace> => prepareWorkspace(options.checkout, options.stack, workDir);
  const { project } = await prepare();
  for (const folder of [home, ...(backend === undefined ? [] : [backend])]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }

  if (backend !== undefined) await mendBackend(backend, project, options.stack);

  let running: Interruption | undefined;
  let failedRun: EngineExit | undefined;
  const command = engineCommand({
    engine: options.engine,
    environment: options.environment,
    interruption: () => running,
    onFailedRun: (exit) => (failedRun = exit),
  });
  const program = watchedProgram(options.program);
  const workspace = await LocalWorkspace.create({
    workDir,
    pulumiHome: home,
    pulumiCommand: command,
    program: program.run,
    envVars: {
      PULUMI_BACKEND_URL: backendUrl,
      PULUMI_CONFIG_PASSPHRASE: options.passphrase,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      ...(options.attach === undefined ? {} : { PULUMI_DEBUG_PROVIDERS: options.attach }),
      ...options.variables,
    },
  });

  const operate = async (
    operation: Operation,
    given: OperationOptions,
    work: (onEvent: (event: EngineEvent) => void) => Promise<OutputMap>,
  ): Promise<OperationResult> => {
    const begin = Date.now();
    const collected = newCollected();
    const tell = (progress: EngineProgress | undefined): void => {
      if (progress === undefined) return;
      collect(collected, progress);
      given.onProgress?.(progress);
    };
    const note = (message: string): void => {
      tell({ kind: "note", message });
    };
    failedRun = undefined;
    const interruption = listenForInterruption(given.signal);
    const endGuard = guardListeners();
    const unwatch = program.watch();
    try {
      running = interruption;
      await prepare();
      if (backend !== undefined) await mendBackend(backend, project, options.stack);
      if (operation !== "preview" && backend !== undefined) {
        const place = { backend, project, stack: options.stack, note };
        const waitMilliseconds = options.lockWaitMilliseconds ?? 10_000;
        await releaseDeadLocks({ ...place, waitMilliseconds, signal: interruption.signal });
        await healPendingOperations({
          ...place,
          interrupted: options.interrupted ?? "refuse",
          scratch: workDir,
          pulumi: async (args) =>
            (await command.run(args, workDir, { PULUMI_HOME: home, ...workspace.envVars })).stdout,
        });
      }
      interruption.signal.throwIfAborted();
      const outputs = await work((event) => {
        tell(progressOf(event));
      });
      const resources = [...collected.resources.values()];
      return { summary: collected.changes, resources, outputs, milliseconds: Date.now() - begin };
    } catch (error) {
      tolerateLateRefusals();
      // Most of them come at once: let them be heard while the guard stands.
      await sleep(50);
      throw updateFailure({
        operation,
        stack: options.stack,
        error,
        wasInterrupted: interruption.signal.aborted,
        exit: failedRun,
        collected,
        thrown: program.thrown(),
      });
    } finally {
      running = undefined;
      unwatch();
      endGuard();
      interruption.dispose();
    }
  };

  const stack = await selectOrCreate(options.stack, workspace, () => failedRun);
  const quiet = { color: "never", suppressProgress: true } as const;
  return {
    name: options.stack,
    project,
    preview: (given = {}) =>
      operate("preview", given, async (onEvent) => {
        const plan = given.savePlan === undefined ? {} : { plan: given.savePlan };
        await stack.preview({ ...quiet, onEvent, refresh: given.refresh === true, ...plan });
        return {};
      }),
    up: (given = {}) =>
      operate("up", given, async (onEvent) => {
        const plan = given.plan === undefined ? {} : { plan: given.plan };
        return (await stack.up({ ...quiet, onEvent, ...plan })).outputs;
      }),
    refresh: (given = {}) =>
      operate("refresh", given, async (onEvent) => {
        await stack.refresh({ ...quiet, onEvent });
        return {};
      }),
    destroy: (given = {}) =>
      operate("destroy", given, async (onEvent) => {
        await stack.destroy({ ...quiet, onEvent });
        return {};
      }),
  };
}

async function selectOrCreate(
  name: string,
  workspace: LocalWorkspace,
  failedRun: () => EngineExit | undefined,
): Promise<Stack> {
  const failure = (error: unknown): unknown =>
    updateFailure({
      operation: "preview",
      stack: name,
      error,
      wasInterrupted: false,
      exit: failedRun(),
      collected: newCollected(),
      thrown: undefined,
    });
  try {
    return await Stack.select(name, workspace);
  } catch (error) {
    if (!/no stack named .* found/.test(failedRun()?.stderr ?? "")) throw failure(error);
  }
  return Stack.create(name, workspace).catch((error: unknown) => {
    throw failure(error);
  });
}
