/**
 * The stand-ins as a process of its own, so that the official CLI can attach to the running lab:
 * `node lab/stand-ins/serve.ts --stack local --project P --journal FILE --run DIR (--kubeconfig FILE | --render DIR)`.
 * Writes `<run>/stand-ins.json` when ready, removes it at the end; ends on SIGTERM and SIGINT.
 */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as z from "zod";
import { Failure, reasonOf } from "../../src/core/failure.ts";
import { startStandIns } from "./start.ts";
import type { StandInOptions } from "./start.ts";

/** What `stand-ins.json` says; the file is there while the process serves. */
export const standInsFileSchema = z.strictObject({ debugProviders: z.string(), pid: z.int(), stack: z.string() });
export type StandInsFile = z.infer<typeof standInsFileSchema>;

export function standInsFileIn(runDirectory: string): string {
  return join(runDirectory, "stand-ins.json");
}

interface ServeOptions extends StandInOptions {
  readonly runDirectory: string;
}

/** @throws Failure STAND_INS_USAGE (usage) */
export function readServeArguments(words: readonly string[]): ServeOptions {
  const text = { type: "string" } as const;
  const options = { stack: text, project: text, journal: text, run: text, kubeconfig: text, render: text };
  let values: Partial<Record<keyof typeof options, string>>;
  try {
    ({ values } = parseArgs({ args: [...words], options, strict: true }));
  } catch (error) {
    throw usage(reasonOf(error));
  }
  const { stack, project, journal, run, kubeconfig, render } = values;
  if (stack === undefined || project === undefined || journal === undefined || run === undefined) {
    throw usage("--stack, --project, --journal and --run are needed");
  }
  if ((kubeconfig === undefined) === (render === undefined)) throw usage("one of --kubeconfig and --render is needed");
  return {
    stack,
    project,
    mode: "local",
    journalFile: journal,
    runDirectory: run,
    kubernetes:
      kubeconfig === undefined ? { kind: "files", directory: render ?? "" } : { kind: "api-server", kubeconfig },
  };
}

function usage(why: string): Failure {
  return new Failure({
    code: "STAND_INS_USAGE",
    kind: "usage",
    message: `The stand-ins can't be started so: ${why}.`,
    remedy: "Start the lab with make up, which gives them what they need.",
  });
}

async function serveUntilSignal(options: ServeOptions): Promise<void> {
  const standIns = await startStandIns(options);
  const file = standInsFileIn(options.runDirectory);
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.once(signal, () => {
        resolve();
      });
    }
  });
  const content: StandInsFile = { debugProviders: standIns.debugProviders, pid: process.pid, stack: options.stack };
  await mkdir(options.runDirectory, { recursive: true });
  await writeFile(`${file}.${process.pid}.new`, `${JSON.stringify(content)}\n`, { mode: 0o600 });
  await rename(`${file}.${process.pid}.new`, file);
  await ended;
  await removeOwn(file);
  await standIns.stop();
}

/** Another process may have started since; its file stays. */
async function removeOwn(file: string): Promise<void> {
  const text = await readFile(file, "utf8").catch(() => "");
  if (text.includes(`"pid":${process.pid},`)) await rm(file, { force: true });
}

if (import.meta.main) {
  try {
    await serveUntilSignal(readServeArguments(process.argv.slice(2)));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stderr.write(`${error.message} ${error.remedy}\n`);
    process.exitCode = error.kind === "unavailable" ? 3 : 2;
  }
}
