import { runBounded } from "../processes/run-bounded.ts";

const maxOutputBytes = 256 * 1024;
const maxMilliseconds = 5 * 60 * 1000;

/**
 * What diffoscope says of two trees, as lines, `maxLines` at most; undefined when it is not on PATH or gave nothing in
 * five minutes. Throws the signal's reason.
 */
export async function runDiffoscope(
  first: string,
  second: string,
  options: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly signal?: AbortSignal | undefined;
    readonly maxLines: number;
  },
): Promise<readonly string[] | undefined> {
  const timeout = AbortSignal.timeout(maxMilliseconds);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  try {
    const { stdout } = await runBounded({
      program: "diffoscope",
      args: ["--no-progress", "--text", "-", "--max-text-report-size", String(maxOutputBytes), first, second],
      environment: options.environment,
      signal,
      maxOutputBytes,
    });
    const lines = stdout.toString("utf8").trimEnd().split("\n");
    return lines.length === 1 && lines[0] === "" ? undefined : lines.slice(0, options.maxLines);
  } catch {
    // It only adds to what was found: absent or too slow, it is left out.
    options.signal?.throwIfAborted();
    return undefined;
  }
}
