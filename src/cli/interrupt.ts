import { Failure } from "../core/failure.ts";
import { exitCodes } from "./outcome.ts";

/**
 * One Ctrl-C arrives more than once: the terminal sends it to every process of the group, and npx and
 * bin/neko-trust.mjs pass on what they get. Within this time it is the same one.
 */
const sameMilliseconds = 500;

/** Aborts the signal at the first SIGINT or SIGTERM, with INTERRUPTED as its reason; a later second one ends the process. */
export function onInterrupt(): { readonly signal: AbortSignal; readonly stop: () => void } {
  const controller = new AbortController();
  let first: number | undefined;
  const handle = (): void => {
    const now = performance.now();
    if (first !== undefined && now - first > sameMilliseconds) process.exit(exitCodes.interrupted);
    if (first !== undefined) return;
    first = now;
    controller.abort(
      new Failure({
        code: "INTERRUPTED",
        kind: "unavailable",
        message: "Interrupted.",
        remedy: "Run the same command again: it goes on from what is there.",
      }),
    );
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const name of signals) process.on(name, handle);
  return {
    signal: controller.signal,
    stop: () => {
      // Once interrupted, the process is about to end: the same Ctrl-C, coming again, must not end it by its signal.
      if (first !== undefined) return;
      for (const name of signals) process.removeListener(name, handle);
    },
  };
}
