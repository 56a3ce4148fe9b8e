import { generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { earClaims, signParts, tokenIssuer } from "../../lab/kbs/attestation-token.ts";
import { makeKbsAuthority } from "../../lab/kbs/authority.ts";
import { rcarReportData } from "../../src/core/kbs/rcar.ts";
import { teePublicKey } from "../../src/core/kbs/tee-key.ts";
import { signerOfAuthority } from "../../src/core/kbs/token-signer.ts";

/** One good attestation result, and everything that it is made of, to be broken one by one. */
export const tokenTime = new Date("2026-11-27T12:00:00Z");
export const tokenAuthority = makeKbsAuthority(tokenTime);
export const tokenNonce = Buffer.alloc(32, 7).toString("base64");
export const teePair = generateKeyPairSync("ec", { namedCurve: "P-256" });
export const teeKey = teePublicKey(teePair.privateKey);
export const labIssuer = tokenIssuer(tokenAuthority.tokenKey, tokenAuthority.tokenChain);

export const goodEvidence = {
  tdx: { tcb_status: "UpToDate", quote: { body: { mr_td: "a1" } } },
  report_data: Buffer.from(rcarReportData(tokenNonce, teeKey)).toString("hex"),
  runtime_data_claims: { nonce: tokenNonce, "tee-pubkey": teeKey, "additional-evidence": "" },
};

export type Changes = Readonly<Record<string, unknown>>;

/** `undefined` takes a member away. */
export function goodClaims(changes: Changes = {}, evidence: Changes = {}, submod: Changes = {}): Changes {
  const vector = { executables: 3, hardware: 2, configuration: 2, "file-system": 0 };
  const claims = earClaims(vector, { ...goodEvidence, ...evidence }, 5, tokenTime);
  const { cpu0 } = claims["submods"] as { cpu0: Record<string, unknown> };
  return { ...claims, submods: { cpu0: { ...cpu0, ...submod } }, ...changes };
}

export const goodHeader = { typ: "JWT", alg: "ES256", jwk: labIssuer.jwk };

export const tokenOf = (claims: unknown = goodClaims(), header: unknown = goodHeader, key: KeyObject = labIssuer.key) =>
  signParts(header, claims, key);

export const expectation = {
  issuer: "CoCo-Attestation-Service",
  signer: signerOfAuthority(tokenAuthority.tokenRoot),
  nonce: tokenNonce,
  teeKey,
  now: tokenTime,
};
