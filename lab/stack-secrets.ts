import { existsSync, readFileSync } from "node:fs";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { z } from "zod";
import { writeWhole } from "../src/adapters/files/write-whole.ts";
import type { SecretKey } from "../src/config/stack-config.ts";

const pem = { type: "pkcs8", format: "pem" } as const;

/** Certificates that nobody can take for one: what holds them stores them, and no part of the lab presents them. */
const noCertificate = "-----BEGIN CERTIFICATE-----\nTkVLTy1MQUItTk9ULUEtQ0VSVElGSUNBVEU=\n-----END CERTIFICATE-----\n";

function newSecrets(): Partial<Record<SecretKey, string>> {
  const p256 = (): string => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export(pem).toString();
  return {
    githubToken: "neko-lab-not-a-credential",
    sealingSeed: randomBytes(32).toString("base64"),
    runnersAppId: "1",
    runnersAppInstallationId: "1",
    runnersAppKey: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export(pem).toString(),
    brokerCredential: "neko-lab-not-a-credential",
    brokerAdminKey: generateKeyPairSync("ed25519").privateKey.export(pem).toString(),
    brokerTokenKey: p256(),
    brokerTokenChain: noCertificate,
    brokerTokenRoot: noCertificate,
    brokerTlsKey: p256(),
    brokerTlsCertificate: noCertificate,
    brokerTlsAuthority: noCertificate,
  };
}

const stored = z.record(z.string(), z.string());

/** What stands for stack local's secrets: made once for a lab, of use nowhere else, gone with `make down`. */
export function labSecrets(path: string): Record<string, string> {
  if (existsSync(path)) {
    const parsed = stored.safeParse(JSON.parse(readFileSync(path, "utf8")));
    if (parsed.success) return parsed.data;
  }
  const secrets = stored.parse(newSecrets());
  writeWhole(path, `${JSON.stringify(secrets)}\n`);
  return secrets;
}
