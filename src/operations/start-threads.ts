import { Worker } from "node:worker_threads";
import { Failure } from "../core/failure.ts";
import { imagesAtOnce } from "./verify-images.ts";
import type { ImageVerdict } from "./verify-images.ts";
import type { ThreadAnswer, ThreadStart, ThreadTask } from "./verify-thread.ts";

/**
 * Verification is work for the processor. What lives long is small, so that a small young generation (MiB) costs no time,
 * and keeps the memory of all threads together below what one thread would take.
 */
const limits = { maxYoungGenerationSizeMb: 12 };

/** Verifies references in so many threads; the verdicts in no order. Throws as `verifyImages`. */
export async function inThreads(
  references: readonly string[],
  count: number,
  start: ThreadStart,
  signal: AbortSignal,
): Promise<ImageVerdict[]> {
  const pending = references.values();
  const workers = Array.from(
    { length: count },
    () => new Worker(threadUrl(), { workerData: start, resourceLimits: limits }),
  );
  const stopped = Promise.withResolvers<never>();
  const stop = (): void => {
    stopped.reject(signal.reason);
  };
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    const verdicts = await Promise.race([
      Promise.all(workers.map((worker) => verdictsOf(worker, pending))),
      stopped.promise,
    ]);
    return verdicts.flat();
  } finally {
    signal.removeEventListener("abort", stop);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** This file's ending is the thread's, too: TypeScript in a checkout, JavaScript in the package. */
function threadUrl(): URL {
  return new URL(import.meta.resolve(import.meta.url.endsWith(".ts") ? "./verify-thread.ts" : "./verify-thread.js"));
}

/** Gives a thread references for as long as there are any; its verdicts, once it has ended. */
function verdictsOf(worker: Worker, pending: IterableIterator<string>): Promise<ImageVerdict[]> {
  const verdicts: ImageVerdict[] = [];
  let underWay = 0;
  const next = (): void => {
    const { value } = pending.next() as { value: ThreadTask };
    if (value !== undefined) underWay += 1;
    if (value !== undefined || underWay === 0) worker.postMessage(value);
  };
  return new Promise((resolve, reject) => {
    worker.on("message", (answer: ThreadAnswer) => {
      if (answer.kind !== "verdict") {
        reject(thrownBy(answer));
        return;
      }
      underWay -= 1;
      verdicts.push(answer.verdict);
      next();
    });
    worker.on("error", reject);
    worker.on("exit", () => {
      // It ends by itself only when it was told so: nothing may be missing.
      if (underWay === 0) resolve(verdicts);
      else reject(new Error("a thread that verifies images has ended early"));
    });
    for (let started = 0; started < imagesAtOnce; started++) next();
  });
}

function thrownBy(answer: Exclude<ThreadAnswer, { kind: "verdict" }>): Error {
  if (answer.kind === "failed") return new Failure(answer.failure);
  const error = new Error(answer.message);
  if (answer.stack !== undefined) error.stack = answer.stack;
  return error;
}
