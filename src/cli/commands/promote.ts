import type { PromoteOptions } from "../actions/promote.ts";
import type { RegisterCommand } from "../commands.ts";
import { quoteRootOption } from "./signer-release-options.ts";

export const registerPromote: RegisterCommand = (program, run) => {
  program
    .command("promote")
    .summary("give a stack the releases of another one, verified under its own policy")
    .description(
      "For each image that <from> names a release of, verifies that digest under the policy and root of <to>, in the repository where <to> has the image (by the name that both policies give it), and makes it current in the file of <to>. All or nothing: one release that is refused changes nothing, and exits 1.",
    )
    .argument("<from>", "the stack whose current releases are taken")
    .argument("<to>", "the stack whose file is edited")
    .option("--image <name>", "only this image, by its name in the policies")
    .option("--drop-old", "do not retain the digests that were current")
    .option("--retain <count>", "retain at most so many digests of an image, the latest ones; all unless given")
    .option("--dry-run", "verify, and show the change without making it")
    .option(...quoteRootOption)
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust promote staging production --dry-run
  neko-trust promote staging production --image neko --retain 3

What <from> trusts counts for nothing here: only the policy of <to> decides. Where <to> has a mirror of its own, the
image with its referrers has to be there already.`,
    )
    .action((from: string, to: string, options: PromoteOptions) =>
      run(async (context) => {
        const { promoteAction } = await import("../actions/promote.ts");
        return promoteAction(from, to, options, context);
      }),
    );
};
