import { Failure } from "../../core/failure.ts";
import { canonicalBytes } from "../../core/json/canonical-json.ts";
import { measureSigner } from "../../operations/measure-signer.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { assertOutput, writeOutput } from "./files.ts";

export interface MeasureSignerOptions {
  readonly uki?: string;
  readonly model?: string;
  readonly output?: string;
}

/** The action of `measure-signer`. */
export async function measureSignerAction(
  disk: string,
  options: MeasureSignerOptions,
  context: CommandContext,
): Promise<Outcome> {
  const { uki, model, output } = options;
  if (uki === undefined || model === undefined) {
    const lacking = [...(uki === undefined ? ["--uki"] : []), ...(model === undefined ? ["--model"] : [])];
    throw new Failure({
      code: "OPTION_MISSING",
      kind: "usage",
      message: `Not given: ${lacking.join(", ")}.`,
      remedy: "Give each of them; `neko-trust measure-signer --help` has an example.",
    });
  }
  if (output !== undefined) assertOutput("--output", output);
  const signer = await measureSigner({ disk, uki, model, signal: context.signal });
  const bytes = canonicalBytes(signer);
  if (output !== undefined) writeOutput("--output", output, bytes);
  const { measurements } = signer;
  const summary = [
    `✓ disk sha256:${signer.disk.sha256}`,
    `  model ${measurements.model}`,
    `  RTMR1 ${measurements.rtmr1}`,
    `  RTMR2 ${measurements.rtmr2}`,
  ];
  // What goes to standard output is the JSON alone, so that it can be piped; the words go beside it.
  if (output === undefined) for (const line of summary) context.progress(line);
  return {
    exitCode: exitCodes.done,
    lines: output === undefined ? [new TextDecoder().decode(bytes)] : [...summary, `  written to ${output}`],
    document: { ok: true, ...signer, ...(output === undefined ? {} : { output }) },
  };
}
