import type { RegisterCommand } from "../commands.ts";

export const registerAdopt: RegisterCommand = (program, run) => {
  program
    .command("adopt")
    .summary("look for what a stack would create and exists already, and set its components to take it over")
    .description(
      "Asks GitHub for the repository and its rulesets, and Google for the workload identity pool and the key ring, and writes the adopt settings into stacks/Pulumi.<stack>.yaml; everything else in the file stays. The next update imports what is named there instead of creating it. What was deleted and is kept by Google gets the command that brings it back. Exits 3 when something could not be asked.",
    )
    .option("--stack <name>", "which stack; any but local, where nothing exists beforehand", "local")
    .option("--dry-run", "look, and change nothing")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  make adopt STACK=platform
  neko-trust adopt --stack platform --dry-run

GitHub is asked with GH_TOKEN or GITHUB_TOKEN, Google with GOOGLE_OAUTH_ACCESS_TOKEN or gcloud's application default
credentials. After the update that imported them the adopt settings may stay: what is in the state is not imported again.`,
    )
    .action((options: { stack: string; dryRun?: boolean }) =>
      run(async (context) => {
        const { adoptAction } = await import("../actions/adopt.ts");
        return adoptAction(options, context);
      }),
    );
};
