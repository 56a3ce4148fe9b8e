import { generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { Failure } from "../../core/failure.ts";
import { verifyEarToken } from "../../core/kbs/ear-token.ts";
import type { EarClaims, TokenFault } from "../../core/kbs/ear-token.ts";
import { kbsRefused } from "../../core/kbs/kbs-failure.ts";
import { isWorthNewSession, problemFailure, readProblem } from "../../core/kbs/problem.ts";
import { attestRequest, rcarReportData, readTokenAnswer, sessionCookieName } from "../../core/kbs/rcar.ts";
import { parseResourceId } from "../../core/kbs/resource-id.ts";
import type { ResourceId } from "../../core/kbs/resource-id.ts";
import { decryptResource } from "../../core/kbs/resource-response.ts";
import { teePublicKey } from "../../core/kbs/tee-key.ts";
import type { KbsTrust } from "../../core/kbs/trust.ts";
import type { Attester } from "../../core/tdx/contract.ts";
import { openSession, sendTo } from "./send-to-kbs.ts";
import type { SendToKbs } from "./send-to-kbs.ts";

export interface ResourceRequest {
  /** `https://host[:port]/kbs`, as the stack's `service.keyBroker.url`. */
  readonly url: string;
  readonly trust: KbsTrust;
  /** `repository/type/tag`. */
  readonly resource: string;
  readonly attester: Attester;
  readonly now: () => Date;
  readonly signal?: AbortSignal;
  /** For each request; 10 seconds unless given. */
  readonly timeoutMilliseconds?: number;
  /** Further tries of each request that nobody answers; 2 unless given. */
  readonly retries?: number;
  /** Of the encrypted resource; 1 MiB unless given. */
  readonly maxBytes?: number;
  /** A new key pair for each handshake: on P-256 unless given. */
  readonly makeKey?: () => KeyObject;
}

export interface FetchedResource {
  /** The secret. Whoever gets it overwrites it (`bytes.fill(0)`) once it is used. */
  readonly bytes: Uint8Array;
  readonly claims: EarClaims;
}

/** Handshakes for one resource: a token may expire on its way once. Whoever denies for ever is asked no third time. */
const mostHandshakes = 2;

const mostTokenAnswerBytes = 256 * 1024;

/** One run of the protocol, with what it must not repeat. */
interface Run extends ResourceRequest {
  readonly send: SendToKbs;
  readonly id: ResourceId;
  readonly nonces: Set<string>;
}

/**
 * Attests to a key broker (RCAR 0.4.0) and fetches one resource, decrypted. Throws a Failure with a code KBS_… (docs/key-broker.md),
 * or what the attester throws (TSM_…), or the signal's reason. No message holds a token, a session, a key or the resource.
 */
export async function fetchResource(request: ResourceRequest): Promise<FetchedResource> {
  const run: Run = {
    ...request,
    send: sendTo({ ...request, pin: request.trust.tls }),
    id: parseResourceId(request.resource),
    nonces: new Set(),
  };
  for (let handshake = 1; ; handshake += 1) {
    const attested = await attest(run);
    const answer = await run.send({
      method: "GET",
      path: `resource/${run.id}`,
      headers: { authorization: `Bearer ${attested.token}` },
      maxBytes: request.maxBytes ?? 1024 * 1024,
    });
    if (answer.status === 200) {
      const bytes = await decryptResource(answer.body, attested.privateKey);
      return { bytes, claims: attested.claims };
    }
    const problem = readProblem(answer.status, answer.body);
    if (handshake >= mostHandshakes || !isWorthNewSession(problem)) throw problemFailure(problem, run.id);
  }
}

interface Attested {
  readonly token: string;
  readonly claims: EarClaims;
  readonly privateKey: KeyObject;
}

async function attest(run: Run): Promise<Attested> {
  const { session, nonce } = await openSession(run.send, run.now());
  if (run.nonces.has(nonce)) {
    throw kbsRefused(
      "KBS_NONCE_REPEATED",
      "The key broker gave the same nonce in two sessions: whoever saw the first one's evidence could use it again.",
      "Do not attest to it: ask who runs it.",
    );
  }
  run.nonces.add(nonce);
  const privateKey = run.makeKey?.() ?? generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const teeKey = teePublicKey(privateKey);
  const reportData = rcarReportData(nonce, teeKey);
  const evidence = await run.attester.attest(reportData, run.signal);
  if (!Buffer.from(evidence.quote).includes(Buffer.from(reportData))) {
    throw kbsRefused(
      "KBS_EVIDENCE_INVALID",
      "The attester's quote is not about the report data that it was asked for.",
      "Check that nothing else asks this machine for quotes in the same folder at the same time.",
    );
  }
  const answer = await run.send({
    method: "POST",
    path: "attest",
    body: attestRequest(nonce, teeKey, evidence),
    headers: { cookie: `${sessionCookieName}=${session}` },
    maxBytes: mostTokenAnswerBytes,
  });
  if (answer.status !== 200) throw problemFailure(readProblem(answer.status, answer.body), undefined);
  const token = readTokenAnswer(answer.body);
  const verdict = await verifyEarToken(token, { ...run.trust.token, nonce, teeKey, now: run.now() });
  if (!verdict.ok) throw tokenFailure(verdict.faults);
  return { token, claims: verdict.claims, privateKey };
}

/** The first fault names the Failure; all of them are told. */
function tokenFailure(faults: readonly [TokenFault, ...TokenFault[]]): Failure {
  return new Failure({
    code: `KBS_${faults[0].code}`,
    kind: "refused",
    message: `The key broker's attestation result is refused: expected ${faults[0].expected}, found ${faults[0].found}.`,
    remedy: "Compare the pinned signer and issuer, the clocks, and the broker's attestation policy with its log.",
    details: faults.map(({ code, expected, found }) => `KBS_${code}: expected ${expected}, found ${found}`),
  });
}
