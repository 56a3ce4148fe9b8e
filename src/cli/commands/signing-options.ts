import { Option } from "commander";
import type { Command } from "commander";

/** Options that say who signs and with which services, as commander gives them. */
export interface SigningOptions {
  readonly key?: string;
  readonly identityTokenFile?: string;
  readonly signingConfig?: string;
  readonly fulcioUrl?: string;
  readonly rekorUrl?: string;
  readonly rekorVersion?: "1" | "2";
  readonly tsaUrl?: string;
}

/** What every signing command says of its signers. */
export const signingHelp = `
Who signs: without --key, signing is keyless. The identity token is that of --identity-token-file, else GitHub Actions'
(a job with \`permissions: id-token: write\`), else SIGSTORE_ID_TOKEN's; it must be for the audience sigstore, and is never shown.
A TrustPolicy accepts keyless signatures only. Those by --key are accepted by \`cosign verify --key\` and \`verify-bundle --key\`;
the key must be ECDSA P-256, for its owner's eyes only (mode 600); an encrypted one is opened with COSIGN_PASSWORD.

Services: Sigstore's public instance, unless --signing-config names another, or the --…-url options do. The lab's
signing_config.json is where \`neko-trust status\` says.`;

/** Declares the options on a command. */
export function addSigningOptions(command: Command): Command {
  return command
    .option("--identity-token-file <file>", "the identity token to sign with (- reads it from standard input)")
    .option("--key <file>", "sign with a private key: PKCS#8 PEM, cosign's key file, or env://NAME for a variable")
    .option("--signing-config <file>", "the signing_config.json of the Sigstore instance to sign with")
    .option("--fulcio-url <url>", "the certificate authority of keyless signing; needs --rekor-url")
    .option("--rekor-url <url>", "the transparency log; needs --fulcio-url, unless --key signs")
    .addOption(new Option("--rekor-version <version>", "the log's version; 1 unless given").choices(["1", "2"]))
    .option("--tsa-url <url>", "the time-stamp authority; Rekor version 2 needs one");
}
