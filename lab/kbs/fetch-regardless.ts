import { generateKeyPairSync } from "node:crypto";
import { openSession, sendTo } from "../../src/adapters/kbs/send-to-kbs.ts";
import type { KbsPlace } from "../../src/adapters/kbs/send-to-kbs.ts";
import { problemFailure, readProblem } from "../../src/core/kbs/problem.ts";
import { attestRequest, rcarReportData, readTokenAnswer, sessionCookieName } from "../../src/core/kbs/rcar.ts";
import { decryptResource } from "../../src/core/kbs/resource-response.ts";
import { teePublicKey } from "../../src/core/kbs/tee-key.ts";
import type { Attester } from "../../src/core/tdx/contract.ts";

/**
 * A client that asks for a resource whatever its attestation result says, as an attacker's would: what it is refused, the broker
 * refuses. Throws what the broker's problem is, KBS_POLICY_DENIED or KBS_ATTESTATION_REFUSED.
 */
export async function fetchRegardless(
  place: KbsPlace,
  resource: string,
  attester: Attester,
  now: Date,
): Promise<Uint8Array> {
  const send = sendTo(place);
  const { session, nonce } = await openSession(send, now);
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const teeKey = teePublicKey(privateKey);
  const evidence = await attester.attest(rcarReportData(nonce, teeKey), place.signal);
  const attested = await send({
    method: "POST",
    path: "attest",
    body: attestRequest(nonce, teeKey, evidence),
    headers: { cookie: `${sessionCookieName}=${session}` },
    maxBytes: 256 * 1024,
  });
  if (attested.status !== 200) throw problemFailure(readProblem(attested.status, attested.body), undefined);
  const answer = await send({
    method: "GET",
    path: `resource/${resource}`,
    headers: { authorization: `Bearer ${readTokenAnswer(attested.body)}` },
    maxBytes: 1024 * 1024,
  });
  if (answer.status === 200) return decryptResource(answer.body, privateKey);
  throw problemFailure(readProblem(answer.status, answer.body), resource);
}
