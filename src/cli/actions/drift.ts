import { stackFilePath } from "../../config/read-config.ts";
import { legible } from "../../core/legible.ts";
import { previewWithRefresh } from "../../engine/official-preview.ts";
import type { DriftedResource } from "../../engine/official-preview.ts";
import type { CommandContext } from "../context.ts";
import { loadLab } from "../commands/lab.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";

/** The action of `drift`. */
export async function driftAction(stack: string, context: CommandContext): Promise<Outcome> {
  const { directories, environment, signal, progress } = context;
  // Throws for a stack that has no file, before an engine is started.
  stackFilePath(stack, directories.checkout);
  progress(`asking about each resource of stack ${stack} …`);
  const drifted =
    stack === "local"
      ? await (await loadLab()).labDrift(context)
      : await previewWithRefresh(stack, { environment, checkout: directories.checkout, signal });
  if (drifted.length === 0) {
    const lines = [`✓ stack ${stack}: every resource is as it was provisioned`];
    return { exitCode: exitCodes.done, lines, document: { ok: true, stack, drifted } };
  }
  return {
    exitCode: exitCodes.refused,
    lines: [
      `✗ stack ${stack}: ${drifted.length} ${drifted.length === 1 ? "resource differs" : "resources differ"}`,
      ...drifted.map(driftLine),
      `to do: find out who changed it; pulumi up --stack ${stack} makes it as the program says.`,
    ],
    document: { ok: false, stack, drifted },
  };
}

/** What an update would do says what has happened. */
const meanings: Readonly<Record<string, string>> = {
  create: "is gone",
  update: "differs",
  delete: "is not in the program",
};

function driftLine({ op, type, name, properties }: DriftedResource): string {
  const what = meanings[op] ?? `differs (${op})`;
  const where = properties.length === 0 ? "" : `: ${properties.join(", ")}`;
  return legible(`  ${type} ${name} ${what}${where}`);
}
