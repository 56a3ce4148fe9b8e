import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { checkout } from "./engine/engine-under-test.ts";
import { outsidePulumi, startProcess } from "./program-checkout.ts";
import type { Finished, Running } from "./program-checkout.ts";

export interface CliOptions {
  /** The Node that runs it; this one unless given. */
  readonly node?: string;
  /** The file that is run; this checkout's bin/neko-trust.mjs unless given. */
  readonly main?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Where it is run; an empty home of its own unless given. */
  readonly folder?: string;
}

/** Starts `neko-trust` as a process with a home, state and credentials of its own. */
export function startCli(t: TestContext, args: readonly string[], options: CliOptions = {}): Running {
  const home = mkdtempSync(join(tmpdir(), "neko-home-"));
  const environment = {
    ...outsidePulumi(process.env),
    HOME: home,
    DOCKER_CONFIG: home,
    NEKO_TRUST_STATE: join(home, "state"),
    ...options.environment,
  };
  const main = options.main ?? join(checkout, "bin", "neko-trust.mjs");
  const running = startProcess(options.node ?? process.execPath, [main, ...args], options.folder ?? home, environment);
  t.after(async () => {
    running.child.kill("SIGKILL");
    await running.finished;
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  });
  return running;
}

/** Runs it to its end. */
export function runCli(t: TestContext, args: readonly string[], options?: CliOptions): Promise<Finished> {
  return startCli(t, args, options).finished;
}

/** The one JSON document that a run with --json printed; anything more on either stream fails. */
export function documentOf(finished: Finished): Readonly<Record<string, unknown>> {
  if (finished.stderr !== "") throw new Error(`standard error is not empty: ${finished.stderr}`);
  return JSON.parse(finished.stdout) as Readonly<Record<string, unknown>>;
}

/** Codes of the findings that refused, of a document of verify-image. */
export function refusalCodes(document: Readonly<Record<string, unknown>>): string[] {
  const findings = document["findings"] as readonly { code: string; severity: string }[];
  return findings.filter(({ severity }) => severity === "refuse").map(({ code }) => code);
}
