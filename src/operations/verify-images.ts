import type { RegistryClient } from "../adapters/registry/client.ts";
import { Failure } from "../core/failure.ts";
import type { FailureDetail } from "../core/failure.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import { parseReference } from "../core/release/reference.ts";
import type { Reference } from "../core/release/reference.ts";
import type { ReleaseData } from "../core/release/verified-release.ts";
import type { TeeEvidence } from "../core/verify/evidence.ts";
import type { Finding } from "../core/verify/finding.ts";
import { openTeeEvidence } from "./open-tee-evidence.ts";
import type { TeeTerms } from "./open-tee-evidence.ts";
import { verifyImage } from "./verify-image.ts";
import { isUnavailable } from "./verify-releases.ts";

/** What came of one reference, as plain data: it proves nothing to a component, and can be passed between threads. */
export type ImageVerdict = {
  /** As it was asked for. */
  readonly reference: string;
} & (
  | { readonly kind: "verified"; readonly resolved: string; readonly release: ReleaseData }
  | {
      /** `waived`: the policy lets it run though nothing is proven about it. */
      readonly kind: "refused" | "unavailable" | "waived";
      readonly resolved: string;
      readonly findings: readonly Finding[];
    }
  /** The registry could not be asked for the image itself. */
  | { readonly kind: "unanswered"; readonly failure: FailureDetail }
);

/** What all images of one call are verified under. */
export interface VerifyImagesTerms {
  readonly policy: TrustPolicy;
  readonly trustedRoot: Uint8Array;
  readonly now: Date;
  /** Whether each platform's NAR is recomputed from the registry's blobs. */
  readonly deep?: boolean;
  /** What a policy with `tee` needs to know of the signer; without it, such a policy refuses everything. */
  readonly tee: TeeTerms | undefined;
}

/** Images that one thread reads at the same time: while one waits for the registry, another is computed. */
export const imagesAtOnce = 4;

/**
 * Verifies images in this thread, the verdicts in the order of the references; what one is refused for does not stop the
 * others. Throws REFERENCE_INVALID, a usage Failure that no image could go on with (credentials that can't be read), the
 * signal's reason, a bug.
 */
export async function verifyImages(
  client: RegistryClient,
  references: readonly string[],
  terms: VerifyImagesTerms,
  signal?: AbortSignal,
): Promise<ImageVerdict[]> {
  const verdicts: ImageVerdict[] = [];
  const pending = references.entries();
  const work = async (): Promise<void> => {
    for (const [position, reference] of pending) {
      signal?.throwIfAborted();
      verdicts[position] = await verdictOf(client, reference, terms, signal);
    }
  };
  await Promise.all(Array.from({ length: imagesAtOnce }, work));
  return verdicts;
}

/** The signer's release is verified once for all images of a call. */
const opened = new WeakMap<VerifyImagesTerms, Promise<TeeEvidence | undefined>>();

function teeEvidenceOf(client: RegistryClient, terms: VerifyImagesTerms): Promise<TeeEvidence | undefined> {
  const known = opened.get(terms) ?? openTeeEvidence(client, terms);
  opened.set(terms, known);
  return known;
}

/** The verdict about one image. Throws as `verifyImages`. */
export async function verdictOf(
  client: RegistryClient,
  text: string,
  terms: VerifyImagesTerms,
  signal?: AbortSignal,
): Promise<ImageVerdict> {
  const { policy, trustedRoot, now, deep = false } = terms;
  const reference: Reference = parseReference(text);
  try {
    const tee = await teeEvidenceOf(client, terms);
    const { resolved, result } = await verifyImage(client, { reference, policy, trustedRoot, now, deep, tee });
    if (result.ok) return { reference: text, kind: "verified", resolved, release: result.proof.data };
    return { reference: text, kind: kindOf(result.findings), resolved, findings: result.findings };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof Failure) || error.kind === "usage") throw error;
    return { reference: text, kind: "unanswered", failure: detailOf(error) };
  }
}

/** A Failure as plain data. */
export function detailOf({ code, kind, message, remedy, details }: Failure): FailureDetail {
  return { code, kind, message, remedy, details };
}

/** Refused is whatever isn't surely something else. */
function kindOf(findings: readonly Finding[]): "refused" | "unavailable" | "waived" {
  if (isUnavailable(findings)) return "unavailable";
  const refusals = findings.filter(({ severity }) => severity === "refuse");
  const waived = refusals.length > 0 && refusals.every(({ code }) => code === "THIRD_PARTY_NOT_VERIFIED");
  return waived ? "waived" : "refused";
}

/** Each reference once, all of them well formed; throws REFERENCE_INVALID with every one that is not. */
export function distinctReferences(texts: readonly string[]): string[] {
  const distinct = [...new Set(texts)];
  const faults = distinct.flatMap(faultOf);
  const [first, ...more] = faults;
  if (first === undefined) return distinct;
  if (more.length === 0) throw first;
  throw new Failure({
    code: first.code,
    kind: first.kind,
    message: `${faults.length} of ${distinct.length} references are not image references.`,
    remedy: first.remedy,
    details: faults.map(({ message }) => message),
  });
}

function faultOf(text: string): Failure[] {
  try {
    parseReference(text);
    return [];
  } catch (error) {
    if (error instanceof Failure) return [error];
    throw error;
  }
}
