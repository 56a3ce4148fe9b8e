import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { openSigner } from "../../operations/open-signer.ts";
import type { OpenedSigner } from "../../operations/open-signer.ts";
import type { PublishedStatement } from "../../operations/publish-statement.ts";
import type { CommandContext } from "../context.ts";
import type { SigningOptions } from "../commands/signing-options.ts";

/** Opens the signer that a command's options name. Throws as openSigner. */
export function signerOf(options: SigningOptions, context: CommandContext): Promise<OpenedSigner> {
  const { rekorVersion, ...others } = options;
  const version =
    rekorVersion === undefined ? {} : { rekorVersion: rekorVersion === "2" ? (2 as const) : (1 as const) };
  return openSigner({ ...others, ...version }, context);
}

/** The signer as a document; nothing in it is secret. */
export function signerDocument(signer: OpenedSigner): Record<string, unknown> {
  if (signer.kind === "key") {
    const { kind, fingerprint, publicKey } = signer;
    return { kind, fingerprint, publicKey };
  }
  const { issuer, subject, workflow } = signer.identity;
  return { kind: signer.kind, issuer, identity: subject, tokenFrom: signer.tokenFrom, ...(workflow ?? {}) };
}

/** Who signed, for people. */
export function signerLines(signer: OpenedSigner): string[] {
  if (signer.kind === "key") return [`signed by key ${signer.fingerprint}`];
  return [
    `signed by ${signer.identity.subject}`,
    `  issuer ${signer.identity.issuer}, identity token from ${signer.tokenFrom}`,
  ];
}

/** One attached statement, for people. */
export function statementLine(what: string, statement: PublishedStatement): string {
  const listed = statement.listedBy === "api" ? "the registry's referrers" : "the fallback tag";
  return `  ${what} of ${statement.subject}: attached ${statement.referrer} (listed by ${listed})`;
}

/** A POSIX shell's word. */
function quoted(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The trusted root that cosign needs for another instance than Sigstore's public one; the lab's lies beside its services. */
function trustedRootOf({ signingConfig, rekorUrl }: SigningOptions): readonly string[] {
  if (signingConfig === undefined && rekorUrl === undefined) return [];
  const beside = signingConfig === undefined ? undefined : join(dirname(signingConfig), "trusted_root.json");
  return ["--trusted-root", beside !== undefined && existsSync(beside) ? beside : "trusted_root.json"];
}

/** The cosign command that verifies what was signed with these options. */
export function cosignCommand(
  signer: OpenedSigner,
  options: SigningOptions,
  command: readonly string[],
  resolved: string,
): string {
  const who =
    signer.kind === "key"
      ? ["--key", "cosign.pub"]
      : [
          "--certificate-identity",
          signer.identity.subject,
          "--certificate-oidc-issuer",
          signer.identity.issuer,
          "--use-signed-timestamps",
        ];
  return ["cosign", ...command, ...who, ...trustedRootOf(options), resolved].map(quoted).join(" ");
}

/** How to verify, for people: with a policy, and with cosign. */
export function verifyLines(signer: OpenedSigner, resolved: string, cosign: readonly string[]): string[] {
  return [
    "verify with",
    ...(signer.kind === "key"
      ? ["  (a TrustPolicy accepts keyless signatures only; cosign.pub holds this key's public part)"]
      : [`  neko-trust verify-image ${resolved} --stack <name>`]),
    ...cosign.map((line) => `  ${line}`),
  ];
}
