import { legible } from "../core/legible.ts";

/** Two builds of each output, as the operation compares them. */
export interface ReproModel {
  readonly installable: string;
  readonly derivation: string;
  readonly equal: boolean;
  readonly outputs: readonly {
    readonly output: string;
    readonly storePath: string;
    readonly equal: boolean;
    readonly narHashes: readonly [string, string];
    readonly images?: readonly [string | undefined, string | undefined];
    readonly differences: readonly {
      readonly path: string;
      readonly what: string;
      readonly first: string;
      readonly second: string;
      readonly offset?: number;
    }[];
    readonly diffoscope?: readonly string[];
  }[];
  readonly left: readonly string[];
}

/** A repro-check's results for people: of several, a table of them comes first. */
export function reproLines(results: readonly ReproModel[]): string[] {
  return [...(results.length > 1 ? table(results) : []), ...results.flatMap(resultLines)];
}

function table(results: readonly ReproModel[]): string[] {
  const differing = results.filter(({ equal }) => !equal).length;
  const width = Math.max(...results.map(({ installable }) => legible(installable).length));
  return [
    differing === 0
      ? `✓ all ${results.length} give the same bytes in every build`
      : `✗ ${differing} of ${results.length} differ between builds`,
    ...results.map((result) => {
      const name = legible(result.installable);
      if (result.equal) return `  ✓ equal    ${name}`;
      return `  ✗ differs  ${name.padEnd(width)}  ${firstDifference(result)}`.trimEnd();
    }),
    "",
  ];
}

/** Where to look first. */
function firstDifference({ outputs }: ReproModel): string {
  const [output] = outputs.filter(({ equal }) => !equal);
  const [first, ...more] = output?.differences ?? [];
  if (output === undefined || first === undefined) return "";
  return `${legible(output.output)}: ${legible(first.path)}${more.length === 0 ? "" : `, and ${more.length} more`}`;
}

function resultLines({ installable, derivation, equal, outputs, left }: ReproModel): string[] {
  return [
    equal
      ? `✓ ${legible(installable)}: every build gives the same bytes`
      : `✗ ${legible(installable)}: the builds differ`,
    `  derivation ${derivation}`,
    ...outputs.flatMap((output) => [
      `  ${output.equal ? "✓" : "✗"} ${output.output} ${output.storePath}`,
      ...pair("NAR", output.narHashes),
      ...(output.images === undefined ? [] : pair("image", output.images)),
      ...output.differences.map(differenceLine),
      ...(output.diffoscope === undefined
        ? []
        : ["    diffoscope:", ...output.diffoscope.map((line) => `      ${line}`)]),
    ]),
    ...left.map((place) => `  left behind, as this user may not remove it: ${place}`),
  ];
}

function pair(what: string, [first, second]: readonly [string | undefined, string | undefined]): string[] {
  if (first === second) return [`    ${what} ${first ?? "none"}`];
  return [`    ${what}, first build:  ${first ?? "none"}`, `    ${what}, second build: ${second ?? "none"}`];
}

function differenceLine({
  path,
  what,
  first,
  second,
  offset,
}: ReproModel["outputs"][number]["differences"][number]): string {
  const at = offset === undefined ? "" : `, first at byte ${offset}`;
  const values = first === second ? first : `${legible(first)} against ${legible(second)}`;
  return `    ${legible(path)}: ${what} differs: ${values}${at}`;
}
