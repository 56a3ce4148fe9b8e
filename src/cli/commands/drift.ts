import type { RegisterCommand } from "../commands.ts";

export const registerDrift: RegisterCommand = (program, run) => {
  program
    .command("drift")
    .summary("ask every provider whether a stack's resources are still as they were provisioned")
    .description(
      "Plans the stack after asking each provider how its resources are, and changes nothing, the state neither. Stack local is asked with the lab's engine and stand-ins, any other with the official pulumi on PATH and its credentials. Exits 1 when something differs, 3 when it could not be asked.",
    )
    .option("--stack <name>", "which stack", "local")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust drift
  make drift STACK=production

A change that was made in the program, and is not applied yet, shows as drift, too: run it on the commit that was applied.
To undo a drift, apply the stack again (pulumi up); to keep it, change the stack's file.`,
    )
    .action((options: { stack: string }) =>
      run(async (context) => {
        const { driftAction } = await import("../actions/drift.ts");
        return driftAction(options.stack, context);
      }),
    );
};
