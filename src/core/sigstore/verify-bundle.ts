import { createHash } from "node:crypto";
import { isInFuture } from "../clock-skew.ts";
import { Failure } from "../failure.ts";
import { matchesArtifact, matchesDigest } from "../intoto/match-subject.ts";
import { parseStatement } from "../intoto/parse-statement.ts";
import type { Statement } from "../intoto/statement.ts";
import { sha256Hex } from "../oci/digest.ts";
import { all, proven, refuse } from "../verify/finding.ts";
import type { Checked } from "../verify/finding.ts";
import type { BundleThresholds, ExpectedIdentity, VerifiedArtifactBundle, VerifiedBundle } from "./contract.ts";
import type { TrustedRootMaterial } from "./trusted-root.ts";
import { verifyBundleCryptography } from "./verify-cryptography.ts";

export { verifyBundleCryptography } from "./verify-cryptography.ts";

/** What the bundle must be about: bytes at hand, or a digest in lower-case hex (an image's is sha256). */
export type BundleSubject =
  | { readonly kind: "artifact"; readonly bytes: Uint8Array }
  | { readonly kind: "digest"; readonly algorithm: "sha256" | "sha384" | "sha512"; readonly hex: string };

export interface VerifyBundleInput {
  /** The bundle's JSON, as it was read. */
  readonly bundle: Uint8Array;
  readonly root: TrustedRootMaterial;
  readonly thresholds: BundleThresholds;
  /** Leave the key out to take any signer of the trusted root, and judge the claims yourself. */
  readonly identity?: ExpectedIdentity;
  readonly subject: BundleSubject;
  /** Compared byte for byte; a bundle that holds no statement is refused when it is given. */
  readonly predicateType?: string;
  /** When given, a trusted time more than a minute later than this is refused. */
  readonly now?: Date;
}

/**
 * Verifies one bundle against all that is asked: cryptography, identity, subject and predicate type. Findings of
 * independent checks come together. Throws only usage failures (IDENTITY_EMPTY, PREDICATE_TYPE_EMPTY,
 * SUBJECT_DIGEST_INVALID, THRESHOLD_INVALID), before anything is read.
 */
export function verifyBundle(input: VerifyBundleInput): Checked<VerifiedArtifactBundle> {
  assertUsable(input);
  const verified = verifyBundleCryptography(input.bundle, input.root, input.thresholds);
  if (!verified.ok) return verified;
  const bundle = verified.proof;
  const name = `bundle sha256:${sha256Hex(input.bundle)}`;

  const statement = checkContent(bundle, input, name);
  const checks = all<unknown>([
    checkIdentity(bundle, input.identity, name),
    checkNow(bundle, input.now, name),
    statement,
  ]);
  if (!checks.ok) return checks;
  if (!statement.ok) return statement;
  return proven({
    ...bundle,
    ...(statement.proof === undefined ? {} : { predicateType: statement.proof.predicateType }),
  });
}

const digestLength = { sha256: 64, sha384: 96, sha512: 128 } as const;

function assertUsable(input: VerifyBundleInput): void {
  const usage = (code: string, message: string, remedy: string): Failure =>
    new Failure({ code, kind: "usage", message, remedy });
  // A key that is there but undefined was meant to demand something: it never means "anybody".
  if ("identity" in input) {
    const { issuer, subject } = (input.identity ?? {}) as Partial<ExpectedIdentity>;
    for (const [part, value] of Object.entries({ issuer, subject })) {
      if (typeof value === "string" && value !== "" && value.trim() === value) continue;
      throw usage(
        "IDENTITY_EMPTY",
        `The expected identity's ${part} is empty or has spaces around it.`,
        "Name the issuer and the subject exactly as the certificate has them.",
      );
    }
  }
  if ("predicateType" in input && (input.predicateType ?? "").trim() === "") {
    throw usage(
      "PREDICATE_TYPE_EMPTY",
      "The expected predicate type is empty.",
      "Name the predicate type, a URI, or leave the option out.",
    );
  }
  if (input.subject.kind === "digest") {
    const { algorithm, hex } = input.subject;
    if (hex.length !== digestLength[algorithm] || !/^[0-9a-f]+$/.test(hex)) {
      throw usage(
        "SUBJECT_DIGEST_INVALID",
        `"${hex.slice(0, 140)}" is not a ${algorithm} digest.`,
        `Write ${digestLength[algorithm]} lower-case hex digits.`,
      );
    }
  }
}

