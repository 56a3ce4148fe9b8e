import type { Command } from "commander";
import type {
  AttestedKeyAttestOptions,
  AttestedKeyQuoteOptions,
  AttestedKeyStatusOptions,
} from "../actions/attested-key.ts";
import type { SigningCommandOptions } from "../actions/attested-key-options.ts";
import type { AttestedKeyWatchOptions } from "../actions/attested-key-watch.ts";
import type { VerifyImageOptions } from "../actions/verify-image.ts";
import { collect } from "../collect.ts";
import type { RegisterCommand, Runner } from "../commands.ts";
import { addSignerReleaseOptions } from "./signer-release-options.ts";

function addTrust(command: Command): Command {
  return command
    .option("--stack <name>", "verify under this stack's policy and root")
    .option("--policy <file>", "verify under this TrustPolicy (YAML or JSON); needs --trusted-root")
    .option("--trusted-root <file>", "the trusted_root.json that the policy pins");
}

function addBroker(command: Command): Command {
  return command
    .option("--kbs-tls-authority <file>", "the root of the key broker's certificate (PEM)")
    .option("--kbs-tls-key <sha256>", "or the SHA-256 of its public key, 64 hex digits")
    .option("--kbs-token-authority <file>", "the root of who signs its attestation results (PEM)")
    .option("--kbs-token-key <file>", "or the public key of who signs them (PEM)")
    .option("--kbs-token-issuer <name>", "the issuer in them (Trustee's default unless given)");
}

function addSigning(command: Command): Command {
  addBroker(
    addTrust(command)
      .option("--tsa-url <url>", "a time-stamp authority of the root, repeatable (default: Sigstore's)", collect, [])
      .option("--collateral-url <url>", "where Intel's collateral comes from (default: Intel's own service)")
      .option("--min-evaluation <number>", "refuse statements of Intel's with a lower evaluation number (default: 0)")
      .option("--kbs-url <address>", "the key broker that gives the credential to publish with; ends in /kbs")
      .option("--kbs-resource <name>", "that credential, repository/type/tag (default: docker's credentials)"),
  );
  return command.option(
    "--kbs-key-resource <name>",
    "sign with the key broker's key instead of a new one: the KBS operator can sign, too",
  );
}

export const registerAttestedKey: RegisterCommand = (program, run) => {
  const group = program
    .command("attested-key")
    .summary("sign images in an attested trust domain (TDX), and verify such signatures");
  registerLooking(group, run);
  registerSigning(group, run);
};

