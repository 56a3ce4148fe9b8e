import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import type { Directories } from "../../src/adapters/directories/directories.ts";
import { checkout } from "./engine/engine-under-test.ts";

export interface Finished {
  /** The exit code, or the signal's name. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs: its process, what it has said so far, and its end. */
export interface Running {
  readonly child: ChildProcess;
  /** Resolves when what was printed contains the text; rejects when the command ends without it. */
  said(text: string): Promise<void>;
  readonly finished: Promise<Finished>;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** A copy of this checkout in a temporary folder, with a lab and a state of its own. */
export interface CheckoutCopy {
  readonly folder: string;
  readonly directories: Directories;
  readonly environment: Variables;
  /** Starts `neko-trust` with these arguments. */
  start(args: readonly string[], variables?: Variables): Running;
  /** Runs `neko-trust` to its end. */
  run(args: readonly string[], variables?: Variables): Promise<Finished>;
  /** Pids of the services that have a pid file, by name. */
  pids(): Readonly<Record<string, number>>;
  /** Stops its lab and removes everything. */
  remove(): Promise<void>;
}

/** What is no part of a clone. Dependencies are linked, which is enough as nothing writes there. */
const left = new Set([".git", ".lab", "node_modules", "dist", "coverage"]);

/** Copies this checkout's files as they lie here, changed ones included. */
export function copyCheckout(): CheckoutCopy {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "neko-checkout-")));
  const folder = join(root, "neko-trust");
  cpSync(checkout, folder, { recursive: true, filter: (path) => !left.has(basename(path)) });
  symlinkSync(join(checkout, "node_modules"), join(folder, "node_modules"));
  const environment = { ...outsidePulumi(process.env), NEKO_TRUST_STATE: join(root, "state") };
  const directories = directoriesOf(folder, environment);
  const main = join(folder, "bin", "neko-trust.mjs");
  const start: CheckoutCopy["start"] = (args, variables = {}) =>
    startProcess(process.execPath, [main, ...args], folder, { ...environment, ...variables });
  const run: CheckoutCopy["run"] = (args, variables) => start(args, variables).finished;
  return {
    folder,
    directories,
    environment,
    start,
    run,
    pids: () => pidsIn(directories.run),
    async remove() {
      await run(["lab", "down"]);
      rmSync(root, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Starts a process whose output is kept as text. */
export function startProcess(
  command: string,
  args: readonly string[],
  folder: string,
  environment: Variables,
): Running {
  const child = spawn(command, args, { cwd: folder, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  const waiting = new Set<() => void>();
  const heard = (): void => {
    for (const look of waiting) look();
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    heard();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    heard();
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => {
      resolve({ code: status ?? signal ?? "no exit code", stdout, stderr });
    });
  });
  const said = async (text: string): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const look = (): void => {
      if (stdout.includes(text) || stderr.includes(text)) resolve(undefined);
    };
    waiting.add(look);
    look();
    const ended = finished.then(({ code }) => {
      throw new Error(`ended with ${code} and never said "${text}":\n${stdout}${stderr}`);
    });
    await Promise.race([promise, ended]).finally(() => waiting.delete(look));
  };
  return { child, said, finished };
}

/** An environment without PULUMI_* variables, which may belong to a shell that is attached to another lab. */
export function outsidePulumi(environment: Variables): Variables {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("PULUMI_")));
}

function pidsIn(run: string): Record<string, number> {
  if (!existsSync(run)) return {};
  const names = readdirSync(run).filter((name) => name.endsWith(".pid"));
  return Object.fromEntries(
    names.map((name) => [name.slice(0, -".pid".length), Number(readFileSync(join(run, name), "utf8").split(" ")[0])]),
  );
}

/** Whether a process with this pid runs (a zombie does not). */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return false;
  }
}
