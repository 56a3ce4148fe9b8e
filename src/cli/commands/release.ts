import type { ReleaseSetOptions } from "../actions/release-set.ts";
import type { RegisterCommand } from "../commands.ts";

export const registerRelease: RegisterCommand = (program, run) => {
  const release = program.command("release").summary("change which releases a stack names");
  release
    .command("set")
    .summary("verify a release, and make it the current one of its image in a stack's file")
    .description(
      "Resolves the reference to a digest once, verifies it under the stack's policy and root, and only when it is proven edits neko-trust:releases in stacks/Pulumi.<stack>.yaml: the digest becomes current, the one before the first of retained. Everything else in the file stays byte for byte. Exits 1 when the release is refused, and changes nothing then.",
    )
    .argument("<stack>", "the stack whose file is edited")
    .argument("<reference>", "registry/path@sha256:… (or :tag, resolved once)")
    .option("--drop-old", "do not retain the digest that was current")
    .option("--retain <count>", "retain at most so many digests, the latest ones; all unless given")
    .option("--dry-run", "verify, and show the change without making it")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust release set staging ghcr.io/m1k1o/neko/base:1.2.3
  neko-trust release set production ghcr.io/m1k1o/neko/base@sha256:… --retain 2 --dry-run

Refuses a release that is not proven, or that is older than the current one (unless freshness.rollback of the policy
names it), and a file that it can't edit without touching more than the change.`,
    )
    .action((stack: string, reference: string, options: ReleaseSetOptions) =>
      run(async (context) => {
        const { releaseSetAction } = await import("../actions/release-set.ts");
        return releaseSetAction(stack, reference, options, context);
      }),
    );
};
