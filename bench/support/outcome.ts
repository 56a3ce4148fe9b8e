import { spawn } from "node:child_process";
import { once } from "node:events";

/** How a command ended. */
export interface Outcome {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs a command to its end, whatever that is; throws only when it could not start. */
export async function outcomeOf(
  command: readonly [string, ...string[]],
  options: { readonly environment: Readonly<Record<string, string>>; readonly signal: AbortSignal },
): Promise<Outcome> {
  const [program, ...args] = command;
  const { environment, signal } = options;
  const child = spawn(program, args, { env: environment, signal, stdio: ["ignore", "pipe", "pipe"] });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output: Buffer.concat(output).toString(), errors: Buffer.concat(errors).toString() };
}
