import type { RegisterCommand } from "../commands.ts";
import { labOutcome, loadLab } from "./lab.ts";

export const registerPreview: RegisterCommand = (program, run) => {
  program
    .command("preview")
    .summary("the plan of a stack, on the real engine")
    .description(
      "Stack local is planned against the running lab. Any other stack needs --offline: it is planned with stand-ins, without credentials, and nothing is verified or changed.",
    )
    .option("--stack <name>", "which stack", "local")
    .option("--offline", "plan with stand-in providers, without network and credentials")
    .option("--json", "print one JSON document")
    .action((options: { stack: string; offline?: boolean }) =>
      run(async (context) => {
        const { labPreview } = await loadLab();
        return labOutcome(await labPreview(context, { stack: options.stack, offline: options.offline === true }));
      }),
    );
};
