import type { PinOptions } from "../actions/pin.ts";
import type { RegisterCommand } from "../commands.ts";

export const registerPin: RegisterCommand = (program, run) => {
  program
    .command("pin")
    .summary("resolve and check the pins of what others made: images, charts, actions, plugins")
    .description(
      "Asks registries, chart repositories and GitHub for the digest of every pin that pins.yaml has as unresolved, and writes it there; everything else in the file stays byte for byte. A digest that is pinned is never changed. With --check it is compared with what its tag means now, and nothing is written. Exits 1 when a tag has moved or does not exist, 3 when something could not be asked; what could be resolved is written all the same.",
    )
    .argument("[names...]", "only these: kbs, or image/kbs where several kinds have the name; all unless given")
    .option("--check", "compare what is pinned with what each tag means now, and write nothing")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust pin
  neko-trust pin kyverno
  neko-trust pin image/kyverno --check

To move to another version, change version in pins.yaml, set its digest to unresolved, and run neko-trust pin.
GITHUB_TOKEN or GH_TOKEN, where set, raises GitHub's limit; a token without any permission is enough.
Registries are asked with docker's credentials, if there are any.`,
    )
    .action((names: string[], options: PinOptions) =>
      run(async (context) => {
        const { pinAction } = await import("../actions/pin.ts");
        return pinAction(names, options, context);
      }),
    );
};
