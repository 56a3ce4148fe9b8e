import { randomBytes } from "node:crypto";
import { z } from "zod";
import { attestationPolicyId } from "../../src/core/compile/key-broker/attestation-policy.ts";
import { protocolVersion, runtimeDataDigest, sessionCookieName } from "../../src/core/kbs/rcar.ts";
import { teePublicKeySchema } from "../../src/core/kbs/tee-key.ts";
import { earClaims, signToken } from "./attestation-token.ts";
import type { TrustVector } from "./attestation-token.ts";
import type { KbsHttpAnswer, KbsHttpRequest } from "./messages.ts";
import { json, problem } from "./messages.ts";
import { referenceFunction } from "./rego.ts";
import type { KbsState } from "./service.ts";
import { trusteeClaims } from "./trustee-claims.ts";
import { verifyEvidence } from "./verification.ts";

/** A session, from the challenge on (kbs/src/attestation/session.rs). */
export interface KbsSession {
  readonly id: string;
  readonly nonce: string;
  readonly expires: Date;
  token?: string;
}

const authSchema = z.object({
  version: z.literal(protocolVersion),
  tee: z.literal("tdx"),
  "extra-params": z.unknown(),
});

/** POST auth: a nonce, and the session that it belongs to. */
export function authenticate(state: KbsState, { body }: KbsHttpRequest): KbsHttpAnswer {
  if (!authSchema.safeParse(parsed(body)).success) return refused(state, "no request of protocol 0.4.0 for TDX");
  const now = state.now();
  for (const [id, { expires }] of state.sessions) if (expires < now) state.sessions.delete(id);
  const session: KbsSession = {
    id: randomBytes(16).toString("hex"),
    nonce: randomBytes(32).toString("base64"),
    expires: new Date(now.getTime() + state.sessionMinutes * 60_000),
  };
  state.sessions.set(session.id, session);
  return json({ nonce: session.nonce, "extra-params": "" }, { "set-cookie": cookieOf(session) });
}

const base64 = z.base64();
/** As kbs-types reads it: members that it does not know vanish, which changes the report data that is expected. */
const teeKeySchema = z.union(teePublicKeySchema.options.map((option) => option.strip()));
const attestSchema = z.object({
  // Google's machines have nothing that init data could be bound to.
  "init-data": z.null(),
  "runtime-data": z.object({ nonce: z.string(), "tee-pubkey": teeKeySchema }),
  "tee-evidence": z.object({
    primary_evidence: z.object({ quote: base64, cc_eventlog: base64.nullish() }),
    additional_evidence: z.literal(""),
  }),
});

/** POST attest: the evidence is verified and appraised once in a session; after that, its token comes again. */
export async function attest(state: KbsState, request: KbsHttpRequest): Promise<KbsHttpAnswer> {
  const session = sessionOf(state, request);
  if (session === undefined) return refused(state, "there is no such session, or it has expired");
  if (session.token !== undefined) return tokenAnswer(session, session.token);
  const message = attestSchema.safeParse(parsed(request.body));
  if (!message.success) return refused(state, "no attestation of protocol 0.4.0");
  const { "runtime-data": runtime, "tee-evidence": evidence } = message.data;
  if (runtime.nonce !== session.nonce) return refused(state, "the nonce is not the session's");
  const { quote, cc_eventlog: eventLog } = evidence.primary_evidence;
  const runtimeData = { ...runtime, "additional-evidence": "" };
  const reportData = Buffer.alloc(64);
  reportData.set(runtimeDataDigest(runtimeData));
  const quoteBytes = Buffer.from(quote, "base64");
  const log = eventLog === null || eventLog === undefined ? undefined : Buffer.from(eventLog, "base64");
  const now = state.now();
  const verified = await verifyEvidence({ quote: quoteBytes, eventLog: log, reportData }, state.verification, now);
  if (!verified.ok) return refused(state, verified.reason);
  const claims = {
    tdx: trusteeClaims(quoteBytes, verified.quote),
    report_data: reportData.toString("hex"),
    runtime_data_claims: runtimeData,
  };
  const vector = await appraise(state, claims);
  if (vector === undefined) return refused(state, "there is no attestation policy, or it gives no trust claims");
  const token = signToken(earClaims(vector, claims, state.configuration.tokenMinutes, now), state.issuer);
  session.token = token;
  return tokenAnswer(session, token);
}

const vectorSchema = z.record(z.string(), z.int());

/**
 * By the published policy. Trustee has one of its own until then, which knows neither RTMR0 nor RTMR3; here nothing is attested
 * before something was published.
 */
async function appraise(state: KbsState, claims: unknown): Promise<TrustVector | undefined> {
  const policy = state.attestationPolicies.get(attestationPolicyId);
  if (policy === undefined) return undefined;
  const data = { reference: Object.fromEntries(state.referenceValues) };
  const query = "data.policy.trust_claims";
  const policies = [policy, referenceFunction];
  const value = await state.rego.evaluate({ policies, data, input: claims, query }).catch(() => undefined);
  const vector = vectorSchema.safeParse(value);
  return vector.success ? vector.data : undefined;
}

/** The session that a request's cookie names, unless it has expired. */
export function sessionOf(state: KbsState, { cookie }: KbsHttpRequest): KbsSession | undefined {
  const prefix = `${sessionCookieName}=`;
  const value = cookie
    .split("; ")
    .find((pair) => pair.startsWith(prefix))
    ?.slice(prefix.length);
  const session = state.sessions.get(value ?? "");
  return session === undefined || session.expires < state.now() ? undefined : session;
}

function tokenAnswer(session: KbsSession, token: string): KbsHttpAnswer {
  return json({ token }, { "set-cookie": cookieOf(session) });
}

const cookieOf = ({ id, expires }: KbsSession): string =>
  `${sessionCookieName}=${id}; Expires=${expires.toUTCString()}`;

/** The reason is for the broker's log alone. */
function refused(state: KbsState, reason: string): KbsHttpAnswer {
  state.log(`attestation refused: ${reason}`);
  return problem("AttestationError");
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}
