import type { KeyBrokerCheckOptions } from "../actions/key-broker-check.ts";
import type { RegisterCommand } from "../commands.ts";

export const registerKeyBroker: RegisterCommand = (program, run) => {
  const keyBroker = program
    .command("key-broker")
    .summary("look at the key broker that attested signers get their credential from");
  keyBroker
    .command("check")
    .summary("see that a key broker is the pinned one, and gives nothing to who can't attest")
    .description(
      "Asks a running key broker for challenges, for the credential without a token and with one of its own making, and for its policy as anybody. It must refuse all but the first, for the right reason. Nothing is changed, and nothing that it gives is decrypted. Exits 1 when the broker is another or gives too much, 3 when it does not answer.",
    )
    .argument("<address>", "the broker's address, https://…/kbs")
    .option("--tls-authority <file>", "the root of its certificate (PEM)")
    .option("--tls-key <sha256>", "or the SHA-256 of its public key (SubjectPublicKeyInfo), 64 hex digits")
    .option("--resource <name>", "what to ask for", "default/credential/registry")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust key-broker check https://kbs.example.org/kbs --tls-authority kbs-root.pem
  neko-trust key-broker check https://kbs.example.org/kbs --tls-key $(openssl x509 -in kbs.pem -noout -pubkey \\
    | openssl pkey -pubin -outform der | sha256sum | cut -c-64)

The system's certificate authorities are not asked. docs/key-broker.md has the protocol and what the client refuses.`,
    )
    .action((address: string, options: KeyBrokerCheckOptions) =>
      run(async (context) => {
        const { keyBrokerCheckAction } = await import("../actions/key-broker-check.ts");
        return keyBrokerCheckAction(address, options, context);
      }),
    );
};
