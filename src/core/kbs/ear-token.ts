import { compactVerify } from "jose/jws/compact/verify";
import { z } from "zod";
import { isInFuture } from "../clock-skew.ts";
import { isRecord } from "../is-record.ts";
import { parseStrictJson } from "../json/strict-json.ts";
import { legible } from "../legible.ts";
import { sha256Hex } from "../oci/digest.ts";
import { safeParse } from "../safe-parse.ts";
import { decodeBase64Url } from "./base64url.ts";
import { rcarReportData } from "./rcar.ts";
import { isSameTeeKey, teePublicKeySchema } from "./tee-key.ts";
import type { TeePublicKey } from "./tee-key.ts";
import { signerKey } from "./token-signer.ts";
import type { TokenSigner } from "./token-signer.ts";

/** `eat_profile` of Trustee's attestation results (attestation-service/src/ear_token/mod.rs). */
export const trusteeProfile = "tag:github.com,2024:confidential-containers/Trustee";

/** Trustee's default for `issuer_name`. */
export const trusteeIssuer = "CoCo-Attestation-Service";

/** A header of HTTP takes no more at KBS, where the token goes back as one. */
const mostTokenBytes = 128 * 1024;
/** No result is good for longer; KeyBroker's settings allow no more either. */
const mostMinutes = 30;

/** Each check of a token. KBS_ before it is the Failure's code. */
export type TokenFaultCode =
  | "TOKEN_MALFORMED"
  | "TOKEN_ALGORITHM"
  | "TOKEN_CRITICAL"
  | "TOKEN_SIGNER"
  | "TOKEN_CHAIN"
  | "TOKEN_SIGNATURE"
  | "TOKEN_ISSUER"
  | "TOKEN_PROFILE"
  | "TOKEN_EXPIRED"
  | "TOKEN_NOT_YET_VALID"
  | "TOKEN_LIFETIME"
  | "TOKEN_SUBMODS"
  | "TOKEN_STATUS"
  | "TOKEN_TEE"
  | "TOKEN_NONCE"
  | "TOKEN_TEE_KEY"
  | "TOKEN_ADDITIONAL_EVIDENCE"
  | "TOKEN_REPORT_DATA";

export interface TokenFault {
  readonly code: TokenFaultCode;
  readonly expected: string;
  readonly found: string;
}

/** What the attestation result has to be about. */
export interface TokenExpectation {
  readonly issuer: string;
  readonly signer: TokenSigner;
  readonly nonce: string;
  readonly teeKey: TeePublicKey;
  readonly now: Date;
}

/** What a verified token says: who appraised what, and for how long that is good. */
export interface EarClaims {
  readonly issuer: string;
  readonly issuedAt: Date;
  readonly expires: Date;
  readonly status: "affirming";
  /** As the attestation service names its policy; it says nothing about its content. */
  readonly policyId: string | undefined;
  /** As Trustee's verifier found the platform. */
  readonly tcbStatus: string | undefined;
  /** SHA-256 of the token: names it in logs, where it must not be itself. */
  readonly tokenSha256: string;
}

export type EarVerdict =
  | { readonly ok: true; readonly claims: EarClaims }
  | { readonly ok: false; readonly faults: readonly [TokenFault, ...TokenFault[]] };

const seconds = z.number().int().min(0).max(253_402_300_799);
const evidenceKey = "ear.veraison.annotated-evidence";

const claimsSchema = z.looseObject({
  iss: z.string().optional(),
  eat_profile: z.string().optional(),
  iat: seconds,
  exp: seconds,
  nbf: seconds.optional(),
  "ear.status": z.string().optional(),
  submods: z.record(z.string(), z.unknown()),
});
type Claims = z.infer<typeof claimsSchema>;

const submodSchema = z.looseObject({
  "ear.status": z.string(),
  "ear.appraisal-policy-id": z.string().max(200).optional(),
  [evidenceKey]: z.looseObject({
    tdx: z.looseObject({ tcb_status: z.string().max(100).optional() }),
    report_data: z.string(),
    runtime_data_claims: z.record(z.string(), z.unknown()),
  }),
});

/**
 * Verifies an EAR attestation result (draft-ietf-rats-ear, as Trustee v0.21.0 writes it) for one handshake. ES256 by the pinned
 * signer, and nothing else; then every claim is checked, so that all that is wrong is told at once. Never throws for anything
 * in the token, and no fault quotes more of it than a status.
 */
export async function verifyEarToken(token: string, expectation: TokenExpectation): Promise<EarVerdict> {
  const header = headerOf(token);
  if (header === undefined) return fault("TOKEN_MALFORMED", "a JSON Web Token of at most 128 KiB", "something else");
  const { alg, crit, jwk } = header;
  if (alg !== "ES256") return fault("TOKEN_ALGORITHM", "ES256", typeof alg === "string" ? legible(alg) : "none");
  // RFC 7515, section 4.1.11: what is critical must be understood, and nothing is.
  if (crit !== undefined) return fault("TOKEN_CRITICAL", "no critical header", "one");
  const signer = signerKey(jwk, expectation.signer, expectation.now);
  if (!signer.ok) return fault(signer.code, "the pinned signer", signer.found);
  const payload = await compactVerify(token, signer.key, { algorithms: ["ES256"] }).then(
    (verified) => verified.payload,
    () => undefined,
  );
  if (payload === undefined) return fault("TOKEN_SIGNATURE", "a signature by the pinned signer", "another");
  const json = parseStrictJson(payload, { maxDepth: 32 });
  const claims = safeParse(claimsSchema, json.ok ? json.value : undefined);
  if (!claims.success) return fault("TOKEN_MALFORMED", "claims of an EAR with iat, exp and submods", "others");
  return appraised(claims.data, expectation, token);
}

