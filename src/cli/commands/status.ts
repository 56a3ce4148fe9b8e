import type { RegisterCommand } from "../commands.ts";
import { labOutcome, loadLab } from "./lab.ts";

export const registerStatus: RegisterCommand = (program, run) => {
  program
    .command("status")
    .summary("what runs, which releases stack local has, what happened to each resource")
    .description("Exits 0 when every service of the lab runs, 3 when one doesn't.")
    .option("--json", "print one JSON document")
    .action(() =>
      run(async (context) => {
        const { labStatus } = await loadLab();
        return labOutcome(labStatus(context));
      }),
    );
};
