import { Failure } from "../../core/failure.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** What tells long work with a child process to stop: the caller's AbortSignal, or a signal to this process. */
export interface Interruption {
  /** Aborted at the first interruption: end in good order. */
  readonly signal: AbortSignal;
  /** Aborted at the second: end at once. */
  readonly urgent: AbortSignal;
  /** Stops listening to the process's signals. */
  dispose(): void;
}

/**
 * Listens from now until `dispose`. Meanwhile a SIGINT does not end this process by itself: whoever listens must end
 * its children and throw `interrupted(…)`.
 */
export function listenForInterruption(given?: AbortSignal): Interruption {
  const first = new AbortController();
  const second = new AbortController();
  let processSignals = 0;
  const onSignal = (): void => {
    processSignals += 1;
    (processSignals === 1 ? first : second).abort();
  };
  const onAbort = (): void => {
    first.abort();
  };
  for (const name of signals) process.on(name, onSignal);
  if (given?.aborted === true) first.abort();
  given?.addEventListener("abort", onAbort, { once: true });
  return {
    signal: first.signal,
    urgent: second.signal,
    dispose: () => {
      for (const name of signals) process.off(name, onSignal);
      given?.removeEventListener("abort", onAbort);
    },
  };
}

/** The Failure for work that was interrupted; `what` is what was going on, `remedy` how to go on. */
export function interrupted(what: string, remedy: string): Failure {
  return new Failure({ code: "INTERRUPTED", kind: "unavailable", message: `Interrupted while ${what}.`, remedy });
}

/** Sends a signal to a child's process group, or to the child alone when it leads none; a process that has gone is no error. */
export function signalGroup(pid: number | undefined, signal: "SIGINT" | "SIGKILL"): void {
  if (pid === undefined) return;
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
      return;
    } catch {
      // ESRCH: no such group or process; try the next, else it has ended by itself.
    }
  }
}
