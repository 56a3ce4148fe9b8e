import { Failure } from "../../core/failure.ts";
import type { ImageVerdict } from "../../operations/verify-images.ts";
import { chainTree, drawFindings, drawTree } from "../../report/chain-tree.ts";
import { errorLines, errorReport, exitCodes } from "../outcome.ts";
import type { ExitCode, Outcome } from "../outcome.ts";
import { refusedHead, unreadHead } from "./refused-lines.ts";

/** How verdicts are shown. */
export interface ShownVerdicts {
  /** The policy's name. */
  readonly policy: string;
  /** Whether a waived image is no reason to exit with 1. */
  readonly acceptWaivers: boolean;
  /** Whether the chain of each image is printed where there are several. */
  readonly tree: boolean;
}

type Answered = Exclude<ImageVerdict, { kind: "unanswered" }>;

/** What an image counts as: a waiver that nobody accepted is a refusal. */
type Counted = "verified" | "waived" | "refused" | "unavailable";

function countedAs(verdict: ImageVerdict, acceptWaivers: boolean): Counted {
  if (verdict.kind === "unanswered") return verdict.failure.kind === "unavailable" ? "unavailable" : "refused";
  if (verdict.kind === "waived") return acceptWaivers ? "waived" : "refused";
  return verdict.kind;
}

const exitCodeOf: Readonly<Record<Counted, ExitCode>> = {
  verified: exitCodes.done,
  waived: exitCodes.done,
  refused: exitCodes.refused,
  unavailable: exitCodes.unavailable,
};

/** The outcome of a call with one reference. Throws the Failure of a registry that could not be asked for it. */
export function outcomeOfOne(verdict: ImageVerdict, shown: ShownVerdicts): Outcome {
  if (verdict.kind === "unanswered") throw new Failure(verdict.failure);
  const counted = countedAs(verdict, shown.acceptWaivers);
  return {
    exitCode: exitCodeOf[counted],
    lines: [headOfOne(verdict, counted, shown.policy), ...detailsOf(verdict)],
    document: documentOf(verdict, counted, shown.policy),
  };
}

function headOfOne({ resolved }: Answered, counted: Counted, policy: string): string {
  switch (counted) {
    case "verified":
      return `✓ verified under policy "${policy}"`;
    case "waived":
      return `– waived (not verified) under policy "${policy}": ${resolved}`;
    case "refused":
      return refusedHead(resolved, policy);
    case "unavailable":
      return unreadHead(resolved);
  }
}

function detailsOf(verdict: Answered): string[] {
  return verdict.kind === "verified" ? drawTree(chainTree(verdict.release)) : drawFindings(verdict.findings);
}

function documentOf(verdict: ImageVerdict, counted: Counted, policy: string): Readonly<Record<string, unknown>> {
  switch (verdict.kind) {
    case "verified":
      return { ok: true, resolved: verdict.resolved, policy, release: verdict.release };
    case "unanswered": {
      const { code, message, remedy, details } = errorReport(new Failure(verdict.failure));
      return { ok: false, policy, error: { code, message, remedy, details } };
    }
    case "refused":
    case "unavailable":
    case "waived": {
      const { resolved, findings } = verdict;
      return { ok: false, ...(counted === "waived" ? { waived: true } : {}), resolved, policy, findings };
    }
  }
}

/** The outcome of a call with several references: a line for each, and what those lack that are not verified. */
export function outcomeOfMany(verdicts: readonly ImageVerdict[], shown: ShownVerdicts): Outcome {
  const { policy, acceptWaivers, tree } = shown;
  const counted = verdicts.map((verdict) => countedAs(verdict, acceptWaivers));
  // A refutation says more than silence, as it does for one image.
  const worst = (["refused", "unavailable"] as const).find((kind) => counted.includes(kind));
  return {
    exitCode: worst === undefined ? exitCodes.done : exitCodeOf[worst],
    lines: [
      ...verdicts.flatMap((verdict, position) => linesOfMany(verdict, counted[position] ?? "refused", tree)),
      `${summary(counted)} under policy "${policy}"`,
    ],
    document: {
      ok: counted.every((kind) => kind === "verified"),
      policy,
      results: verdicts.map((verdict, position) => ({
        reference: verdict.reference,
        ...documentOf(verdict, counted[position] ?? "refused", policy),
      })),
    },
  };
}

const heads: Readonly<Record<Counted, string>> = {
  verified: "✓ verified",
  waived: "– waived (not verified)",
  refused: "✗ refused",
  unavailable: "✗ not verified, its evidence can't be read:",
};

function linesOfMany(verdict: ImageVerdict, counted: Counted, tree: boolean): string[] {
  const { reference } = verdict;
  if (verdict.kind === "unanswered")
    return [`${heads[counted]} ${reference}`, ...indented(errorLines(errorReport(new Failure(verdict.failure))))];
  const { resolved } = verdict;
  const name = reference === resolved ? reference : `${reference} (${resolved})`;
  const details = verdict.kind === "verified" && !tree ? [] : detailsOf(verdict);
  return [`${heads[counted]} ${name}`, ...indented(details)];
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

/** `2 of 4 images verified, 1 waived, 1 refused`. */
function summary(counted: readonly Counted[]): string {
  const count = (kind: Counted): number => counted.filter((each) => each === kind).length;
  const others = (
    [
      ["waived", "waived"],
      ["refused", "refused"],
      ["unavailable", "not readable"],
    ] as const
  )
    .filter(([kind]) => count(kind) > 0)
    .map(([kind, words]) => `, ${count(kind)} ${words}`);
  return `${count("verified")} of ${counted.length} images verified${others.join("")}`;
}
