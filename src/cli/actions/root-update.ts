import { readTufSource } from "../../operations/read-tuf-source.ts";
import { openStackFile } from "../../operations/edit-stack-file.ts";
import type { OpenStackFile } from "../../operations/edit-stack-file.ts";
import { updateRoot } from "../../operations/update-root.ts";
import type { UpdateRootResult } from "../../operations/update-root.ts";
import { drawFindings } from "../../report/chain-tree.ts";
import { drawRootChanges } from "../../report/root-changes.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";

export interface RootUpdateOptions {
  readonly tufMirror?: string;
  readonly tufRoot?: string;
  readonly dryRun?: boolean;
}

/** The action of `root update`. */
export async function rootUpdateAction(
  stack: string,
  options: RootUpdateOptions,
  context: CommandContext,
): Promise<Outcome> {
  const { directories, signal } = context;
  const source = readTufSource({ mirror: options.tufMirror, rootFile: options.tufRoot });
  const open = openStackFile(stack, directories);
  const request = { ...source, dryRun: options.dryRun === true, now: context.now(), signal };
  return outcomeOf(open, await updateRoot(open, request, directories));
}

function outcomeOf({ stack, file }: OpenStackFile, result: UpdateRootResult): Outcome {
  const { mirror } = result;
  if (result.kind === "refused") {
    return {
      exitCode: exitCodes.refused,
      lines: [
        `✗ the root from ${mirror} is refused for stack ${stack}`,
        ...drawFindings(result.findings),
        `${file} was not changed.`,
      ],
      document: { ok: false, stack, file, mirror, written: false, findings: result.findings },
    };
  }
  const { before, after, changes, rootFile, signerReleaseToo, written, notes } = result;
  const same = before.sha256 === after.sha256;
  const widened = changes.filter((change) => change.widened === true).length;
  return {
    exitCode: exitCodes.done,
    lines: [
      `✓ trusted_root.json of ${mirror}, verified over TUF`,
      ...drawRootChanges(changes),
      "",
      same
        ? `The same root as before (sha256 ${after.sha256}): only its date moves.`
        : `sha256   ${before.sha256}\n      →  ${after.sha256}`,
      `fetched  ${before.fetched} → ${after.fetched}`,
      ...(signerReleaseToo ? ["signerRelease.policy pins the same root: the same there."] : []),
      ...(widened > 0
        ? [`note: ${widened} validity widened: what was not accepted before is accepted now. Ask why.`]
        : []),
      ...notes.map((note) => `note: ${note}`),
      written
        ? `to do: review the keys, commit ${same ? file : `${file} and ${rootFile}`}, and preview the stack: pulumi preview -s ${stack}.`
        : "Not written (--dry-run). To make the change, run the same command without it.",
    ].flatMap((line) => line.split("\n")),
    document: {
      ...{ ok: true, stack, file, rootFile, mirror, same, before, after },
      ...{ changes, signerReleaseToo, notes, written },
    },
  };
}
