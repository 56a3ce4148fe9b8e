import type { VerifyBundleOptions } from "../actions/verify-bundle.ts";
import type { RegisterCommand } from "../commands.ts";

export const registerVerifyBundle: RegisterCommand = (program, run) => {
  program
    .command("verify-bundle")
    .summary("verify a Sigstore bundle of a file or digest, offline")
    .description(
      "Verifies one Sigstore bundle about a file or a digest, as a client of sigstore-conformance: signer, signature, log entries, times and subject, offline under a trusted root. Exits 0 when everything is proven, 1 when it is refused.",
    )
    .argument("<file-or-digest>", "the artifact, or its digest as sha256:<64 hex digits> (where no file has that name)")
    .option("--bundle <file>", "the bundle (v0.1 to v0.3); always needed")
    .option("--certificate-identity <identity>", "the subject alternative name of the signer's certificate, exactly")
    .option("--certificate-oidc-issuer <url>", "the issuer of the signer's token, exactly")
    .option("--key <file>", "a public key (PEM) in place of an identity")
    .option("--trusted-root <file>", "a trusted_root.json in place of the public-good instance's")
    .option("--staging", "verify under the staging instance's root; needs --trusted-root")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust verify-bundle --bundle app.tgz.sigstore.json \\
    --certificate-identity https://github.com/o/r/.github/workflows/release.yml@refs/heads/main \\
    --certificate-oidc-issuer https://token.actions.githubusercontent.com app.tgz
  neko-trust verify-bundle --bundle app.sigstore.json --key signer.pub sha256:9f86d081884c7d65…

Identity and issuer are compared whole: no patterns, and never "anybody". A bundle with a certificate is refused when a
key is given, and one without when an identity is. At least one transparency log must hold the signature.`,
    )
    .action((artifact: string, options: VerifyBundleOptions) =>
      run(async (context) => {
        const { verifyBundleAction } = await import("../actions/verify-bundle.ts");
        return verifyBundleAction(artifact, options, context);
      }),
    );
};
