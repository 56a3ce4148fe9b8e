const events = ["uncaughtException", "unhandledRejection"] as const;
type Listener = (...args: unknown[]) => void;

let running = 0;
let before: Readonly<Record<(typeof events)[number], readonly Listener[]>> | undefined;

const reported = new WeakSet<Error>();

/** Notes an error of a program that its caller hears of: should the SDK reject another promise with it later, that is no news. */
export function markReported(error: Error): void {
  reported.add(error);
}

/**
 * After an engine that died or was cancelled, calls of the program that were on their way to it are refused one by one,
 * and nobody awaits them any more. From now on such a refusal (a gRPC status) does not end the process, nor does an
 * error that was reported; any other unhandled rejection still does.
 */
export function tolerateLateRefusals(): void {
  process.off("unhandledRejection", onLateRefusal);
  process.on("unhandledRejection", onLateRefusal);
}

function onLateRefusal(reason: unknown): void {
  // While an operation runs, the Automation API listens and reports.
  if (running > 0 || isGrpcStatus(reason) || (reason instanceof Error && reported.has(reason))) return;
  throw reason;
}

/** Whether an error is a gRPC call's status (@grpc/grpc-js: ServiceError), so the engine's word and not the program's. */
export function isGrpcStatus(error: unknown): boolean {
  return error instanceof Error && "code" in error && "details" in error && "metadata" in error;
}

/**
 * Guards a stretch in which the Automation API may run a program; returns what ends the stretch. While a program runs,
 * that API catches all uncaught errors of the process, and when the engine dies under it, it never stops: a later bug
 * would then be swallowed and the process would hang instead of ending. So what it leaves behind is removed when the
 * last stretch ends.
 */
export function guardListeners(): () => void {
  if (running === 0) before = { uncaughtException: listeners(0), unhandledRejection: listeners(1) };
  running += 1;
  return () => {
    running -= 1;
    if (running > 0 || before === undefined) return;
    for (const [index, event] of events.entries()) {
      const kept = before[event];
      const strays = listeners(index).filter((listener) => !kept.includes(listener) && listener !== onLateRefusal);
      for (const listener of strays) process.off(event, listener);
    }
  };
}

function listeners(index: number): readonly Listener[] {
  return process.rawListeners(events[index] ?? "uncaughtException") as Listener[];
}
