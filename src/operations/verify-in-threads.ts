import { availableParallelism } from "node:os";
import { openRegistry } from "./open-registry.ts";
import { distinctReferences, verifyImages } from "./verify-images.ts";
import type { ImageVerdict, VerifyImagesTerms } from "./verify-images.ts";

export interface VerifyInThreadsRequest {
  readonly references: readonly string[];
  readonly terms: VerifyImagesTerms;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** One below 24 images, else two where there are two processors, unless given. */
  readonly threads?: number;
}

/** From so many images on, what threads cost (each loads and warms up the same code) is less than what they save. */
const leastForThreads = 24;
/** Each takes some 70 MiB, and a command may take 200 (docs/benchmarks.md). */
const mostThreads = 2;

/**
 * Verifies images, in threads when there are many: the verdicts in the order of the references, each distinct one
 * verified once. Throws as `verifyImages`, and before anything is asked when a reference is none.
 */
export async function verifyInThreads(request: VerifyInThreadsRequest): Promise<ImageVerdict[]> {
  const { references, terms, environment, signal } = request;
  const distinct = distinctReferences(references);
  const wanted = distinct.length < leastForThreads ? 1 : Math.min(availableParallelism(), mostThreads);
  const threads = Math.min(request.threads ?? wanted, distinct.length);
  const verdicts =
    threads > 1
      ? await startThreads(distinct, threads, request)
      : await verifyImages(openRegistry(environment, signal), distinct, terms, signal);
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
