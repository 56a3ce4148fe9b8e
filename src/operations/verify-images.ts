import type { RegistryClient } from "../adapters/registry/client.ts";
import { Failure } from "../core/failure.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import { parseReference } from "../core/release/reference.ts";
import type { Reference } from "../core/release/reference.ts";
import type { ReleaseData } from "../core/release/verified-release.ts";
import type { Finding } from "../core/verify/finding.ts";
import { verifyImage } from "./verify-image.ts";
import { isUnavailable } from "./verify-releases.ts";

/** What came of one reference, as plain data: it proves nothing to a component. */
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
  | { readonly kind: "unanswered"; readonly failure: Failure }
);

export interface VerifyImagesRequest {
  readonly references: readonly string[];
  readonly policy: TrustPolicy;
  readonly trustedRoot: Uint8Array;
  readonly now: Date;
  /** Whether each platform's NAR is recomputed from the registry's blobs. */
  readonly deep?: boolean;
  /** Ends all of it: its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** Images that are read at the same time: while one waits for the registry, another is computed. */
const concurrency = 4;

/**
 * Verifies images, each named once or more often, in the order of the references; what one is refused for does not stop
 * the others. Throws REFERENCE_INVALID before anything is asked, and what no further image could go on with: a usage
 * Failure (credentials that can't be read), the signal's reason, a bug.
 */
export async function verifyImages(client: RegistryClient, request: VerifyImagesRequest): Promise<ImageVerdict[]> {
  const parsed = parseReferences(request.references);
  const verdicts = new Map<string, ImageVerdict>();
  const pending = parsed.entries();
  const work = async (): Promise<void> => {
    for (const [text, reference] of pending) verdicts.set(text, await verdictOf(client, text, reference, request));
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return request.references.flatMap((text) => verdicts.get(text) ?? []);
}

/** Each distinct reference, taken apart; throws REFERENCE_INVALID with every one that is none. */
function parseReferences(texts: readonly string[]): ReadonlyMap<string, Reference> {
  const parsed = new Map<string, Reference>();
  const faults: Failure[] = [];
  for (const text of new Set(texts)) {
    try {
      parsed.set(text, parseReference(text));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      faults.push(error);
    }
  }
  const [first, ...more] = faults;
  if (first === undefined) return parsed;
  if (more.length === 0) throw first;
  throw new Failure({
    code: first.code,
    kind: first.kind,
    message: `${faults.length} of ${parsed.size + faults.length} references are not image references.`,
    remedy: first.remedy,
    details: faults.map(({ message }) => message),
  });
}

async function verdictOf(
  client: RegistryClient,
  text: string,
  reference: Reference,
  { policy, trustedRoot, now, deep = false, signal }: VerifyImagesRequest,
): Promise<ImageVerdict> {
  signal?.throwIfAborted();
  try {
    const { resolved, result } = await verifyImage(client, { reference, policy, trustedRoot, now, deep });
    if (result.ok) return { reference: text, kind: "verified", resolved, release: result.proof.data };
    return { reference: text, kind: kindOf(result.findings), resolved, findings: result.findings };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof Failure) || error.kind === "usage") throw error;
    return { reference: text, kind: "unanswered", failure: error };
  }
}

/** Refused is whatever isn't surely something else. */
function kindOf(findings: readonly Finding[]): "refused" | "unavailable" | "waived" {
  if (isUnavailable(findings)) return "unavailable";
  const refusals = findings.filter(({ severity }) => severity === "refuse");
  const waived = refusals.length > 0 && refusals.every(({ code }) => code === "THIRD_PARTY_NOT_VERIFIED");
  return waived ? "waived" : "refused";
}
