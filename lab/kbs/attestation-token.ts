import { X509Certificate, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { trusteeIssuer, trusteeProfile } from "../../src/core/kbs/ear-token.ts";

/** Signs attestation results as Trustee's attestation service does (attestation-service/src/ear_token/broker.rs). */
export interface TokenIssuer {
  readonly key: KeyObject;
  /** The key as the header shows it, with its chain. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export function tokenIssuer(keyPem: string, chainPem: string): TokenIssuer {
  const key = createPrivateKey(keyPem);
  const { kty, crv, x, y } = createPublicKey(key).export({ format: "jwk" });
  const x5c = [...chainPem.matchAll(certificate)].map(([pem]) => new X509Certificate(pem).raw.toString("base64"));
  return { key, jwk: { kty, crv, x, y, alg: "ES256", x5c } };
}

/** AR4SI's claims, as the attestation policy gives them. */
export type TrustVector = Readonly<Record<string, number>>;

/** The claims of one appraisal. `evidence` is what the verifier found, and what the report data was made of. */
export function earClaims(vector: TrustVector, evidence: unknown, minutes: number, now: Date): Record<string, unknown> {
  const issued = Math.floor(now.getTime() / 1000);
  const status = statusOf(vector);
  return {
    iss: trusteeIssuer,
    eat_profile: trusteeProfile,
    iat: issued,
    exp: issued + minutes * 60,
    "ear.verifier-id": { build: "neko-trust-lab", developer: "https://confidentialcontainers.org" },
    submods: {
      cpu0: {
        "ear.status": status,
        "ear.trustworthiness-vector": vector,
        "ear.appraisal-policy-id": "default",
        "ear.veraison.annotated-evidence": evidence,
      },
    },
  };
}

/** The worst tier of all claims (draft-ietf-rats-ar4si, section 2.3.2); none where none says anything. */
function statusOf(vector: TrustVector): string {
  const worst = Math.max(...Object.values(vector).map(tierOf), 0);
  return ["none", "affirming", "warning", "contraindicated"][worst] ?? "contraindicated";
}

function tierOf(value: number): number {
  if (value >= -1 && value <= 1) return 0;
  if (value >= 2 && value <= 31) return 1;
  return value >= 32 && value <= 95 ? 2 : 3;
}

export function signToken(claims: unknown, issuer: TokenIssuer): string {
  return signParts({ typ: "JWT", alg: "ES256", jwk: issuer.jwk }, claims, issuer.key);
}

/** Any header and claims, signed by ES256. */
export function signParts(header: unknown, claims: unknown, key: KeyObject): string {
  const signed = `${part(header)}.${part(claims)}`;
  const signature = sign("sha256", Buffer.from(signed, "ascii"), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

/** The claims of a token of this issuer that has not expired; undefined for any other. */
export function claimsOfOwn(token: string, issuer: TokenIssuer, now: Date): Record<string, unknown> | undefined {
  const [header = "", payload = "", signature = ""] = token.split(".");
  const key = { key: createPublicKey(issuer.key), dsaEncoding: "ieee-p1363" } as const;
  const signed = Buffer.from(`${header}.${payload}`, "ascii");
  if (!verify("sha256", signed, key, Buffer.from(signature, "base64url"))) return undefined;
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as Record<string, unknown>;
  return typeof claims["exp"] === "number" && claims["exp"] * 1000 > now.getTime() ? claims : undefined;
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value), "utf8").toString("base64url");
