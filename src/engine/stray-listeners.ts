type Listener = (...args: unknown[]) => void;

let running = 0;
/** The process's listeners from before the first of the stretches that are open now. */
let before: { readonly exceptions: readonly Listener[]; readonly rejections: readonly Listener[] } | undefined;

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
 * that API listens for all uncaught errors of the process and reports them as the program's.
 * - Other listeners for unhandled rejections are set aside meanwhile: a command line's or a test runner's would take
 *   an error in an `apply` for a bug of the process.
 * - When the engine dies under a program, the API's listeners stay: a later bug would be swallowed, and the process
 *   would hang instead of ending. So they are removed when the last stretch ends.
 */
export function guardListeners(): () => void {
  if (running === 0) {
    before = { exceptions: listenersOf("uncaughtException"), rejections: listenersOf("unhandledRejection") };
    for (const listener of before.rejections) process.off("unhandledRejection", listener);
  }
  running += 1;
  return () => {
    running -= 1;
    if (running > 0 || before === undefined) return;
    const { exceptions, rejections } = before;
    for (const listener of listenersOf("uncaughtException")) {
      if (!exceptions.includes(listener)) process.off("uncaughtException", listener);
    }
    const tolerant = listenersOf("unhandledRejection").includes(onLateRefusal);
    process.removeAllListeners("unhandledRejection");
    for (const listener of rejections) process.on("unhandledRejection", listener);
    if (tolerant) tolerateLateRefusals();
  };
}

function listenersOf(event: "uncaughtException" | "unhandledRejection"): readonly Listener[] {
  return process.rawListeners(event) as Listener[];
}
