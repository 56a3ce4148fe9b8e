import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../src/adapters/toolchain/tool.ts";
import { Failure } from "../../src/core/failure.ts";

/** crane's own registry has no referrers API, as GHCR; the other one has, and keeps its manifests on disk. */
export type RegistryKind = "crane" | "with-referrers";

export interface RunningRegistry {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  readonly stop: () => Promise<void>;
}

const checkout = join(import.meta.dirname, "..", "..");

/** The registry's program, built when it is not cached; a text says why it can't be had here. */
export async function registryProgram(kind: RegistryKind): Promise<{ path: string } | { missing: string }> {
  const tool = kind === "crane" ? pinnedTools.registry : pinnedTools.registryWithReferrers;
  try {
    return await ensureTool(tool, { directories: directoriesOf(checkout, process.env), environment: process.env });
  } catch (error) {
    if (error instanceof Failure && (error.code === "GO_MISSING" || error.code === "GO_TOO_OLD")) {
      return { missing: `${tool.name} can't be built: ${error.message}` };
    }
    throw error;
  }
}

/** Starts a registry over a folder on a free port of loopback, and waits until it says which. */
export async function startRegistry(program: string, kind: RegistryKind, disk: string): Promise<RunningRegistry> {
  const own = kind === "crane" ? ["registry", "serve"] : [];
  const child = spawn(program, [...own, "--address", "127.0.0.1:0", "--disk", disk], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stop = (): Promise<void> => stopped(child);
  try {
    return { host: `127.0.0.1:${await announcedPort(child)}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function announcedPort(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      const port = /(?:serving on port |listening on 127\.0\.0\.1:)(\d+)/.exec(text)?.[1];
      if (port !== undefined) resolve(port);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.on("error", reject);
    child.on("exit", () => {
      reject(new Error(`the registry ended: ${text}`));
    });
  });
}

function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => {
      resolve();
    });
    child.kill("SIGKILL");
  });
}

/** The host of a registry that runs until the test ends; undefined, with the test skipped, where it can't be built. */
export async function registryFor(t: TestContext, kind: RegistryKind): Promise<string | undefined> {
  const program = await registryProgram(kind);
  if ("missing" in program) {
    t.skip(program.missing);
    return undefined;
  }
  const disk = mkdtempSync(join(tmpdir(), "neko-registry-"));
  const running = await startRegistry(program.path, kind, disk);
  t.after(async () => {
    await running.stop();
    rmSync(disk, { recursive: true, force: true });
  });
  return running.host;
}

export interface RegistryRig {
  /** `127.0.0.1:<port>/team/app`; another port after a restart. */
  readonly repository: () => string;
  /** Kills the registry and starts it again over the same folder. */
  readonly restart: () => Promise<void>;
}

/** A test against each of both registries; skipped, with the reason, where Go can't build them. */
export function testBoth(name: string, body: (rig: RegistryRig, kind: RegistryKind) => Promise<void>): void {
  for (const kind of ["crane", "with-referrers"] as const) {
    test(`${name} (${kind === "crane" ? "crane's registry, no referrers API" : "registry with the referrers API"})`, async (t) => {
      const program = await registryProgram(kind);
      if ("missing" in program) {
        t.skip(program.missing);
        return;
      }
      const disk = mkdtempSync(join(tmpdir(), "neko-registry-"));
      let running = await startRegistry(program.path, kind, disk);
      try {
        const restart = async (): Promise<void> => {
          await running.stop();
          running = await startRegistry(program.path, kind, disk);
        };
        await body({ repository: () => `${running.host}/team/app`, restart }, kind);
      } finally {
        await running.stop();
        rmSync(disk, { recursive: true, force: true });
      }
    });
  }
}
