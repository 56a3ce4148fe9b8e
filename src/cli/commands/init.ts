import { collect } from "../collect.ts";
import type { InitOptions } from "../actions/init.ts";
import type { RegisterCommand } from "../commands.ts";

export const registerInit: RegisterCommand = (program, run) => {
  program
    .command("init")
    .summary("fill in a stack's placeholders, and make the place for its state and secrets")
    .description(
      "Asks on a terminal for each placeholder in stacks/Pulumi.<stack>.yaml and writes the answers there, comments and all else staying as they are. Then makes the bucket for the state (with versions), the key for the secrets and the stack itself, with gcloud and pulumi: after a yes, else they are printed and not run. Everything may be done again. Exits 2 while a placeholder is left, 3 when a command failed or a tool is absent.",
    )
    .option("--stack <name>", "which stack; any but local, which needs nothing", "local")
    .option("--set <path=value>", "an answer, given here instead of on a terminal; may be repeated", collect, [])
    .option("--project <id>", "the Google Cloud project of the bucket and the key; the stack's own unless given")
    .option("--location <region>", "where they are; the stack's own region unless given")
    .option("--bucket <name>", "the bucket; <project of the platform stack>-neko-trust-state unless given")
    .option("--key-ring <name>", "the key ring", "neko-trust-state")
    .option("--yes", "run the commands without asking")
    .option("--dry-run", "change nothing, and show what would be done")
    .option("--json", "print one JSON document; nothing is asked then")
    .addHelpText(
      "after",
      `
Examples:
  make init STACK=staging
  neko-trust init --stack staging --set gcp.project=acme-staging --set githubOwner=acme --yes
  neko-trust init --stack production --dry-run

A secret is asked for without showing it, and handed to pulumi by its standard input: it is in no file, no list of
processes and no output. A placeholder that stands at several places is asked for once.`,
    )
    .action((options: InitOptions) =>
      run(async (context) => {
        const { initAction } = await import("../actions/init.ts");
        return initAction(options, context);
      }),
    );
};
