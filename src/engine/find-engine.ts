import { execFile } from "node:child_process";
import { promisify } from "node:util";
import semver from "semver";
import type { SemVer } from "semver";
import type { Directories } from "../adapters/directories/directories.ts";
import type { Environment } from "../adapters/toolchain/go.ts";
import { findProgram } from "../adapters/processes/find-program.ts";
import { pinnedTools } from "../adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../adapters/toolchain/tool.ts";
import { Failure } from "../core/failure.ts";

const run = promisify(execFile);

/** A Pulumi engine that can be driven. */
export interface Engine {
  /** The absolute path of the `pulumi` binary. */
  readonly command: string;
  readonly version: SemVer;
  readonly source: "path" | "built";
}

export interface FindEngineOptions {
  readonly directories: Directories;
  readonly environment: Environment;
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Before 3.255 the engine can't run an executable policy pack; the SDK is of major version 3. */
export const acceptedEngines = ">=3.255.0 <4.0.0";
const accepted = acceptedEngines;

/** The `pulumi` on PATH, whether it fits or not; undefined when there is none. Nothing is built. */
export async function engineOnPath(
  environment: Environment,
): Promise<{ readonly command: string; readonly version: string; readonly accepted: boolean } | undefined> {
  const command = findProgram("pulumi", environment);
  if (command === undefined) return undefined;
  const version = await versionOf(command, environment);
  const fits = version !== undefined && semver.satisfies(version, accepted);
  return { command, version: version?.version ?? "of unknown version", accepted: fits };
}

/**
 * The `pulumi` on PATH when its version is accepted, else the pinned one, built from source and cached.
 * @throws Failure ENGINE_NOT_FOUND when neither is to be had; TOOL_BUILD_FAILED, DISK_FULL, INTERRUPTED from the build
 */
export async function findEngine(options: FindEngineOptions): Promise<Engine> {
  const command = findProgram("pulumi", options.environment);
  const found = command === undefined ? undefined : await versionOf(command, options.environment);
  if (command !== undefined && found !== undefined && semver.satisfies(found, accepted)) {
    return { command, version: found, source: "path" };
  }
  if (command !== undefined) {
    const says = found === undefined ? "does not tell its version" : `is ${found.version}`;
    options.progress?.(`the pulumi on PATH (${command}) ${says}, and ${accepted} is needed: using the pinned one`);
  }
  try {
    const { path } = await ensureTool(pinnedTools.pulumi, options);
    return { command: path, version: new semver.SemVer(pinnedTools.pulumi.version), source: "built" };
  } catch (error) {
    if (!(error instanceof Failure) || !["GO_MISSING", "GO_TOO_OLD"].includes(error.code)) throw error;
    throw new Failure(
      {
        code: "ENGINE_NOT_FOUND",
        kind: "unavailable",
        message: `There is no usable Pulumi engine: ${command === undefined ? "no pulumi is on PATH" : `the pulumi on PATH is not ${accepted}`}, and it can't be built here.`,
        remedy: `Either install Pulumi ${accepted} (https://www.pulumi.com/docs/install/), or Go, and run the same command again.`,
        details: [`${error.code}: ${error.message}`, error.remedy],
      },
      { cause: error },
    );
  }
}

async function versionOf(command: string, environment: Environment): Promise<SemVer | undefined> {
  try {
    const env = { ...environment, PULUMI_SKIP_UPDATE_CHECK: "true" };
    const { stdout } = await run(command, ["version"], { env, timeout: 30_000 });
    return semver.parse(stdout.trim()) ?? undefined;
  } catch {
    return undefined;
  }
}
