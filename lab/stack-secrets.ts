import { existsSync, readFileSync } from "node:fs";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { z } from "zod";
import { writeWhole } from "../src/adapters/files/write-whole.ts";
import type { SecretKey } from "../src/config/stack-config.ts";
import { certificatesOf } from "../src/core/kbs/token-signer.ts";
import { makeKbsAuthority } from "./kbs/authority.ts";
import type { KbsAuthority } from "./kbs/authority.ts";

const pem = { type: "pkcs8", format: "pem" } as const;

function newSecrets(): Partial<Record<SecretKey, string>> {
  return {
    githubToken: "neko-lab-not-a-credential",
    sealingSeed: randomBytes(32).toString("base64"),
    runnersAppId: "1",
    runnersAppInstallationId: "1",
    runnersAppKey: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export(pem).toString(),
    ...brokerSecrets(),
  };
}

/** Who the credential is of, at the lab's registry. */
const credentialUser = "neko-lab-signer";

/** What the lab's key broker is started with, and the component KeyBroker is given: the same keys and the same credential. */
function brokerSecrets(): Partial<Record<SecretKey, string>> {
  const authority = makeKbsAuthority(new Date());
  return {
    brokerCredential: `${credentialUser}:${randomBytes(32).toString("base64url")}`,
    brokerAdminKey: authority.adminKey,
    brokerTokenKey: authority.tokenKey,
    brokerTokenChain: authority.tokenChain,
    brokerTokenRoot: authority.tokenRoot,
    brokerTlsKey: authority.tlsKey,
    brokerTlsCertificate: authority.tlsCertificate,
    brokerTlsAuthority: authority.tlsAuthority,
  };
}

/** The key broker's keys and certificates among a lab's secrets. */
export function kbsAuthorityOf(secrets: Readonly<Record<string, string>>): KbsAuthority {
  const of = (key: SecretKey): string => secrets[key] ?? "";
  return {
    adminKey: of("brokerAdminKey"),
    tokenKey: of("brokerTokenKey"),
    tokenChain: of("brokerTokenChain"),
    tokenRoot: of("brokerTokenRoot"),
    tlsKey: of("brokerTlsKey"),
    tlsCertificate: of("brokerTlsCertificate"),
    tlsAuthority: of("brokerTlsAuthority"),
  };
}

/** Labs of before had certificates and a credential that were none, and these certificates end after a year. */
function isUsable(secrets: Readonly<Record<string, string>>): boolean {
  if (secrets["brokerCredential"]?.startsWith(`${credentialUser}:`) !== true) return false;
  const { tokenChain, tokenRoot, tlsCertificate, tlsAuthority } = kbsAuthorityOf(secrets);
  const tomorrow = new Date(Date.now() + 24 * 3600 * 1000);
  return [tokenChain, tokenRoot, tlsCertificate, tlsAuthority].every((text) => {
    const certificates = certificatesOf(text);
    return certificates.length > 0 && certificates.every(({ validToDate }) => validToDate > tomorrow);
  });
}

const stored = z.record(z.string(), z.string());

/** What stands for stack local's secrets: made once for a lab, of use nowhere else, gone with `make down`. */
export function labSecrets(path: string): Record<string, string> {
  const known = existsSync(path) ? stored.safeParse(JSON.parse(readFileSync(path, "utf8"))) : undefined;
  if (known?.success === true && isUsable(known.data)) return known.data;
  const fresh = known?.success === true ? { ...known.data, ...brokerSecrets() } : newSecrets();
  const secrets = stored.parse(fresh);
  writeWhole(path, `${JSON.stringify(secrets)}\n`);
  return secrets;
}
