import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { Failure, reasonOf } from "../core/failure.ts";
import type { FailureDetail } from "../core/failure.ts";
import { openRegistry } from "./open-registry.ts";
import { detailOf, verdictOf } from "./verify-images.ts";
import type { ImageVerdict, VerifyImagesTerms } from "./verify-images.ts";

/**
 * A thread that verifies images: references come in, one message each, and verdicts go out. It ends when it is told that
 * there are no more. Started by verify-in-threads.ts alone.
 */

/** What a thread is started with. */
export interface ThreadStart {
  readonly thread: "verify-images";
  readonly terms: VerifyImagesTerms;
  /** For the registry's credentials. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A reference to verify, or undefined when there are no more. */
export type ThreadTask = string | undefined;

export type ThreadAnswer =
  | { readonly kind: "verdict"; readonly verdict: ImageVerdict }
  /** What ends the whole call. */
  | { readonly kind: "failed"; readonly failure: FailureDetail }
  | { readonly kind: "bug"; readonly message: string; readonly stack: string | undefined };

function isStart(data: unknown): data is ThreadStart {
  return typeof data === "object" && data !== null && "thread" in data && data.thread === "verify-images";
}

function serve(port: NonNullable<typeof parentPort>, { terms, environment }: ThreadStart): void {
  const client = openRegistry(environment);
  const answer = async (reference: string): Promise<ThreadAnswer> => {
    try {
      return { kind: "verdict", verdict: await verdictOf(client, reference, terms) };
    } catch (error) {
      if (error instanceof Failure) return { kind: "failed", failure: detailOf(error) };
      return { kind: "bug", message: reasonOf(error), stack: error instanceof Error ? error.stack : undefined };
    }
  };
  port.on("message", (task: ThreadTask) => {
    if (task === undefined) port.close();
    else
      void answer(task).then((each) => {
        port.postMessage(each);
      });
  });
}

if (!isMainThread && parentPort !== null && isStart(workerData)) serve(parentPort, workerData);
