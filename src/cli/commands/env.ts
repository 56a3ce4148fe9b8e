import type { RegisterCommand } from "../commands.ts";
import { labOutcome, loadLab } from "./lab.ts";

export const registerEnv: RegisterCommand = (program, run) => {
  program
    .command("env")
    .summary("print the environment that attaches the official Pulumi CLI to the running lab")
    .description('Prints export lines for a POSIX shell: eval "$(npx neko-trust env)", then pulumi preview -s local.')
    .option("--json", "print one JSON document")
    .action(() =>
      run(async (context) => {
        const { labEnvironment } = await loadLab();
        return labOutcome(await labEnvironment(context));
      }),
    );
};
