import { Failure } from "../../core/failure.ts";
import { legible } from "../../core/legible.ts";
import { endorsementFaultMeanings } from "../../core/tdx/launch-endorsement-fault.ts";
import type { EndorsementFault } from "../../core/tdx/launch-endorsement-fault.ts";
import { teeEndorsement } from "../../operations/tee-endorsement.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { readInput } from "./files.ts";

export interface TeeEndorsementOptions {
  readonly quote?: string;
  readonly mrtd?: string;
  readonly root?: string;
  readonly rootUrl?: string;
  readonly rootSha256?: string;
  readonly endorsement?: string;
  readonly bucket?: string;
}

function usage(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}

/** The action of `tee endorsement`. */
export async function teeEndorsementAction(options: TeeEndorsementOptions, context: CommandContext): Promise<Outcome> {
  const { quote, mrtd, root, rootUrl, rootSha256, endorsement, bucket } = options;
  if ((quote === undefined) === (mrtd === undefined)) {
    throw usage("TEE_SUBJECT_UNCLEAR", "It isn't clear which machine is meant.", "Give one of --quote and --mrtd.");
  }
  const { mrtd: measured, verdict } = await teeEndorsement({
    subject: quote === undefined ? { mrtd: mrtd ?? "" } : { quote: readInput("--quote", quote) },
    ...(root === undefined ? {} : { root: readInput("--root", root) }),
    ...(rootUrl === undefined ? {} : { rootUrl }),
    ...(rootSha256 === undefined ? {} : { rootSha256 }),
    ...(endorsement === undefined ? {} : { endorsement: readInput("--endorsement", endorsement) }),
    ...(bucket === undefined ? {} : { bucket }),
    at: context.now(),
    signal: context.signal,
  });
  if (!verdict.ok) {
    return {
      exitCode: exitCodes.refused,
      lines: [`✗ MRTD ${measured} is not endorsed`, ...verdict.faults.flatMap(faultLines)],
      document: { ok: false, mrtd: measured, faults: verdict.faults },
    };
  }
  const { endorsement: found, machines } = verdict;
  const { changelist, commit } = found.source;
  const sizes = machines.map(({ ramGib, earlyAccept }) => `${ramGib} GiB${earlyAccept ? " (early accept)" : ""}`);
  return {
    exitCode: exitCodes.done,
    lines: [
      `✓ MRTD ${measured} is endorsed for machines with ${sizes.join(", ")}`,
      `  firmware ${found.firmware}, security version ${found.svn}`,
      `  signed ${found.signed.toISOString()}, built from ${commit === "" ? `changelist ${changelist}` : `commit ${commit}`}`,
    ],
    document: { ok: true, mrtd: measured, machines, endorsement: found },
  };
}

function faultLines({ code, expected, found }: EndorsementFault): string[] {
  const { meaning, remedy } = endorsementFaultMeanings[code];
  return [`✗ ${code}: ${meaning} Expected ${legible(expected)}, found ${legible(found)}.`, `  to do: ${remedy}`];
}
