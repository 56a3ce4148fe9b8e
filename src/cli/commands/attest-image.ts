import { Option } from "commander";
import type { AttestImageOptions } from "../actions/attest-image.ts";
import type { RegisterCommand } from "../commands.ts";
import { addSigningOptions, signingHelp } from "./signing-options.ts";

/** Gathers an option that may be given several times. */
function gather(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

export const registerAttestImage: RegisterCommand = (program, run) => {
  const command = program
    .command("attest-image")
    .summary("attach signed provenance, SBOMs, manifest, rebuilds or scans to an image")
    .description(
      "Resolves the reference to a digest once, checks what is given by the rules of verification, then signs it and attaches it as OCI 1.1 referrers: provenance, SBOMs, rebuilds and scans to the platforms' manifests, the release manifest and summaries to the index. When anything is invalid, nothing is attached.",
    )
    .argument("<reference>", "registry/path@sha256:… (or :tag, resolved once)")
    .addOption(
      new Option("--provenance [file]", "SLSA v1 provenance: of a file, or one made here for each platform")
        .preset("made")
        .argParser(gather),
    )
    .option("--attribute <name>", "the flake attribute that was built, for provenance that is made")
    .option("--flake-lock <file>", "the flake.lock of the build, for provenance that is made")
    .option("--sbom <file>", "an SBOM, SPDX 2.3 or CycloneDX JSON: file, or platform=file; may be repeated", gather)
    .option("--manifest <file>", "the release manifest that publish-manifest made")
    .option("--rebuild <file>", "an independent rebuild of a platform; may be repeated", gather)
    .option("--scan <file>", "a vulnerability scan: file, or platform=file; may be repeated", gather)
    .option("--vsa <file>", "a verification summary (SLSA VSA)")
    .option("--predicate <file>", "any other predicate, as JSON: file, or platform=file; needs --type")
    .option("--type <uri>", "the predicate type of --predicate");
  addSigningOptions(command)
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  $ neko-trust attest-image ghcr.io/m1k1o/neko/base@sha256:… --provenance --attribute image --flake-lock flake.lock
  $ neko-trust attest-image ghcr.io/m1k1o/neko/base@sha256:… --manifest manifest.json \\
      --sbom linux/amd64=amd64.spdx.json --sbom linux/arm64=arm64.spdx.json

The reference comes first, because --provenance may take a file: what follows it would be that file.
Provenance that is made names repository, commit, ref, workflow and run as the identity token does, so that it can't
disagree with the certificate. An SBOM must be the one that the release manifest names, when a manifest is given or attached
already; it then tells its platform. A rebuild that got other bytes is attached all the same: it speaks against the image.
${signingHelp}

Refuses empty or unknown SBOMs, a manifest of another image, a second manifest by the same signer, provenance or a
rebuild by another workflow than the one that signs, files over 16 MiB, and JSON that two readers could read differently.`,
    )
    .action((reference: string, options: AttestImageOptions) =>
      run(async (context) => {
        const { attestImageAction } = await import("../actions/attest-image.ts");
        return attestImageAction(reference, options, context);
      }),
    );
};