function appraised(claims: Claims, expectation: TokenExpectation, token: string): EarVerdict {
  const { "ear.status": overall = "affirming", submods } = claims;
  const faults = [...originFaults(claims, expectation), ...timeFaults(claims, expectation.now)];
  const names = Object.keys(submods);
  if (names.length !== 1 || names[0] !== "cpu0") {
    faults.push({ code: "TOKEN_SUBMODS", expected: "cpu0 alone", found: legible(names.join(", ")) });
  }
  const submod = safeParse(submodSchema, submods["cpu0"]);
  if (!submod.success) {
    const found = "a submod without status, TDX claims, report_data or runtime_data_claims";
    const tee: TokenFault = { code: "TOKEN_TEE", expected: "an appraisal of a TDX quote", found };
    return { ok: false, faults: [tee, ...faults] };
  }
  const { "ear.status": status, "ear.appraisal-policy-id": policyId, [evidenceKey]: evidence } = submod.data;
  for (const one of new Set([status, overall])) {
    if (one !== "affirming") faults.push({ code: "TOKEN_STATUS", expected: "affirming", found: legible(one) });
  }
  faults.push(...bindingFaults(evidence, expectation));
  const [first, ...others] = faults;
  if (first !== undefined) return { ok: false, faults: [first, ...others] };
  return {
    ok: true,
    claims: {
      issuer: expectation.issuer,
      issuedAt: timeOf(claims.iat),
      expires: timeOf(claims.exp),
      status: "affirming",
      policyId,
      tcbStatus: evidence.tdx.tcb_status,
      tokenSha256: sha256Hex(new TextEncoder().encode(token)),
    },
  };
}

function originFaults({ iss, eat_profile: profile }: Claims, { issuer }: TokenExpectation): TokenFault[] {
  const faults: TokenFault[] = [];
  if (iss !== issuer) faults.push({ code: "TOKEN_ISSUER", expected: issuer, found: legible(iss ?? "none") });
  if (profile !== trusteeProfile) {
    faults.push({ code: "TOKEN_PROFILE", expected: trusteeProfile, found: legible(profile ?? "none") });
  }
  return faults;
}

/** Clocks may differ by a minute, in both directions. */
function timeFaults({ iat, exp, nbf }: Claims, now: Date): TokenFault[] {
  const faults: TokenFault[] = [];
  const shown = now.toISOString();
  if (isInFuture(now, timeOf(exp))) {
    faults.push({
      code: "TOKEN_EXPIRED",
      expected: `valid at ${shown}`,
      found: `expired ${timeOf(exp).toISOString()}`,
    });
  }
  const start = timeOf(Math.max(iat, nbf ?? 0));
  if (isInFuture(start, now)) {
    faults.push({ code: "TOKEN_NOT_YET_VALID", expected: `valid at ${shown}`, found: `from ${start.toISOString()}` });
  }
  if (exp <= iat || exp - iat > mostMinutes * 60) {
    faults.push({ code: "TOKEN_LIFETIME", expected: `at most ${mostMinutes} minutes`, found: `${exp - iat} seconds` });
  }
  return faults;
}

/** That it is about this handshake: an old token, or one for another key, is good for nothing here. */
function bindingFaults(
  evidence: z.infer<typeof submodSchema>[typeof evidenceKey],
  { nonce, teeKey }: TokenExpectation,
): TokenFault[] {
  const faults: TokenFault[] = [];
  const { nonce: named, "tee-pubkey": key, "additional-evidence": more } = evidence.runtime_data_claims;
  if (named !== nonce) faults.push({ code: "TOKEN_NONCE", expected: "this handshake's nonce", found: "another" });
  const parsed = safeParse(teePublicKeySchema, key);
  if (!parsed.success || !isSameTeeKey(parsed.data, teeKey)) {
    faults.push({ code: "TOKEN_TEE_KEY", expected: "the key that was attested", found: "another" });
  }
  if (more !== "") faults.push({ code: "TOKEN_ADDITIONAL_EVIDENCE", expected: "none", found: "some, or no answer" });
  if (evidence.report_data !== Buffer.from(rcarReportData(nonce, teeKey)).toString("hex")) {
    faults.push({ code: "TOKEN_REPORT_DATA", expected: "the digest of nonce and key", found: "another" });
  }
  return faults;
}

function headerOf(token: string): Readonly<Record<string, unknown>> | undefined {
  if (token.length > mostTokenBytes) return undefined;
  const [header, ...parts] = token.split(".");
  if (parts.length !== 2 || parts.some((part) => decodeBase64Url(part) === undefined)) return undefined;
  const bytes = decodeBase64Url(header ?? "");
  const json = bytes === undefined ? undefined : parseStrictJson(bytes, { maxDepth: 4 });
  return json?.ok === true && isRecord(json.value) ? json.value : undefined;
}

const timeOf = (time: number): Date => new Date(time * 1000);

function fault(code: TokenFaultCode, expected: string, found: string): EarVerdict {
  return { ok: false, faults: [{ code, expected, found }] };
}
