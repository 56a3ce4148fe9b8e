import { Failure } from "../../core/failure.ts";
import type { RegisterCommand } from "../commands.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";

/** The lab is part of a checkout, not of the npm package. */
export async function loadLab() {
  try {
    return await import("../../../lab/lab.ts");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") {
      throw new Failure(
        {
          code: "LAB_NOT_SHIPPED",
          kind: "usage",
          message: "The lab belongs to a checkout of neko-trust; this copy has none.",
          remedy: "Clone the repository and run the command there.",
        },
        { cause: error },
      );
    }
    throw error;
  }
}

/** A lab command's report as the outcome of a command. */
export function labOutcome(report: {
  readonly healthy: boolean;
  readonly lines: readonly string[];
  readonly document: unknown;
}): Outcome {
  const { healthy, lines, document } = report;
  return { exitCode: healthy ? exitCodes.done : exitCodes.unavailable, lines, document };
}

export const registerLab: RegisterCommand = (program, run) => {
  const lab = program.command("lab").summary("start or stop the embedded default (what make up and make down call)");
  lab
    .command("up")
    .summary("start the lab, verify a sample release, provision stack local from it")
    .option("--cluster", "apply to a real API server, built and started here")
    .option("--json", "print one JSON document")
    .action((options: { cluster?: boolean }) =>
      run(async (context) => {
        const { labUp } = await loadLab();
        return labOutcome(await labUp(context, { cluster: options.cluster === true }));
      }),
    );
  lab
    .command("down")
    .summary("stop the lab and remove its processes, state and roots; caches stay")
    .option("--json", "print one JSON document")
    .action(() =>
      run(async (context) => {
        const { labDown } = await loadLab();
        return labOutcome(await labDown(context));
      }),
    );
  lab
    .command("token")
    .summary("print an identity token of the running lab's issuer, to sign by hand")
    .description(
      "Prints a token, good for five minutes, for the workflow run that stack local trusts. It is worth nothing outside this lab.",
    )
    .option("--ref <ref>", "the run's ref; the sample release's tag unless given")
    .option("--sha <commit>", "the run's commit; the sample release's unless given")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Example:
  $ neko-trust lab token | neko-trust sign-image <reference> --identity-token-file - --signing-config <path that status prints>`,
    )
    .action((options: { ref?: string; sha?: string }) =>
      run(async (context) => {
        const { labToken } = await loadLab();
        return labOutcome(await labToken(context, options));
      }),
    );
};
