import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Directories } from "../directories/directories.ts";
import { buildTool } from "./build.ts";
import { removeDeadDrafts, takeLock } from "./build-lock.ts";
import { diskFull, saysDiskFull } from "./disk-full.ts";
import { buildFlags } from "./go.ts";
import type { Environment } from "./go.ts";
import { interrupted } from "./interruption.ts";
import { processStart } from "../processes/process-identity.ts";
import { matchesStamp, writeStamp } from "./stamp.ts";

/** A program built from source at one version, by a go.mod and go.sum of ours. */
export interface PinnedTool {
  /** Names its folder in the cache, its lock and its log. */
  readonly name: string;
  readonly version: string;
  /** The folder of go.mod and go.sum, relative to the checkout. */
  readonly module: string;
  /** The package to build: an import path, or `./folder` for a main of ours inside the module. */
  readonly package: string;
  /** The binary's path inside its cache folder. */
  readonly binary: string;
  /** `-ldflags`, one string as `go build` takes it. */
  readonly linkerFlags: string;
  /** How long a build usually takes on two cores, in words for a progress line. */
  readonly usually: string;
}

export interface EnsureToolOptions {
  readonly directories: Directories;
  readonly environment: Environment;
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
  /** How often a long step says that it is alive; 15 s when absent. */
  readonly signOfLifeMilliseconds?: number;
}

export interface EnsuredTool {
  readonly path: string;
  /** Whether this call built it; false when it was in the cache, or another process built it meanwhile. */
  readonly built: boolean;
  readonly milliseconds: number;
}

const stampName = "stamp.json";
const draftPrefix = ".building-";

/**
 * The tool's binary out of the cache, built first when it is not there, half-built or damaged. Builds go into a folder
 * beside the target that is renamed when whole, so that nobody ever sees half a binary; one build per tool at a time.
 * @throws Failure GO_MISSING, GO_TOO_OLD, TOOL_BUILD_FAILED, DISK_FULL, INTERRUPTED
 */
export async function ensureTool(tool: PinnedTool, options: EnsureToolOptions): Promise<EnsuredTool> {
  const begin = Date.now();
  const logFile = join(options.directories.cache, "logs", `${tool.name}.log`);
  try {
    const { path, built } = await fromCacheOrBuilt(tool, options, logFile);
    return { path, built, milliseconds: Date.now() - begin };
  } catch (error) {
    if (saysDiskFull(error)) throw diskFull(`${tool.name} ${tool.version}`, logFile);
    throw error;
  }
}

async function fromCacheOrBuilt(
  tool: PinnedTool,
  options: EnsureToolOptions,
  logFile: string,
): Promise<{ path: string; built: boolean }> {
  const { directories, environment, signal } = options;
  const progress = options.progress ?? (() => undefined);
  const signOfLifeMilliseconds = options.signOfLifeMilliseconds ?? 15_000;
  const shelf = join(directories.cache, "tools", tool.name);
  const target = join(shelf, `${tool.version}-${await buildKey(tool, directories.checkout)}`);
  const path = join(target, tool.binary);
  if (await isWhole(tool, target)) return { path, built: false };

  await mkdir(shelf, { recursive: true });
  const title = `${tool.name} ${tool.version}`;
  const lock = join(shelf, "lock");
  const release = await takeLock(lock, {
    ...(signal === undefined ? {} : { signal }),
    reportMilliseconds: signOfLifeMilliseconds,
    onWait: (pid, waited) => {
      const seconds = Math.round(waited / 1000);
      progress(`waiting for process ${pid}, which is building ${tool.name} (${seconds} s so far); log: ${logFile}`);
    },
  }).catch((error: unknown) => {
    throw signal?.aborted === true ? interrupted(`waiting for the build of ${title}`, "Try again.") : error;
  });
  try {
    // Whoever held the lock may have built just this.
    if (await isWhole(tool, target)) return { path, built: false };
    await removeDeadDrafts(lock);
    await removeLeftovers(shelf);
    const draft = join(shelf, `${draftPrefix}${process.pid}-${randomUUID()}`);
    try {
      const output = join(draft, tool.binary);
      await buildTool(tool, {
        checkout: directories.checkout,
        output,
        logFile,
        environment,
        progress,
        signOfLifeMilliseconds,
        ...(signal === undefined ? {} : { signal }),
      });
      await writeStamp(output, join(draft, stampName));
      await putInPlace(draft, target);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    return { path, built: true };
  } finally {
    await release();
  }
}

function isWhole(tool: PinnedTool, folder: string): Promise<boolean> {
  return matchesStamp(join(folder, tool.binary), join(folder, stampName));
}

/** rename(2) replaces no folder that has content, so a damaged one is moved away first (its processes keep their file). */
async function putInPlace(draft: string, target: string): Promise<void> {
  const aside = `${draft}-replaced`;
  await rename(target, aside).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  });
  await rename(draft, target);
  await rm(aside, { recursive: true, force: true });
}

/** Folders of builds that were killed. */
async function removeLeftovers(shelf: string): Promise<void> {
  for (const name of await readdir(shelf)) {
    const pid = new RegExp(`^\\${draftPrefix}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && processStart(Number(pid)) === undefined) {
      await rm(join(shelf, name), { recursive: true, force: true });
    }
  }
}

/** 12 hex digits over all that decides what the binary is: pins, flags, platform, and sources of ours when it has any. */
async function buildKey(tool: PinnedTool, checkout: string): Promise<string> {
  const hash = createHash("sha256");
  const add = (name: string, content: string | Buffer): void => {
    hash.update(`${name}\0${Buffer.byteLength(content)}\0`).update(content);
  };
  const module = join(checkout, tool.module);
  for (const name of ["go.mod", "go.sum"]) add(name, await readFile(join(module, name)));
  add("flags", JSON.stringify([buildFlags, tool.linkerFlags, tool.package, process.platform, process.arch]));
  if (tool.package.startsWith("./")) {
    const folder = join(module, tool.package);
    const sources = (await readdir(folder)).filter((name) => name.endsWith(".go")).sort();
    for (const name of sources) add(name, await readFile(join(folder, name)));
  }
  return hash.digest("hex").slice(0, 12);
}
