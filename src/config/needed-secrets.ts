import type { StackConfig } from "./stack-config.ts";

/** A secret that the program will ask for, and what it is. */
export interface NeededSecret {
  readonly key: string;
  readonly description: string;
}

/** Which secrets a stack's components read from its configuration (index.ts and secrets.ts), in a fixed order. */
export function neededSecrets(config: StackConfig): NeededSecret[] {
  const { buildRunners, ciSecrets, githubOwner, keyBroker } = config;
  const needed: NeededSecret[] = [];
  const need = (key: string, description: string): void => {
    if (!needed.some((secret) => secret.key === key)) needed.push({ key, description });
  };
  if (githubOwner !== undefined) need("githubToken", "token that administers the repository (docs/getting-started.md)");
  const values = (ciSecrets?.environments ?? []).flatMap(({ secrets }) => secrets);
  if (values.length > 0) need("sealingSeed", "32 random bytes: openssl rand -base64 32");
  for (const { name, source } of values) if (source.kind !== "secretManager") need(source.key, `value of ${name}`);
  if (buildRunners !== undefined) {
    need("runnersAppId", "id of the GitHub App that registers runners");
    need("runnersAppInstallationId", "id of its installation");
    need("runnersAppKey", "its private key, PEM");
  }
  if (keyBroker === undefined) return needed;
  need("brokerCredential", "what the key broker gives to an attested signer");
  need(
    "brokerAdminKey",
    "Ed25519 private key (PKCS #8, PEM) of the key broker's administrator: openssl genpkey -algorithm ed25519",
  );
  need("brokerTokenKey", "key that signs attestation tokens, PEM");
  need("brokerTokenChain", "its certificates, PEM");
  need("brokerTokenRoot", "the root that they lead to, PEM");
  if (keyBroker.tls.kind === "given") {
    need("brokerTlsKey", "the key broker's TLS key, PEM");
    need("brokerTlsCertificate", "its certificates, PEM");
    need("brokerTlsAuthority", "the authority that signers trust, PEM");
  }
  if (keyBroker.trustee.kind === "split") need("brokerPostgresUrl", "address of the database, with its password");
  return needed;
}