function registerLooking(group: Command, run: Runner): void {
  group
    .command("status")
    .summary("say whether this machine is attested, as what it was measured, and until when")
    .description(
      "Asks this machine for a quote over random data and verifies it by Intel's rules with current collateral. Exits 0 when it is attested, 1 when its quote does not hold, 2 where there is no trust domain, 3 when something can't be asked.",
    )
    .option("--collateral-url <url>", "where Intel's collateral comes from (default: Intel's own service)")
    .option("--policy <file>", "show the digest of this policy (default: the image's, /etc/neko-trust/policy.yaml)")
    .option("--json", "print one JSON document")
    .action((options: AttestedKeyStatusOptions) =>
      run(async (context) => {
        const { attestedKeyStatusAction } = await import("../actions/attested-key.ts");
        return attestedKeyStatusAction(options, context);
      }),
    );
  group
    .command("quote")
    .summary("write a quote over 64 bytes of your own, with the event log")
    .description("Asks this machine for a quote, and writes quote.bin and event-log.bin. Nothing is verified.")
    .option("--report-data <hex>", "what the quote is over: 64 bytes as 128 hex digits (needed)")
    .option("--output <folder>", "an existing folder to write the two files into", ".")
    .option("--json", "print one JSON document")
    .action((options: AttestedKeyQuoteOptions) =>
      run(async (context) => {
        const { attestedKeyQuoteAction } = await import("../actions/attested-key.ts");
        return attestedKeyQuoteAction(options, context);
      }),
    );
  addBroker(
    group
      .command("attest")
      .summary("attest to a key broker and say whether it releases a resource, without showing it")
      .description(
        "Goes through the key broker's handshake with a quote of this machine and fetches the resource. It is decrypted, counted and overwritten.",
      )
      .option("--kbs-url <address>", "the key broker, an address that ends in /kbs (needed)")
      .option("--kbs-resource <name>", "what to ask for, repository/type/tag", "default/credential/registry"),
  )
    .option("--json", "print one JSON document")
    .action((options: AttestedKeyAttestOptions) =>
      run(async (context) => {
        const { attestedKeyAttestAction } = await import("../actions/attested-key.ts");
        return attestedKeyAttestAction(options, context);
      }),
    );
  addSignerReleaseOptions(
    addTrust(
      group
        .command("verify")
        .summary("verify an image under a policy that demands an attested signature")
        .description(
          "As verify-image, but refuses a policy without tee. The signer's own release is verified first, under a policy without tee; then the signature: binding, times, quote, event log, measurements, platform, revocation.",
        )
        .argument("<reference>", "registry/path@sha256:… (or :tag, resolved once)"),
    ),
  )
    .option("--json", "print one JSON document")
    .action((reference: string, options: VerifyImageOptions) =>
      run(async (context) => {
        const { attestedKeyVerifyAction } = await import("../actions/attested-key.ts");
        return attestedKeyVerifyAction(reference, options, context);
      }),
    );
}

function registerSigning(group: Command, run: Runner): void {
  addSigning(
    group
      .command("sign")
      .summary("verify an image here, in the trust domain, and sign it if that passes")
      .description(
        "Verifies the image under the policy, makes a key for it alone, has this machine quote key, statement, policy and challenge, and attaches signature, quote, event log, collateral and time stamps as one referrer. What its own verification would refuse is not published. Exits 1 when the image or this machine is refused, 3 when something can't be asked.",
      )
      .argument("<digest>", "registry/path@sha256:…"),
  )
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust attested-key sign ghcr.io/m1k1o/neko/base@sha256:… --policy /etc/neko-trust/policy.yaml \\
    --trusted-root /etc/neko-trust/trusted_root.json --kbs-url https://kbs.example.org/kbs \\
    --kbs-tls-authority kbs-root.pem --kbs-token-authority token-root.pem --kbs-resource default/credential/registry

The policy is the signer's own, inside the measured image, and has no tee. docs/confidential-signer.md has the whole way.`,
    )
    .action((reference: string, options: SigningCommandOptions) =>
      run(async (context) => {
        const { attestedKeySignAction } = await import("../actions/attested-key.ts");
        return attestedKeySignAction(reference, options, context);
      }),
    );
  addSigning(
    group
      .command("watch")
      .summary("run the signer's service: watch repositories, verify, sign and publish")
      .description(
        "Proves to itself that this machine is attested, looks at the tags of its repositories, and verifies, signs and publishes what is not signed yet, one image after the other. What does not verify is logged and tried again ever less often. The log is JSON, one line each. Ends with exit code 0 when it is interrupted.",
      )
      .option(
        "--repository <repository>",
        "registry/path to watch, repeatable (needed, unless --metadata)",
        collect,
        [],
      )
      .option("--metadata", "take repositories and addresses from this machine's metadata (Compute Engine)"),
  )
    .option("--interval <seconds>", "between two looks at the registry, from 5 to 240", "60")
    .option("--health <address>", "where /healthz (attested or not) and /metrics are served", "127.0.0.1:8080")
    .option("--policy-digest <digest>", "refuse to start with a policy of another digest")
    .option("--json", "print one JSON document when it ends, and no log")
    .action((options: AttestedKeyWatchOptions) =>
      run(async (context) => {
        const { attestedKeyWatchAction } = await import("../actions/attested-key-watch.ts");
        return attestedKeyWatchAction(options, context);
      }),
    );
}
