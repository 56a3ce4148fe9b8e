import type { RebuildOptions } from "../actions/rebuild.ts";
import { collect } from "../collect.ts";
import { addSigningOptions, signingHelp } from "./signing-options.ts";
import type { RegisterCommand } from "../commands.ts";

export const registerRebuild: RegisterCommand = (program, run) => {
  const command = program
    .command("rebuild")
    .summary("rebuild a release independently, and state what came out")
    .description(
      "Verifies a release under a policy (but for its demand of rebuilds), builds each platform of this machine's system again from the release's own flake at its commit, without the project's caches and in a sandbox, and compares derivation, NAR hash and image digest with the release manifest. The statement is signed and published in the rebuilder's own repository, also when the rebuild differs; then the command exits 1 and says where.",
    )
    .argument("<reference>", "the release: registry/path@sha256:… (or :tag, resolved once)")
    .option("--stack <name>", "verify under this stack's policy and root")
    .option(
      "--as-signer",
      "with --stack: the signer's own release, verified under the policy of the stack's signerRelease",
    )
    .option("--policy <file>", "verify under this TrustPolicy (YAML or JSON); needs --trusted-root")
    .option("--trusted-root <file>", "the trusted_root.json that the policy pins")
    .option("--location <registry/path>", "the rebuilder's own repository, where its statement is published")
    .option("--output <file>", "write the statement's predicate here instead of signing and publishing it")
    .option("--builder-id <uri>", "with --output: the workflow with its ref that will sign (else the token's own)")
    .option("--platform <platform>", "rebuild this platform, repeatable (default: those of this system)", collect, [])
    .option("--attribute <name>", "the flake's output, or the file's attribute, that is the image", "image")
    .option("--flake <flake>", "build this flake instead, for example a checkout without network")
    .option("--file <file>", "build from this Nix file instead of a flake")
    .option("--store <uri>", "build in this store, for example a new folder, so that nothing is there already")
    .option(
      "--substituter <url>",
      "a cache that inputs may come from, repeatable (default: https://cache.nixos.org)",
      collect,
      [],
    )
    .option("--option <name=value>", "a setting for Nix, repeatable", collect, [])
    .option("--json", "print one JSON document");
  addSigningOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  neko-trust rebuild ghcr.io/m1k1o/neko/base:1.2.3 --stack production --location ghcr.io/rebuilder/neko-rebuilds
  neko-trust rebuild ghcr.io/m1k1o/neko/signer:1.2.3 --stack production --as-signer --attribute signer-image \\
    --location ghcr.io/rebuilder/neko-rebuilds
  neko-trust rebuild ghcr.io/m1k1o/neko/base:1.2.3 --stack production --output rebuild.json \\
    --builder-id https://github.com/rebuilder/neko/.github/workflows/rebuild.yml@refs/heads/master

A rebuild counts only when every input was built here, came from nixpkgs' public cache with its signature, or has a path
that follows from its contents; the statement lists all others.
${signingHelp}
A rebuild is signed keyless: one that is signed with a key counts for nobody. The token must outlive the build; GitHub
Actions' endpoint renews its own. When signing fails after a build, its predicate is kept in ./rebuild-<platform>.json.`,
    )
    .action((reference: string, options: RebuildOptions) =>
      run(async (context) => {
        const { rebuildAction } = await import("../actions/rebuild.ts");
        return rebuildAction(reference, options, context);
      }),
    );
};
