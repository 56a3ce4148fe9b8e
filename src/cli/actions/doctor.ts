import { missing, ok } from "../../core/check-result.ts";
import type { CheckResult } from "../../core/check-result.ts";
import { Failure } from "../../core/failure.ts";
import { acceptedEngines, engineOnPath } from "../../engine/find-engine.ts";
import { examineStack } from "../../operations/examine-stack.ts";
import { purposes } from "../../operations/examine/purpose.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { ExitCode, Outcome } from "../outcome.ts";
import { checkLines } from "./check-lines.ts";

export interface DoctorOptions {
  readonly stack: string;
  readonly for: string;
}

/** The action of `doctor`. Throws PURPOSE_UNKNOWN, and what examining a stack throws. */
export async function doctorAction({ stack, for: wanted }: DoctorOptions, context: CommandContext): Promise<Outcome> {
  const { directories, environment, signal, now, progress } = context;
  const purpose = purposes.find((one) => one === wanted);
  if (purpose === undefined) throw purposeUnknown(wanted);
  progress(`looking at what stack ${stack} needs …`);
  const checks: readonly CheckResult[] = [
    ok("node", process.version),
    await examineEngine(stack, environment),
    ...(await examineStack(stack, { directories, environment, signal, now: now(), purpose })),
  ];
  const count = (state: CheckResult["state"]): number => checks.filter((check) => check.state === state).length;
  const summary = `${count("ok")} ok, ${count("missing")} missing, ${count("unknown")} could not be asked`;
  return {
    exitCode: exitCodeOf(count("missing"), count("unknown")),
    lines: [...checks.flatMap(checkLines), `stack ${stack}, for ${purpose}: ${summary}`],
    document: { ok: count("ok") === checks.length, stack, for: purpose, checks },
  };
}

function purposeUnknown(wanted: string): Failure {
  return new Failure({
    code: "PURPOSE_UNKNOWN",
    kind: "usage",
    message: `Nothing is known of credentials for ${JSON.stringify(wanted.slice(0, 40))}.`,
    remedy: `Give --for one of ${purposes.join(", ")}.`,
  });
}

function exitCodeOf(lacking: number, unknown: number): ExitCode {
  if (lacking > 0) return exitCodes.refused;
  return unknown > 0 ? exitCodes.unavailable : exitCodes.done;
}

/** Stack local builds its own engine; the others are changed with the official command line. */
async function examineEngine(stack: string, environment: CommandContext["environment"]): Promise<CheckResult> {
  const name = "pulumi";
  const found = await engineOnPath(environment);
  if (found?.accepted === true) return ok(name, `${found.version} at ${found.command}`);
  if (stack === "local") return ok(name, "none on PATH that fits; stack local uses the pinned one, built here");
  const says = found === undefined ? "not on PATH" : `${found.version} at ${found.command}`;
  return missing(name, says, `Install Pulumi ${acceptedEngines}: https://www.pulumi.com/docs/install/`);
}
