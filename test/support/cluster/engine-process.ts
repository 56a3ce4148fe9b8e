import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { startService, stopService } from "../../../lab/processes/service.ts";
import { portIsFree } from "../../../lab/processes/ports.ts";
import { pinnedTools } from "../../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../../src/adapters/toolchain/tool.ts";
import type { TestCluster } from "./test-cluster.ts";

/** An admission engine that runs as a process beside the API server and serves its webhooks on loopback. */
export interface RunningEngine {
  /** The last lines of its log, for the message of a test that fails. */
  lastLines(count?: number): string;
  /** Ends the process by its pid and waits until it has gone. Its webhooks stay: call it last. */
  readonly stop: () => Promise<void>;
}

export interface EngineSpecification {
  readonly tool: "policyController" | "kyverno";
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly ready: () => Promise<boolean>;
}

/** How long a start may take: the engine's own caches and certificates come first. */
const readyMilliseconds = 120_000;

/** Builds the engine where the cache has none, starts it and waits until it is ready; throws with its last words if not. */
export async function startEngine(
  { directories }: Pick<TestCluster, "directories">,
  specification: EngineSpecification,
): Promise<RunningEngine> {
  const tool = pinnedTools[specification.tool];
  const { path } = await ensureTool(tool, { directories, environment: process.env, progress: console.error });
  const { log } = await startService({
    name: tool.name,
    command: path,
    args: specification.args,
    environment: { PATH: "/usr/bin:/bin", HOME: directories.state, ...specification.environment },
    runDirectory: directories.run,
    ready: specification.ready,
    timeoutMilliseconds: readyMilliseconds,
  });
  return {
    lastLines: (count = 8) => {
      const lines = readFileSync(log, "utf8").trimEnd().split("\n").slice(-count);
      // policy-controller writes whole requests into a line.
      return lines.map((line) => line.slice(0, 400)).join("\n");
    },
    stop: async () => {
      // It keeps nothing, and drains for longer than a test should wait.
      await stopService(tool.name, directories.run, 500);
    },
  };
}

/** Waits until nobody listens on ports that a program can't be told to change: another checkout's tests may run. */
export async function waitForPorts(ports: readonly number[], milliseconds = 180_000): Promise<void> {
  const end = Date.now() + milliseconds;
  for (const port of ports) {
    while (!(await portIsFree(port))) {
      if (Date.now() >= end)
        throw new Error(`port ${port} is taken, and the program can't use another: see "ss -ltnp"`);
      await sleep(500);
    }
  }
}
