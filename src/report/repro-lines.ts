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

/** A repro-check's result for people. */
export function reproLines({ installable, derivation, equal, outputs, left }: ReproModel): string[] {
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
