import { legible } from "../core/legible.ts";

/** One platform's rebuild, as the operation compares it. */
export interface RebuildModel {
  readonly platform: string;
  readonly released: string;
  readonly equal: boolean;
  readonly differences: readonly { readonly what: string; readonly released: string; readonly rebuilt: string }[];
  readonly facts: {
    readonly derivation: string;
    readonly narHash: string;
    readonly digest: string;
    readonly substituted: readonly string[];
  };
}

/** Paths that a statement lists by the thousand are not all shown. */
const shownPaths = 10;

/** A rebuild's result for people. */
export function rebuildLines({ platform, released, equal, differences, facts }: RebuildModel): string[] {
  const { substituted } = facts;
  const more = substituted.length - shownPaths;
  return [
    `${equal ? "✓" : "✗"} ${platform} ${released}: ${equal ? "rebuilt, byte for byte" : "the rebuild differs"}`,
    `  derivation ${facts.derivation}`,
    `  NAR ${facts.narHash}`,
    `  image ${facts.digest}`,
    ...differences.map((one) => `  ${one.what} differs: released ${one.released}, rebuilt ${one.rebuilt}`),
    ...(substituted.length === 0
      ? []
      : [
          `  does not count: ${substituted.length} inputs were neither built here nor signed by nixpkgs' public cache:`,
          ...substituted.slice(0, shownPaths).map((path) => `    ${legible(path)}`),
          ...(more > 0 ? [`    and ${more} more`] : []),
        ]),
  ];
}
