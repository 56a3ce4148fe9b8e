import type { ReleaseListOptions } from "../actions/release-list.ts";
import type { ReleaseSetOptions } from "../actions/release-set.ts";
import type { ReleaseTagOptions } from "../actions/release-tag.ts";
import type { RegisterCommand } from "../commands.ts";
import { quoteRootOption } from "./signer-release-options.ts";

export const registerRelease: RegisterCommand = (program, run) => {
  const release = program.command("release").summary("say or change which releases a stack names, or tag one");
  release
    .command("set")
    .summary("verify a release, and make it the current one of its image in a stack's file")
    .description(
      "Resolves the reference to a digest once, verifies it under the stack's policy and root, and only when it is proven edits neko-trust:releases in stacks/Pulumi.<stack>.yaml: the digest becomes current, the one before the first of retained. Everything else in the file stays byte for byte. Exits 1 when the release is refused, and changes nothing then.",
    )
    .argument("<stack>", "the stack whose file is edited")
    .argument("<reference>", "registry/path@sha256:… (or :tag, resolved once)")
    .option("--as-signer", "make it the release of the stack's signer: signerRelease, with its policy, root and disk")
    .option("--drop-old", "do not retain the digest that was current")
    .option("--retain <count>", "retain at most so many digests, the latest ones; all unless given")
    .option("--dry-run", "verify, and show the change without making it")
    .option(...quoteRootOption)
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust release set staging ghcr.io/m1k1o/neko/base:1.2.3
  neko-trust release set production ghcr.io/m1k1o/neko/base@sha256:… --retain 2 --dry-run
  neko-trust release set production ghcr.io/m1k1o/neko/signer:1.2.3 --as-signer

Refuses a release that is not proven, or that is older than the current one (unless freshness.rollback of the policy
names it), and a file that it can't edit without touching more than the change.

With --as-signer the release is verified under the policy and root of signerRelease, and its disk is the image of its one
platform, whose layer has to be what the manifest names. current and disk become the release's; what was there moves to
retained and retainedDisks, which hold one at most: the key broker serves no more.`,
    )
    .action((stack: string, reference: string, options: ReleaseSetOptions) =>
      run(async (context) => {
        const { releaseSetAction } = await import("../actions/release-set.ts");
        return releaseSetAction(stack, reference, options, context);
      }),
    );
  release
    .command("list")
    .summary("say which releases a stack names")
    .description(
      "Prints each release of stacks/Pulumi.<stack>.yaml as registry/path@digest: the current one, and those that are retained; nothing of an image that has no release yet. Nothing is asked or verified; verify-image --stack does that.",
    )
    .argument("<stack>", "the stack whose file is read")
    .option("--as-signer", "the signer's own release, of the stack's signerRelease, in the place of the others")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust release list production
  neko-trust release list production | neko-trust verify-image --file - --stack production`,
    )
    .action((stack: string, options: ReleaseListOptions) =>
      run(async (context) => {
        const { releaseListAction } = await import("../actions/release-list.ts");
        return releaseListAction(stack, options, context);
      }),
    );
  release
    .command("tag")
    .summary("verify a release, and give it a tag in the registry")
    .description(
      "Verifies the digest under the stack's policy and root, and only when it is proven writes the tag: it then names the very bytes that were verified. Exits 1 when the release is refused or the tag names another digest, and changes nothing then.",
    )
    .argument("<stack>", "the stack whose policy and root it is verified under")
    .argument("<reference>", "registry/path@sha256:…")
    .argument("<tag>", "the tag, for example 3.1.6")
    .option("--as-signer", "verify the signer's own release, under the policy and root of the stack's signerRelease")
    .option("--move", "move a tag that names another digest")
    .option(...quoteRootOption)
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust release tag production ghcr.io/m1k1o/neko/base@sha256:… 3.1.6
  neko-trust release tag production ghcr.io/m1k1o/neko/base@sha256:… 3.1 --move
  neko-trust release tag production ghcr.io/m1k1o/neko/signer@sha256:… 3.1.6 --as-signer

Tags are for people who look for a version. Stacks, clusters and this project's commands go by digest.`,
    )
    .action((stack: string, reference: string, tag: string, options: ReleaseTagOptions) =>
      run(async (context) => {
        const { releaseTagAction } = await import("../actions/release-tag.ts");
        return releaseTagAction(stack, reference, tag, options, context);
      }),
    );
  release
    .command("candidate")
    .summary("ask the confidential signer for its signature of a release")
    .description(
      "The signer sees only what a tag names, and a version's own tag comes when nothing lacks. Where the stack's policy has tee, verifies the digest under it, but for the rebuilds and the attested signature, which others add later, and gives it the tag candidate-<version>, which moves. Where the policy has no tee, does nothing. Exits 1 when the release is refused, and changes nothing then.",
    )
    .argument("<stack>", "the stack whose policy and root it is verified under")
    .argument("<reference>", "registry/path@sha256:…")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Example:
  neko-trust release candidate production ghcr.io/m1k1o/neko/base@sha256:…

The release workflow does this once it has signed, and then waits with verify-image --wait-for-rebuilds. Deploy no
candidate: no stack whose policy has tee would take it.`,
    )
    .action((stack: string, reference: string) =>
      run(async (context) => {
        const { releaseCandidateAction } = await import("../actions/release-tag.ts");
        return releaseCandidateAction(stack, reference, context);
      }),
    );
};
