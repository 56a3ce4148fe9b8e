import { spawn } from "node:child_process";
import { delimiter, dirname } from "node:path";
import { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import type { Environment } from "../adapters/toolchain/go.ts";
import { signalGroup } from "../adapters/toolchain/interruption.ts";
import type { Interruption } from "../adapters/toolchain/interruption.ts";
import type { Engine } from "./find-engine.ts";

/** How a run of the `pulumi` binary ended. */
export interface EngineExit {
  /** The exit code, or the name of the signal that ended it. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the Automation API calls to run the binary (PulumiCommand.run of @pulumi/pulumi 3.259.0; internal there). */
interface AutomationCommand extends PulumiCommand {
  run(
    args: readonly string[],
    workDir: string,
    additional: Readonly<Record<string, string>>,
    onOutput?: (text: string) => void,
    onError?: (text: string) => void,
    signal?: AbortSignal,
  ): Promise<EngineExit>;
}

export interface EngineCommandOptions {
  readonly engine: Engine;
  /** The caller's environment; its PULUMI_* variables are not passed on (see `inherited`). */
  readonly environment: Environment;
  /** Called with the interruption of the operation that runs at the moment, if any. */
  readonly interruption: () => Interruption | undefined;
  /** Called with each run that failed, before the Automation API hears of it. */
  readonly onFailedRun: (exit: EngineExit) => void;
}

/** How long an engine may take to end in good order once it was asked to. */
const graceMilliseconds = 30_000;

/**
 * The `pulumi` binary for the Automation API. Its own PulumiCommand would leave the child in the terminal's process
 * group: there Ctrl-C reaches the engine twice (from the terminal and from the AbortSignal), and the second one makes
 * it drop what is in flight. Here the child leads a group of its own, gets one SIGINT, and is killed when it does not
 * end within the grace time or at a second interruption.
 */
export function engineCommand(options: EngineCommandOptions): AutomationCommand {
  const run: AutomationCommand["run"] = async (args, workDir, additional, onOutput, onError) => {
    // Asked for after each change to fill a summary that nobody reads here: the events have told it all.
    if (args[0] === "stack" && args[1] === "history") return { code: 0, stdout: "[]", stderr: "" };
    const exit = await runEngine(options, withoutPrompts(args), workDir, additional, onOutput, onError);
    if (exit.code === 0) return exit;
    options.onFailedRun(exit);
    throw new Error(`pulumi ${args[0] ?? ""} ended with ${exit.code}`);
  };
  const { command, version } = options.engine;
  // Its constructor is private, and its `get` takes a root folder only, while an engine may be anywhere on PATH.
  const base = Object.create(PulumiCommand.prototype) as PulumiCommand;
  return Object.assign(base, { command, version, run });
}

function withoutPrompts(args: readonly string[]): readonly string[] {
  return args.includes("--non-interactive") ? args : [...args, "--non-interactive"];
}

async function runEngine(
  options: EngineCommandOptions,
  args: readonly string[],
  workDir: string,
  additional: Readonly<Record<string, string>>,
  onOutput?: (text: string) => void,
  onError?: (text: string) => void,
): Promise<EngineExit> {
  const { engine, environment } = options;
  const child = spawn(engine.command, args, {
    cwd: workDir,
    env: {
      ...inherited(environment),
      ...additional,
      // Plugins that were shipped beside the engine come before others of the same name.
      PATH: `${dirname(engine.command)}${delimiter}${environment["PATH"] ?? ""}`,
      PULUMI_AUTOMATION_API: "true",
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    onOutput?.(text);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    onError?.(text);
  });

  let grace: NodeJS.Timeout | undefined;
  const endNow = (): void => {
    signalGroup(child.pid, "SIGKILL");
  };
  const endInOrder = (): void => {
    child.kill("SIGINT");
    grace = setTimeout(endNow, graceMilliseconds);
  };
  const interruption = options.interruption();
  interruption?.signal.addEventListener("abort", endInOrder, { once: true });
  interruption?.urgent.addEventListener("abort", endNow, { once: true });
  if (interruption?.signal.aborted === true) endInOrder();
  try {
    const code = await new Promise<number | string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status, signal) => {
        resolve(status ?? signal ?? "no exit code");
      });
    });
    return { code, stdout, stderr };
  } finally {
    clearTimeout(grace);
    interruption?.signal.removeEventListener("abort", endInOrder);
    interruption?.urgent.removeEventListener("abort", endNow);
  }
}

/**
 * The caller's environment without its PULUMI_* variables: a PULUMI_DEBUG_PROVIDERS, PULUMI_STACK, PULUMI_BACKEND_URL
 * or PULUMI_SKIP_CHECKPOINTS that is set for something else must not steer this engine.
 */
function inherited(environment: Environment): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("PULUMI_")));
}
