import type { SignImageOptions } from "../actions/sign-image.ts";
import type { RegisterCommand } from "../commands.ts";
import { addSigningOptions, signingHelp } from "./signing-options.ts";

export const registerSignImage: RegisterCommand = (program, run) => {
  const command = program
    .command("sign-image")
    .summary("sign images keyless or with a key, readable by cosign")
    .description(
      "Resolves each reference to a digest once and signs that: a statement of cosign's signature predicate, attached to the image index as an OCI 1.1 referrer. Prints the digest, the signer's identity and the command that verifies it.",
    )
    .argument("<references...>", "registry/path@sha256:… (or :tag, resolved once; what was signed is printed)")
    .option("--recursive", "sign each platform's manifest as well as the index");
  addSigningOptions(command)
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  $ neko-trust sign-image ghcr.io/m1k1o/neko/base@sha256:…
  $ neko-trust lab token > token.txt
  $ neko-trust sign-image 127.0.0.1:5000/m1k1o/neko/base:v1.0.0 --identity-token-file token.txt --signing-config <the lab's>
  $ COSIGN_PASSWORD=… neko-trust sign-image ghcr.io/m1k1o/neko/base@sha256:… --key cosign.key
${signingHelp}

Refuses images that no policy could accept (an index inside an index, unknown media types), a token that is expired or
for another audience, and a certificate that does not name what the token does.`,
    )
    .action((references: readonly string[], options: SignImageOptions) =>
      run(async (context) => {
        const { signImageAction } = await import("../actions/sign-image.ts");
        return signImageAction(references, options, context);
      }),
    );
};
