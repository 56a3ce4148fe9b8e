import { availableParallelism } from "node:os";
import { openRegistry } from "./open-registry.ts";
import { distinctReferences, verifyImages } from "./verify-images.ts";
import type { ImageVerdict, VerifyImagesTerms } from "./verify-images.ts";

export interface VerifyInThreadsRequest {
  readonly references: readonly string[];
  readonly terms: VerifyImagesTerms;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** As many as there are processors, at most 4, unless given. */
  readonly threads?: number;
}

/** From so many images on, what a thread's start costs (a tenth of a second) is less than what it saves. */
const leastForThreads = 8;
const mostThreads = 4;

/**
 * Verifies images, in threads when there are many: the verdicts in the order of the references, each distinct one
 * verified once. Throws as `verifyImages`, and before anything is asked when a reference is none.
 */
export async function verifyInThreads(request: VerifyInThreadsRequest): Promise<ImageVerdict[]> {
  const { references, terms, environment, signal } = request;
  const distinct = distinctReferences(references);
  const threads = Math.min(request.threads ?? Math.min(availableParallelism(), mostThreads), distinct.length);
  const verdicts =
    threads < 2 || distinct.length < leastForThreads
      ? await verifyImages(openRegistry(environment, signal), distinct, terms, signal)
      : await startThreads(distinct, threads, request);
  const byReference = new Map(verdicts.map((verdict) => [verdict.reference, verdict]));
  return references.flatMap((reference) => byReference.get(reference) ?? []);
}

/** Loaded when needed: most calls name one image. */
async function startThreads(
  references: readonly string[],
  threads: number,
  { terms, environment, signal }: VerifyInThreadsRequest,
): Promise<ImageVerdict[]> {
  const { inThreads } = await import("./start-threads.ts");
  return inThreads(references, threads, { thread: "verify-images", terms, environment }, signal);
}
