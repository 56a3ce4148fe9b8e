import { spawn } from "node:child_process";
import { once } from "node:events";

/** Runs a command to its end and returns what it printed; throws when it could not start or did not exit with 0. */
export async function runProcess(
  command: string,
  args: readonly string[],
  options: { readonly environment: Readonly<Record<string, string | undefined>>; readonly signal: AbortSignal },
): Promise<string> {
  const child = spawn(command, args, {
    env: options.environment,
    signal: options.signal,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) {
    const said = Buffer.concat(errors).toString().trim().slice(-500);
    throw new Error(`${command} ${args.join(" ")} ended with ${code ?? "a signal"}: ${said}`);
  }
  return Buffer.concat(output).toString().trim();
}
