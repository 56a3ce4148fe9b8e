import { Failure } from "../../core/failure.ts";
import { legible } from "../../core/legible.ts";
import { adoptionAccess } from "../../operations/adoption-access.ts";
import { planAdoption } from "../../operations/adopt-existing.ts";
import type { Existing } from "../../operations/adopt-existing.ts";
import { editStackFile, openStackFile, writeStackFile } from "../../operations/edit-stack-file.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";

/** The action of `adopt`. */
export async function adoptAction(
  { stack, dryRun }: { readonly stack: string; readonly dryRun?: boolean },
  context: CommandContext,
): Promise<Outcome> {
  const { directories, environment, signal } = context;
  if (stack === "local") {
    throw new Failure({
      code: "ADOPT_LOCAL",
      kind: "usage",
      message: "Stack local lives on stand-ins: there is nothing that existed before it.",
      remedy: "Name another stack.",
    });
  }
  const open = openStackFile(stack, directories);
  const { github, google } = await adoptionAccess(environment, signal);
  const { found, changes } = await planAdoption(open.config, github, google);
  const edited = changes.length === 0 ? undefined : editStackFile(open, changes, directories);
  const written = edited !== undefined && dryRun !== true;
  if (written) writeStackFile(open, edited);
  const unanswered = found.some(({ state, what }) => state === "unknown" && !what.startsWith("namespaces"));
  const shown = changes.map(
    (change) => `${change.path.slice(1).join(".")}${change.kind === "put" ? `.${change.key}` : ""}`,
  );
  return {
    exitCode: unanswered ? exitCodes.unavailable : exitCodes.done,
    lines: [
      ...found.flatMap(foundLines),
      ...(found.length === 0 ? ["the stack has nothing that could exist beforehand"] : []),
      ...shown.map((path) => `${written ? "set" : "would set"} ${path}`),
      ...(written ? [`${open.file} was written: review it with git diff ${open.file}, and commit it.`] : []),
      ...(changes.length === 0 ? [`${open.file} needs no change.`] : []),
    ],
    document: { ok: !unanswered, stack, found, changes: shown, written },
  };
}

const marks = { there: "✓", "not there": "○", unknown: "?", deleted: "!" } as const;

function foundLines({ what, state, says, command }: Existing): string[] {
  const line = `${marks[state]} ${what}: ${state}; ${legible(says)}`;
  return command === undefined ? [line] : [line, `    ${command}`];
}
