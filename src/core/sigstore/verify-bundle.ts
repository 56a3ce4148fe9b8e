import { isInFuture } from "../clock-skew.ts";
import { Failure } from "../failure.ts";
import { sha256Hex } from "../oci/digest.ts";
import { all, proven, refuse } from "../verify/finding.ts";
import type { Checked } from "../verify/finding.ts";
import { checkContent } from "./bundle-subject.ts";
import type { BundleSubject } from "./bundle-subject.ts";
import type {
  BundleThresholds,
  ExpectedIdentity,
  KeyedArtifactBundle,
  KeyedBundle,
  ProvenSignature,
  VerifiedArtifactBundle,
  VerifiedBundle,
} from "./contract.ts";
import type { TrustedKey } from "./public-key.ts";
import type { TrustedRootMaterial } from "./trusted-root.ts";
import { verifyBundleCryptography, verifyKeyedCryptography } from "./verify-cryptography.ts";

export type { BundleSubject } from "./bundle-subject.ts";
export { verifyBundleCryptography } from "./verify-cryptography.ts";

interface BundleDemands {
  /** The bundle's JSON, as it was read. */
  readonly bundle: Uint8Array;
  readonly root: TrustedRootMaterial;
  /** `ct` has no meaning for a bundle that is verified with a key. */
  readonly thresholds: BundleThresholds;
  readonly subject: BundleSubject;
  /** Compared byte for byte; a bundle that holds no statement is refused when it is given. */
  readonly predicateType?: string;
  /** When given, a trusted time more than a minute later than this is refused. */
  readonly now?: Date;
}

/** A bundle by a signer with a certificate. */
export interface VerifyBundleInput extends BundleDemands {
  /** Leave the key out to take any signer of the trusted root, and judge the claims yourself. */
  readonly identity?: ExpectedIdentity;
  readonly key?: never;
}

/** A bundle by a key that is trusted by itself (a managed key): no identity, no certificate. */
export interface VerifyKeyedBundleInput extends BundleDemands {
  readonly key: TrustedKey;
  readonly identity?: never;
}

/**
 * Verifies one bundle against all that is asked: cryptography, signer (an identity, a key, or any), subject and predicate
 * type. Findings of independent checks come together. Throws only usage failures (SIGNER_AMBIGUOUS, IDENTITY_EMPTY,
 * KEY_MISSING, PREDICATE_TYPE_EMPTY, SUBJECT_DIGEST_INVALID, THRESHOLD_INVALID), before anything is read.
 */
export function verifyBundle(input: VerifyBundleInput): Checked<VerifiedArtifactBundle>;
export function verifyBundle(input: VerifyKeyedBundleInput): Checked<KeyedArtifactBundle>;
export function verifyBundle(
  input: VerifyBundleInput | VerifyKeyedBundleInput,
): Checked<VerifiedArtifactBundle | KeyedArtifactBundle>;
export function verifyBundle(
  input: VerifyBundleInput | VerifyKeyedBundleInput,
): Checked<VerifiedArtifactBundle | KeyedArtifactBundle> {
  assertUsable(input);
  const name = `bundle sha256:${sha256Hex(input.bundle)}`;
  if (input.key !== undefined) {
    const keyed = verifyKeyedCryptography(input.bundle, input.key, input.root, input.thresholds);
    return keyed.ok ? checkDemands<KeyedBundle>(keyed.proof, input, name, []) : keyed;
  }
  const verified = verifyBundleCryptography(input.bundle, input.root, input.thresholds);
  if (!verified.ok) return verified;
  return checkDemands(verified.proof, input, name, [checkIdentity(verified.proof, input.identity, name)]);
}

/** What is asked whoever signed, together with the checks of the signer. */
function checkDemands<B extends ProvenSignature>(
  bundle: B,
  input: BundleDemands,
  name: string,
  signer: readonly Checked<unknown>[],
): Checked<B & { readonly predicateType?: string }> {
  const statement = checkContent(bundle.content, input.subject, input.predicateType, name);
  const checks = all<unknown>([...signer, checkNow(bundle, input.now, name), statement]);
  if (!checks.ok) return checks;
  if (!statement.ok) return statement;
  return proven({
    ...bundle,
    ...(statement.proof === undefined ? {} : { predicateType: statement.proof.predicateType }),
  });
}

const digestLength = { sha256: 64, sha384: 96, sha512: 128 } as const;

const usage = (code: string, message: string, remedy: string): Failure =>
  new Failure({ code, kind: "usage", message, remedy });

/** Throws IDENTITY_EMPTY (usage) for an identity that is empty, blank, padded or incomplete: it would demand nothing. */
export function assertIdentity(identity: ExpectedIdentity | undefined): void {
  const { issuer, subject } = (identity ?? {}) as Partial<ExpectedIdentity>;
  for (const [part, value] of Object.entries({ issuer, subject })) {
    if (typeof value === "string" && value !== "" && value.trim() === value) continue;
    throw usage(
      "IDENTITY_EMPTY",
      `The expected identity's ${part} is empty or has spaces around it.`,
      "Name the issuer and the subject exactly as the certificate has them.",
    );
  }
}

function assertUsable(input: VerifyBundleInput | VerifyKeyedBundleInput): void {
  // Callers without types may give what the types rule out.
  const { identity, key } = input as { readonly identity?: unknown; readonly key?: Partial<TrustedKey> | null };
  if (identity !== undefined && key !== undefined) {
    throw usage(
      "SIGNER_AMBIGUOUS",
      "Both an identity and a key are expected of one bundle.",
      "Expect the identity of a certificate, or a key: a bundle has one of the two.",
    );
  }
  // A field that is there but undefined was meant to demand something: it never means "anybody".
  if ("key" in input && !(key?.spki instanceof Uint8Array)) {
    throw usage("KEY_MISSING", "The key to verify with is not a key.", "Read the key with readPublicKey.");
  }
  if ("identity" in input) assertIdentity(input.identity);
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

function checkNow(bundle: ProvenSignature, now: Date | undefined, subject: string): Checked<undefined> {
  const future = bundle.times.find(({ time }) => now !== undefined && isInFuture(time, now));
  if (now === undefined || future === undefined) return proven(undefined);
  return refuse("BUNDLE_TIME_INVALID", {
    subject,
    expected: `a time before ${now.toISOString()}`,
    found: future.time.toISOString(),
    remedy: "Compare this machine's clock with another's.",
  });
}
