import type { RootUpdateOptions } from "../actions/root-update.ts";
import type { RegisterCommand } from "../commands.ts";

export const registerRoot: RegisterCommand = (program, run) => {
  const root = program.command("root").summary("keep the Sigstore root that a stack pins up to date");
  root
    .command("update")
    .summary("fetch a stack's trusted root over TUF, show what changes, and pin it")
    .description(
      "Fetches trusted_root.json over TUF, shows each log and authority that is added, removed or changed with its key and validity, and writes the file that the stack's trustedRoot names together with roots.sigstore in its policy, and in signerRelease.policy where that pinned the same root: all or nothing. The same root again moves roots.sigstore.fetched only. Exits 1 when the repository or the root is refused, 3 when it can't be read.",
    )
    .argument("<stack>", "the stack whose root is updated")
    .option("--tuf-mirror <url>", "another TUF repository than that of the public-good Sigstore; needs --tuf-root")
    .option("--tuf-root <file>", "the root.json to start from, had from who runs that repository")
    .option("--dry-run", "fetch and compare, and change nothing")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust root update production --dry-run
  neko-trust root update production
  neko-trust root update staging --tuf-mirror https://tuf.example.org --tuf-root root.json

Refuses a repository that does not verify, has expired or offers older metadata than was seen before, and a root with a
key that has no start of validity. A new key is a new authority to trust: review the table before you commit.`,
    )
    .action((stack: string, options: RootUpdateOptions) =>
      run(async (context) => {
        const { rootUpdateAction } = await import("../actions/root-update.ts");
        return rootUpdateAction(stack, options, context);
      }),
    );
};
