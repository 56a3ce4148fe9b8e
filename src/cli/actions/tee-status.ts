import { Failure } from "../../core/failure.ts";
import { readCollateralFile } from "../../core/tdx/collateral.ts";
import { intelTrust } from "../../core/tdx/intel-root.ts";
import type { TdPolicy } from "../../core/tdx/td-policy.ts";
import { readPolicyFile } from "../../operations/read-policy-file.ts";
import { teeStatus } from "../../operations/tee-status.ts";
import type { TeeStatusRequest } from "../../operations/tee-status.ts";
import type { CommandContext } from "../context.ts";
import type { Outcome } from "../outcome.ts";
import { durationOption } from "./duration-option.ts";
import { readInput } from "./files.ts";
import { teeStatusOutcome } from "./tee-status-outcome.ts";

export interface TeeStatusOptions {
  readonly quote?: string;
  readonly fmspc?: string;
  readonly ca: string;
  readonly collateral?: string;
  readonly at?: string;
  readonly policy?: string;
  readonly within?: string;
  readonly service: string;
  readonly rootCrl: string;
}

function usage(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}

function subjectOf({ quote, fmspc, ca, collateral }: TeeStatusOptions): TeeStatusRequest["subject"] {
  if ((quote === undefined) === (fmspc === undefined)) {
    throw usage("TEE_SUBJECT_UNCLEAR", "It isn't clear which machine is meant.", "Give one of --quote and --fmspc.");
  }
  if (quote !== undefined) return { kind: "quote", quote: readInput("--quote", quote) };
  const text = fmspc ?? "";
  if (!/^[0-9a-fA-F]{12}$/.test(text)) {
    throw usage("FMSPC_INVALID", `${JSON.stringify(text.slice(0, 40))} is no FMSPC.`, "Give 12 hex digits.");
  }
  if (ca !== "platform" && ca !== "processor") {
    throw usage("TEE_CA_UNKNOWN", `--ca ${JSON.stringify(ca.slice(0, 40))} is none.`, "Give platform or processor.");
  }
  if (collateral !== undefined) {
    const remedy = "Give --quote with --collateral, or leave --collateral out.";
    throw usage("TEE_SUBJECT_UNCLEAR", "A collateral file is about a quote's platform.", remedy);
  }
  return { kind: "platform", platform: { fmspc: text.toLowerCase(), ca } };
}

/** The service's answers are judged now; only a file can be judged as of another time. */
function timeOf({ at, collateral }: TeeStatusOptions, now: Date): Date {
  if (at === undefined) return now;
  const time = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(at) ? new Date(at) : undefined;
  if (time !== undefined && !Number.isNaN(time.getTime()) && collateral !== undefined) return time;
  const remedy = "Give a time like 2026-11-27T00:00:00Z together with --collateral.";
  throw usage("TIME_INVALID", `--at ${JSON.stringify(at.slice(0, 40))} can't be used.`, remedy);
}

function policyOf(path: string | undefined): TdPolicy | undefined {
  if (path === undefined) return undefined;
  const { tee } = readPolicyFile(path);
  if (tee !== undefined) return tee;
  throw usage("POLICY_WITHOUT_TEE", `${path} asks nothing of machines.`, "Give a policy with tee, or none.");
}

/** The action of `tee status`. */
export async function teeStatusAction(options: TeeStatusOptions, context: CommandContext): Promise<Outcome> {
  const { directories, signal, now } = context;
  const subject = subjectOf(options);
  const policy = policyOf(options.policy);
  const { collateral } = options;
  const status = await teeStatus({
    subject,
    ...(collateral === undefined
      ? {}
      : { collateral: readCollateralFile(readInput("--collateral", collateral), collateral) }),
    service: { addresses: { api: options.service, rootCrl: options.rootCrl }, cache: directories.cache },
    ...(policy === undefined ? {} : { policy }),
    withinMilliseconds: durationOption("--within", options.within, "7d"),
    at: timeOf(options, now()),
    trust: intelTrust,
    signal,
  });
  return teeStatusOutcome(status);
}