const signerRemedy =
  "Find out who signed this. If the signer is right, correct the expected identity; else do not use the artifact.";

/** Byte for byte, after verification; never handed to the library, which takes strings as patterns without anchors. */
function checkIdentity(
  bundle: VerifiedBundle,
  expected: ExpectedIdentity | undefined,
  subject: string,
): Checked<undefined> {
  if (expected === undefined) return proven(undefined);
  const { issuer, subjectAlternativeName: found } = bundle.claims;
  const checks = all([
    issuer === expected.issuer
      ? proven(undefined)
      : refuse("IDENTITY_ISSUER_MISMATCH", { subject, expected: expected.issuer, found: issuer, remedy: signerRemedy }),
    found === expected.subject
      ? proven(undefined)
      : refuse("IDENTITY_SUBJECT_MISMATCH", { subject, expected: expected.subject, found, remedy: signerRemedy }),
  ]);
  return checks.ok ? proven(undefined) : checks;
}

function checkNow(bundle: VerifiedBundle, now: Date | undefined, subject: string): Checked<undefined> {
  const future = bundle.times.find(({ time }) => now !== undefined && isInFuture(time, now));
  if (now === undefined || future === undefined) return proven(undefined);
  return refuse("BUNDLE_TIME_INVALID", {
    subject,
    expected: `a time before ${now.toISOString()}`,
    found: future.time.toISOString(),
    remedy: "Compare this machine's clock with another's.",
  });
}

function checkContent(bundle: VerifiedBundle, input: VerifyBundleInput, name: string): Checked<Statement | undefined> {
  const { content } = bundle;
  const subjectRemedy = "Verify the artifact that the bundle was made for, or fetch the artifact's own bundle.";
  if (content.kind === "message") {
    const wanted =
      input.subject.kind === "artifact"
        ? createHash(content.algorithm).update(input.subject.bytes).digest("hex")
        : input.subject.hex;
    const algorithm = input.subject.kind === "artifact" ? content.algorithm : input.subject.algorithm;
    const same = algorithm === content.algorithm && wanted === content.digest;
    const checks = all([
      same
        ? proven(undefined)
        : refuse("STATEMENT_SUBJECT_MISMATCH", {
            subject: name,
            expected: `${algorithm}:${wanted}`,
            found: `${content.algorithm}:${content.digest}`,
            remedy: subjectRemedy,
          }),
      checkPredicateType(undefined, input.predicateType, name),
    ]);
    return checks.ok ? proven(undefined) : checks;
  }
  const statement = parseStatement(content.payload, name);
  if (!statement.ok) return statement;
  const matches =
    input.subject.kind === "artifact"
      ? matchesArtifact(statement.proof, input.subject.bytes)
      : matchesDigest(statement.proof, input.subject.algorithm, input.subject.hex);
  const expected =
    input.subject.kind === "artifact"
      ? `the artifact (sha256:${sha256Hex(input.subject.bytes)})`
      : `${input.subject.algorithm}:${input.subject.hex}`;
  const checks = all([
    matches
      ? proven(undefined)
      : refuse("STATEMENT_SUBJECT_MISMATCH", {
          subject: name,
          expected,
          found: shownSubjects(statement.proof),
          remedy: subjectRemedy,
        }),
    checkPredicateType(statement.proof.predicateType, input.predicateType, name),
  ]);
  return checks.ok ? statement : checks;
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
