import type { PublishManifestOptions } from "../actions/publish-manifest.ts";
import { collect } from "../collect.ts";
import type { RegisterCommand } from "../commands.ts";

export const registerPublishManifest: RegisterCommand = (program, run) => {
  program
    .command("publish-manifest")
    .summary("make the release manifest of Nix builds: NAR hash and OCI digest of each platform")
    .description(
      "Reads each platform's OCI layout directory, what `nix path-info` recorded of it, and its SBOM; hashes everything again, makes the image index, and prints the release manifest that ties NAR hashes to OCI digests. Exits 1 when any two of them disagree. Attach it, signed, with attest-image --manifest.",
    )
    .option("--name <name>", "the product, as the policy's images[].name has it")
    .option("--version <version>", "the release's version, without v, for example 1.2.3")
    .option("--layout <platform=folder>", "the OCI layout directory of a platform, repeatable", collect, [])
    .option(
      "--path-info <platform=file>",
      "what `nix path-info --json --recursive` printed (default: Nix is asked, for a layout in its store), repeatable",
      collect,
      [],
    )
    .option("--sbom <platform=file>", "the SBOM in SPDX 2.3 or CycloneDX, JSON, repeatable", collect, [])
    .option(
      "--derivation <platform=path>",
      "the .drv that the layout was built by (default: path-info's deriver), repeatable",
      collect,
      [],
    )
    .option("--source-repository <url>", "https URL of the source's repository")
    .option("--source-commit <sha>", "the source's commit, 40 hex digits")
    .option("--source-nar-hash <sri>", "NAR hash of the source tree, as flake.lock has it")
    .option("--source-path <folder>", "the source tree itself, to be hashed (without .git)")
    .option("--flake-repository <url>", "https URL of the flake's repository (default: the source's)")
    .option("--flake-commit <sha>", "the flake's commit (default: the source's)")
    .option("--flake-lock <file>", "the flake.lock that was built with")
    .option("--source-date-epoch <seconds>", "time stamp of the files in the image (default: $SOURCE_DATE_EPOCH)")
    .option("--signer <file>", "only for the signer's release: what measure-signer printed of its disk image")
    .option("--environment <name>", "local, staging or production; local may lack derivation and closure", "production")
    .option("--output <file>", "write the manifest here (default: standard output)")
    .option("--index-output <file>", "write the image index here")
    .option(
      "--push <registry/path[:tag]>",
      "push every platform's image, then the index; refused when the version's tag names another one",
    )
    .option("--option <name=value>", "a setting for Nix, repeatable", collect, [])
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Example:
  nix build .#image && nix path-info --json --recursive ./result > path-info.json
  nix run .#sbom -- ./result --output sbom.spdx.json
  nix eval --json .#lib.release > facts.json && fact() { jq -er ".$1" facts.json; }
  neko-trust publish-manifest --name neko-base --version "$(fact version)" \\
    --layout linux/amd64=./result --path-info linux/amd64=path-info.json --sbom linux/amd64=sbom.spdx.json \\
    --source-repository "$(fact source.repository)" --source-commit "$(fact source.commit)" \\
    --source-nar-hash "$(fact source.narHash)" --source-date-epoch "$(fact sourceDateEpoch)" \\
    --flake-repository https://github.com/<owner>/neko --flake-commit "$(git rev-parse HEAD)" --flake-lock flake.lock \\
    --output release.json --push ghcr.io/<owner>/neko/base
  neko-trust attest-image ghcr.io/<owner>/neko/base@"$(jq -r .digest release.json)" --manifest release.json

It refuses a layout whose NAR hash is not what Nix recorded, blobs that don't hash to their names, more than one image or
another platform's, a path-info that is no whole closure, and an SBOM that lists another closure.`,
    )
    .action((options: PublishManifestOptions) =>
      run(async (context) => {
        const { publishManifestAction } = await import("../actions/publish-manifest.ts");
        return publishManifestAction(options, context);
      }),
    );
};
