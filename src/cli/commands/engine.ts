import type { RegisterCommand } from "../commands.ts";

export const registerEngine: RegisterCommand = (program, run) => {
  program
    .command("engine")
    .summary("find or build the Pulumi engine, and print the folder to put on PATH")
    .description(
      "Takes the pulumi on PATH where its version is one that this program works with, else builds the pinned one from source (once, into the cache). Where Pulumi's own pulumi-language-nodejs is missing, the folder has this checkout's in its place, so that pulumi runs the program. With --plugins it also installs the providers in the versions of pins.yaml, each against its pinned digest.",
    )
    .option("--plugins", "install the pinned provider plugins, too")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  PATH="$(neko-trust engine):$PATH" pulumi preview --stack staging
  neko-trust engine --plugins >>"$GITHUB_PATH"

Refuses a plugin whose digest nobody has resolved: neko-trust pin does that.`,
    )
    .action((options: { plugins?: boolean }) =>
      run(async (context) => {
        const { engineAction } = await import("../actions/engine.ts");
        return engineAction(options, context);
      }),
    );
};
