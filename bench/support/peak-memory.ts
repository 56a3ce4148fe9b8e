import { join } from "node:path";
import { outcomeOf } from "./outcome.ts";

/** The most memory that a run of Node has with these arguments, in MiB; throws when it does not exit with 0. */
export async function peakMemory(
  args: readonly string[],
  options: {
    readonly checkout: string;
    readonly environment: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
): Promise<number> {
  const hook = join(options.checkout, "bench", "programs", "peak-memory.mjs");
  const { code, errors } = await outcomeOf([process.execPath, "--import", hook, ...args], options);
  const kibibytes = /\npeak ([0-9]+) KiB\n$/.exec(errors)?.[1];
  if (code !== 0 || kibibytes === undefined) throw new Error(`node ${args.join(" ")}: ${errors.slice(-500)}`);
  return Number(kibibytes) / 1024;
}
