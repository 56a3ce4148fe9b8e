import { openPinLookups } from "../../operations/open-pin-lookups.ts";
import { pinTitle } from "../../operations/pin-entries.ts";
import { openPins, resolvePins } from "../../operations/resolve-pins.ts";
import type { PinResult, ResolvePinsResult } from "../../operations/resolve-pins.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { ExitCode, Outcome } from "../outcome.ts";
import { legible } from "../../core/legible.ts";

export interface PinOptions {
  readonly check?: boolean;
}

/** The action of `pin`. */
export async function pinAction(
  names: readonly string[],
  options: PinOptions,
  { directories, environment, signal, progress }: CommandContext,
): Promise<Outcome> {
  const check = options.check === true;
  const open = openPins(directories.checkout);
  progress(check ? "asking what each tag means now …" : "asking for what is unresolved …");
  return outcomeOf(await resolvePins(open, { names, check }, openPinLookups(environment, signal)), check);
}

function outcomeOf({ results, written }: ResolvePinsResult, check: boolean): Outcome {
  const refused = results.filter(({ kind }) => kind === "moved" || kind === "absent" || kind === "contradicted");
  const unavailable = results.filter(({ kind }) => kind === "unavailable");
  return {
    exitCode: exitCodeOf(refused.length, unavailable.length),
    lines: [
      ...results.flatMap(resultLines),
      ...(written ? ["pins.yaml was written: review it with git diff pins.yaml, and commit it."] : []),
      ...(!written && !check ? ["pins.yaml was not changed."] : []),
      ...(unavailable.length > 0
        ? [`to do: ${unavailable.length} could not be asked; run the same command where they can be reached.`]
        : []),
    ],
    document: {
      ok: refused.length === 0 && unavailable.length === 0,
      written,
      pins: results.map(({ entry: { kind, name, version }, ...result }) => ({
        pin: `${kind}/${name}`,
        version,
        ...plain(result),
      })),
    },
  };
}

function exitCodeOf(refused: number, unavailable: number): ExitCode {
  if (refused > 0) return exitCodes.refused;
  return unavailable > 0 ? exitCodes.unavailable : exitCodes.done;
}

/** The result for programs: its kind is called `result`, so that it is not taken for the pin's. */
function plain({ kind, ...rest }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { result: kind, ...rest };
}

function resultLines(result: PinResult): string[] {
  const title = `${pinTitle(result.entry)} ${result.entry.version}`;
  switch (result.kind) {
    case "resolved":
      return [`✓ ${title}`, ...result.fields.map(({ path, value }) => `    ${path.join(" ")}: ${value}`)];
    case "confirmed":
      return [`✓ ${title}: as pinned`];
    case "kept":
      return [`✓ ${title}: pinned already`];
    case "unresolved":
      return [`○ ${title}: unresolved, nothing to compare`];
    case "moved":
      return [
        `✗ ${title}: MOVED. What is pinned is not what this version means now; find out why before you change anything`,
        ...result.differences.map(({ path, pinned, now }) => `    ${path.join(" ")}: pinned ${pinned}, now ${now}`),
      ];
    case "absent":
      return [`✗ ${title}: ${legible(result.detail)}`];
    case "contradicted":
      return [`✗ ${title}: two sources don't agree: ${legible(result.detail)}`];
    case "unavailable":
      return [`? ${title}: could not ask: ${legible(result.detail)}`];
  }
}
