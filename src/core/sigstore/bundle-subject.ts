import { createHash } from "node:crypto";
import { matchesArtifact, matchesDigest } from "../intoto/match-subject.ts";
import type { ArtifactDigests, DigestAlgorithm } from "../intoto/match-subject.ts";
import { parseStatement } from "../intoto/parse-statement.ts";
import type { Statement } from "../intoto/statement.ts";
import { all, proven, refuse } from "../verify/finding.ts";
import type { Checked } from "../verify/finding.ts";
import type { SignedContent } from "./contract.ts";

/**
 * What the bundle must be about: bytes at hand, the digests of a file that was hashed as it was read (as many as
 * claimedDigests says: the bundle chooses which it names), or one digest in lower-case hex (an image's is sha256).
 */
export type BundleSubject =
  | { readonly kind: "artifact"; readonly bytes: Uint8Array }
  | { readonly kind: "digests"; readonly digests: ArtifactDigests }
  | { readonly kind: "digest"; readonly algorithm: DigestAlgorithm; readonly hex: string };

const subjectRemedy = "Verify the artifact that the bundle was made for, or fetch the artifact's own bundle.";

/**
 * Checks that the signed content is about the subject, and of the predicate type (when one is given). The proof is the
 * statement of an envelope, or undefined for a message signature.
 */
export function checkContent(
  content: SignedContent,
  subject: BundleSubject,
  predicateType: string | undefined,
  name: string,
): Checked<Statement | undefined> {
  const mismatch = (expected: string, found: string) =>
    refuse("STATEMENT_SUBJECT_MISMATCH", { subject: name, expected, found, remedy: subjectRemedy });

  if (content.kind === "message") {
    const wanted = digestOf(subject, content.algorithm);
    const same = wanted.algorithm === content.algorithm && wanted.hex === content.digest;
    const checks = all([
      same
        ? proven(undefined)
        : mismatch(`${wanted.algorithm}:${wanted.hex}`, `${content.algorithm}:${content.digest}`),
      checkPredicateType(undefined, predicateType, name),
    ]);
    return checks.ok ? proven(undefined) : checks;
  }
  const statement = parseStatement(content.payload, name);
  if (!statement.ok) return statement;
  const matches =
    subject.kind === "digest"
      ? matchesDigest(statement.proof, subject.algorithm, subject.hex)
      : matchesArtifact(statement.proof, subject.kind === "digests" ? subject.digests : subject.bytes);
  const { algorithm, hex } = digestOf(subject, "sha256");
  const expected = `${algorithm}:${hex}`;
  const checks = all([
    matches
      ? proven(undefined)
      : mismatch(subject.kind === "digest" ? expected : `the artifact (${expected})`, shownSubjects(statement.proof)),
    checkPredicateType(statement.proof.predicateType, predicateType, name),
  ]);
  return checks.ok ? statement : checks;
}

/** The subject's digest by this algorithm; a digest that was given as such has its own. */
function digestOf(subject: BundleSubject, algorithm: DigestAlgorithm): { algorithm: DigestAlgorithm; hex: string } {
  if (subject.kind === "digest") return { algorithm: subject.algorithm, hex: subject.hex };
  if (subject.kind === "digests") return { algorithm, hex: subject.digests[algorithm] ?? "not computed" };
  return { algorithm, hex: createHash(algorithm).update(subject.bytes).digest("hex") };
}

function checkPredicateType(
  found: string | undefined,
  expected: string | undefined,
  subject: string,
): Checked<undefined> {
  if (expected === undefined || found === expected) return proven(undefined);
  return refuse("STATEMENT_PREDICATE_TYPE", {
    subject,
    expected,
    found: found ?? "a signature without a statement",
    remedy: "Give the bundle that holds the statement of this kind.",
  });
}

function shownSubjects(statement: Statement): string {
  const shown = statement.subject.slice(0, 3).map((entry) =>
    Object.entries(entry.digest)
      .map(([key, value]) => `${key}:${value.slice(0, 128)}`)
      .join(" "),
  );
  const more = statement.subject.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}
