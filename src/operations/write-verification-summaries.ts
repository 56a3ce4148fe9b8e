import { statSync } from "node:fs";
import { dirname } from "node:path";
import { writeWhole } from "../adapters/files/write-whole.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import { writeVerificationSummary } from "../core/intoto/verification-summary.ts";
import { policyDigest } from "../core/policy/policy-digest.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import { parseDigestReference } from "../core/release/reference.ts";
import type { ImageVerdict } from "./verify-images.ts";

export interface SummariesContext {
  readonly policy: TrustPolicy;
  readonly timeVerified: Date;
  /** Version of this package. */
  readonly verifierVersion: string;
}

/**
 * Throws VSA_UNWRITABLE (usage) when a file can't be written at that path: before a long verification, not after it.
 */
export function assertSummariesWritable(path: string): void {
  const folder = statSync(dirname(path), { throwIfNoEntry: false });
  if (folder?.isDirectory() !== true) throw unwritable(path, `${dirname(path)} is no folder`);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) throw unwritable(path, "it is a folder");
}

/**
 * Writes a verification summary of each image about which there is a verdict, one JSON document in each line, in the
 * order of the verdicts, none twice; the file is written whole or not at all. Returns how many. An image whose evidence could not be
 * read neither passed nor failed, and has none. Throws VSA_UNWRITABLE.
 */
export function writeVerificationSummaries(
  path: string,
  verdicts: readonly ImageVerdict[],
  context: SummariesContext,
): number {
  const lines = [...new Set(verdicts.flatMap((verdict) => summaryOf(verdict, context)))];
  try {
    writeWhole(path, lines.map((line) => `${line}\n`).join(""), 0o644);
  } catch (error) {
    // A full disk is told as everywhere.
    if (error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT")) throw error;
    throw unwritable(path, reasonOf(error), error);
  }
  return lines.length;
}

function summaryOf(verdict: ImageVerdict, { policy, timeVerified, verifierVersion }: SummariesContext): string[] {
  if (verdict.kind === "unanswered" || verdict.kind === "unavailable") return [];
  const { repository, digest } = parseDigestReference(verdict.resolved);
  const bytes = writeVerificationSummary({
    repository,
    digest,
    policy: { name: policy.name, digest: policyDigest(policy) },
    timeVerified,
    passed: verdict.kind === "verified",
    referrers: verdict.kind === "verified" ? verdict.release.statements.map(({ referrer }) => referrer) : [],
    verifierVersion,
  });
  return [Buffer.from(bytes).toString("utf8")];
}

function unwritable(path: string, why: string, cause?: unknown): Failure {
  return new Failure(
    {
      code: "VSA_UNWRITABLE",
      kind: "usage",
      message: `The verification summary can't be written to ${path}: ${why}.`,
      remedy: "Name a file in a folder that is there and that you may write to.",
    },
    { cause },
  );
}
