import { Failure } from "../../core/failure.ts";
import { reproCheck } from "../../operations/repro-check.ts";
import type { ReproAgainst, ReproResult } from "../../operations/repro-check.ts";
import { withParts } from "../../operations/repro-parts.ts";
import { reproLines } from "../../report/repro-lines.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { installableOf, nixOf } from "./nix-options.ts";

export interface ReproCheckOptions {
  readonly file?: string;
  readonly times?: string;
  readonly store?: string;
  readonly builders?: string;
  readonly parts?: boolean;
  readonly option: readonly string[];
}

function againstOf({ times, store, builders }: ReproCheckOptions): ReproAgainst {
  const named = [times, store, builders].filter((value) => value !== undefined);
  if (named.length > 1 || named.includes("")) {
    throw new Failure({
      code: "REPRO_AGAINST_UNCLEAR",
      kind: "usage",
      message: "It isn't clear where the second build is to be made.",
      remedy: "Give one of --times (this store), --store (another one) and --builders (other machines), with a value.",
    });
  }
  if (store !== undefined) return { kind: "store", store };
  if (builders !== undefined) return { kind: "builders", builders };
  if (times === undefined) return { kind: "same", times: 2 };
  if (/^(?:[2-9]|[1-9][0-9])$/.test(times)) return { kind: "same", times: Number(times) };
  throw new Failure({
    code: "REPRO_TIMES_INVALID",
    kind: "usage",
    message: `--times must be a number from 2 to 99, not ${JSON.stringify(times)}.`,
    remedy: "Give how many builds are to be compared, for example --times 3.",
  });
}

/** The action of `repro-check`. */
export async function reproCheckAction(
  installables: readonly string[],
  options: ReproCheckOptions,
  context: CommandContext,
): Promise<Outcome> {
  const against = againstOf(options);
  const unnamed = installables.length === 0;
  const named = (unnamed ? [undefined] : installables).map((text) => installableOf(text, options.file, ".#image"));
  const nix = nixOf({ option: options.option }, context);
  const version = await nix.version();
  // The project's own image is checked whole.
  const parts = options.parts ?? (unnamed && options.file === undefined);
  const wanted = parts ? (await Promise.all(named.map((each) => withParts(nix, each)))).flat() : named;
  const results: ReproResult[] = [];
  for (const installable of wanted) {
    results.push(await reproCheck(nix, { installable, against, progress: context.progress }));
  }
  const ok = results.every(({ equal }) => equal);
  return {
    exitCode: ok ? exitCodes.done : exitCodes.refused,
    lines: reproLines(results),
    document: { ok, nix: version, results },
  };
}
