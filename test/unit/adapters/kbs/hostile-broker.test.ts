import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { inspect } from "node:util";
import { test } from "node:test";
import { makeKbsAuthority } from "../../../../lab/kbs/authority.ts";
import { claimsOfOwn, signToken, tokenIssuer } from "../../../../lab/kbs/attestation-token.ts";
import { encryptResource } from "../../../../lab/kbs/encrypt-resource.ts";
import { json, problem } from "../../../../lab/kbs/messages.ts";
import type { KbsHttpAnswer, KbsHttpRequest } from "../../../../lab/kbs/messages.ts";
import { Failure } from "../../../../src/core/failure.ts";
import { teePublicKey } from "../../../../src/core/kbs/tee-key.ts";
import { kbsTrust } from "../../../../src/core/kbs/trust.ts";
import { failureCodeOf } from "../../../support/failures.ts";
import { attesterOf, credential, labAuthority, scriptedRego, sha256, startLabKbs } from "../../../support/kbs.ts";

/** What a broker, or who stands in its place, may answer: each deviation has its code, and nothing secret is in what is told. */

type Alter = (answer: KbsHttpAnswer, request: KbsHttpRequest) => KbsHttpAnswer | Promise<KbsHttpAnswer>;

const isAuth = ({ path }: KbsHttpRequest): boolean => path === "/kbs/v0/auth";
const isAttest = ({ path }: KbsHttpRequest): boolean => path === "/kbs/v0/attest";
const isGet = ({ method }: KbsHttpRequest): boolean => method === "GET";
const bodyOf = (answer: KbsHttpAnswer): Record<string, unknown> =>
  JSON.parse(String(answer.body)) as Record<string, unknown>;
const issuer = tokenIssuer(labAuthority.tokenKey, labAuthority.tokenChain);

/** The broker's token with other claims, signed by the broker. */
const withClaims =
  (change: (claims: Record<string, unknown>) => Record<string, unknown>): Alter =>
  (answer, request) => {
    if (!isAttest(request) || answer.status !== 200) return answer;
    const claims = claimsOfOwn(String(bodyOf(answer)["token"]), issuer, new Date()) ?? assert.fail();
    return { ...answer, body: JSON.stringify({ token: signToken(change(claims), issuer) }) };
  };

const seconds = (offset: number): number => Math.floor(Date.now() / 1000) + offset;
const stranger = makeKbsAuthority(new Date());
const another = generateKeyPairSync("ec", { namedCurve: "P-256" });
const large = (bytes: number): string => " ".repeat(bytes);

const cases: Readonly<Record<string, readonly [code: string, requests: number, alter: Alter]>> = {
  "a challenge that is none": ["KBS_ANSWER_INVALID", 1, (a, r) => (isAuth(r) ? { ...a, body: "<html>" } : a)],
  "a nonce in base64url": [
    "KBS_NONCE_INVALID",
    1,
    (a, r) => (isAuth(r) ? { ...a, body: JSON.stringify({ nonce: "_".repeat(43), "extra-params": "" }) } : a),
  ],
  "a challenge that asks for more": [
    "KBS_ANSWER_INVALID",
    1,
    (a, r) => (isAuth(r) ? { ...a, body: JSON.stringify({ ...bodyOf(a), "extra-params": { x: 1 } }) } : a),
  ],
  "no cookie": ["KBS_COOKIE_INVALID", 1, (a, r) => (isAuth(r) ? { ...a, headers: {} } : a)],
  "two sessions": [
    "KBS_COOKIE_INVALID",
    1,
    (a, r) => {
      const cookie = String(a.headers?.["set-cookie"]);
      return isAuth(r) ? { ...a, headers: { "set-cookie": [cookie, cookie] } } : a;
    },
  ],
  "a cookie for a domain": [
    "KBS_COOKIE_INVALID",
    1,
    (a, r) =>
      isAuth(r) ? { ...a, headers: { "set-cookie": `${String(a.headers?.["set-cookie"])}; Domain=test` } } : a,
  ],
  "a session that is over": [
    "KBS_SESSION_EXPIRED",
    1,
    (a, r) =>
      isAuth(r)
        ? { ...a, headers: { "set-cookie": `kbs-session-id=${"0".repeat(32)}; Expires=${new Date(0).toUTCString()}` } }
        : a,
  ],
  "a huge challenge": ["KBS_ANSWER_TOO_LARGE", 1, (a, r) => (isAuth(r) ? { ...a, body: large(5_000) } : a)],
  "a huge token": ["KBS_ANSWER_TOO_LARGE", 2, (a, r) => (isAttest(r) ? { ...a, body: large(300_000) } : a)],
  "a huge resource": ["KBS_ANSWER_TOO_LARGE", 3, (a, r) => (isGet(r) ? { ...a, body: large(1_100_000) } : a)],
  "a huge refusal": ["KBS_ANSWER_TOO_LARGE", 2, (a, r) => (isAttest(r) ? { status: 401, body: large(70_000) } : a)],
  "a redirect of the challenge": ["KBS_REDIRECTED", 1, (a, r) => (isAuth(r) ? redirect() : a)],
  "a redirect of the evidence": ["KBS_REDIRECTED", 2, (a, r) => (isAttest(r) ? redirect() : a)],
  "a redirect of the token": ["KBS_REDIRECTED", 3, (a, r) => (isGet(r) ? redirect() : a)],
  "no token": ["KBS_ANSWER_INVALID", 2, (a, r) => (isAttest(r) ? { ...a, body: "{}" } : a)],
  "a token by another root": [
    "KBS_TOKEN_CHAIN",
    2,
    (a, r) => {
      if (!isAttest(r)) return a;
      const claims = claimsOfOwn(String(bodyOf(a)["token"]), issuer, new Date());
      return json({ token: signToken(claims, tokenIssuer(stranger.tokenKey, stranger.tokenChain)) });
    },
  ],
  "a token of another issuer": ["KBS_TOKEN_ISSUER", 2, withClaims((claims) => ({ ...claims, iss: "me" }))],
  "a token that expired": [
    "KBS_TOKEN_EXPIRED",
    2,
    withClaims((claims) => ({ ...claims, iat: seconds(-600), exp: seconds(-300) })),
  ],
  "a token of the future": [
    "KBS_TOKEN_NOT_YET_VALID",
    2,
    withClaims((claims) => ({ ...claims, iat: seconds(600), exp: seconds(900) })),
  ],
  "the resource by another algorithm": [
    "KBS_RESPONSE_ALGORITHM",
    3,
    (a, r) => {
      const header = Buffer.from('{"alg":"RSA1_5","enc":"A256GCM"}').toString("base64url");
      return isGet(r) ? json({ ...bodyOf(a), protected: header }) : a;
    },
  ],
  "the resource encrypted to another key": [
    "KBS_RESPONSE_DECRYPTION",
    3,
    (a, r) => (isGet(r) ? json(encryptResource(Buffer.from(credential), teePublicKey(another.publicKey))) : a),
  ],
  "the resource in plain text": ["KBS_RESPONSE_MALFORMED", 3, (a, r) => (isGet(r) ? { ...a, body: credential } : a)],
  "no such plugin": ["KBS_RESOURCE_UNKNOWN", 3, (a, r) => (isGet(r) ? problem("PluginNotFound") : a)],
  "a key that it can't encrypt to": ["KBS_RESPONSE_FAILED", 3, (a, r) => (isGet(r) ? problem("JweError") : a)],
  "an error that nobody knows": ["KBS_ERROR_UNKNOWN", 1, () => ({ status: 418, body: "" })],
  "an empty success": ["KBS_RESPONSE_MALFORMED", 3, (a, r) => (isGet(r) ? { ...a, body: "" } : a)],
  "no content": ["KBS_ERROR_UNKNOWN", 3, (_a, r) => (isGet(r) ? { status: 204, body: "" } : _a)],
};

const redirect = (): KbsHttpAnswer => ({ status: 307, body: "", headers: { location: "http://127.0.0.1:1/kbs" } });

for (const [name, [code, requests, alter]] of Object.entries(cases)) {
  test(`refuses ${name}`, async (t) => {
    const kbs = await startLabKbs(t, { alter });
    const failure = await failureOf(kbs.fetch());
    assert.equal(failure.code, code);
    assert.equal(kbs.seen.length, requests);
    showsNothing(failure, kbs.seen);
  });
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Failure, inspect(error));
  return error;
}

/** Neither the resource nor a token, session or nonce of the run. */
function showsNothing(failure: Failure, seen: readonly KbsHttpRequest[]): void {
  const shown = inspect(failure, { depth: 10, showHidden: true });
  const secrets = [
    credential,
    ...seen.flatMap(({ cookie, authorization }) => [cookie.slice(15), authorization.slice(7)]),
  ];
  for (const secret of secrets) assert.ok(secret === "" || !shown.includes(secret), shown);
}

test("401 for ever: what a policy denied is asked once, a token that is refused twice, evidence once", async (t) => {
  const denied = await startLabKbs(t, { rego: scriptedRego(3, () => false) });
  assert.equal(await failureCodeOf(denied.fetch()), "KBS_POLICY_DENIED");
  assert.equal(denied.seen.length, 3);
  const forbidden = await startLabKbs(t, {
    alter: (a, r) => (isGet(r) ? { ...problem("PolicyDeny"), status: 403 } : a),
  });
  assert.equal(await failureCodeOf(forbidden.fetch({ retries: 3 })), "KBS_POLICY_DENIED");
  assert.equal(forbidden.seen.length, 3);
  const refused = await startLabKbs(t, { alter: (a, r) => (isGet(r) ? problem("TokenVerifierError") : a) });
  assert.equal(await failureCodeOf(refused.fetch({ retries: 3 })), "KBS_TOKEN_REFUSED");
  assert.equal(refused.seen.length, 6);
  const unproved = await startLabKbs(t);
  const attester = attesterOf({}, Buffer.from("no log"));
  assert.equal(await failureCodeOf(unproved.fetch({ attester, retries: 3 })), "KBS_ATTESTATION_REFUSED");
  assert.equal(unproved.seen.length, 2);
});

test("a token that expired on its way is asked for once more, and then it works", async (t) => {
  let gets = 0;
  const kbs = await startLabKbs(t, {
    alter: (a, r) => (isGet(r) && ++gets === 1 ? problem("TokenVerifierError") : a),
  });
  assert.equal(Buffer.from((await kbs.fetch()).bytes).toString("utf8"), credential);
  assert.equal(kbs.seen.length, 6);
});

test("one nonce in two sessions is refused before a second quote is made", async (t) => {
  const first: string[] = [];
  let quotes = 0;
  const kbs = await startLabKbs(t, {
    alter: (a, r) => {
      if (isGet(r)) return problem("TokenNotFound");
      if (!isAuth(r)) return a;
      first.push(String(a.body));
      return { ...a, body: first[0] ?? "" };
    },
  });
  const { attest } = attesterOf();
  const attester = { attest: (data: Uint8Array) => ((quotes += 1), attest(data)) };
  assert.equal(await failureCodeOf(kbs.fetch({ attester })), "KBS_NONCE_REPEATED");
  assert.equal(quotes, 1);
});

test("an attested session's old token, for another key or nonce, is refused", async (t) => {
  let old: string | undefined;
  const kbs = await startLabKbs(t, {
    alter: (a, r) => {
      if (!isAttest(r)) return a;
      old ??= String(a.body);
      return { ...a, body: old };
    },
  });
  await kbs.fetch();
  const failure = await failureOf(kbs.fetch());
  assert.equal(failure.code, "KBS_TOKEN_NONCE");
  const faults = failure.details.map((line) => line.split(":")[0]);
  assert.deepEqual(faults, ["KBS_TOKEN_NONCE", "KBS_TOKEN_TEE_KEY", "KBS_TOKEN_REPORT_DATA"]);
});

test("evidence that does not affirm gives a token, which is not taken any further", async (t) => {
  const kbs = await startLabKbs(t, { rego: scriptedRego(96) });
  assert.equal(await failureCodeOf(kbs.fetch()), "KBS_TOKEN_STATUS");
  assert.equal(kbs.seen.length, 2);
});

test("a clock an hour off, in either direction, is told", async (t) => {
  const kbs = await startLabKbs(t);
  const off = (hours: number) => failureCodeOf(kbs.fetch({ now: () => new Date(Date.now() + hours * 3_600_000) }));
  assert.equal(await off(1), "KBS_SESSION_EXPIRED");
  assert.equal(await off(-1), "KBS_TOKEN_NOT_YET_VALID");
});

test("another at the broker's address gets no byte: another root, another key, another name, no TLS", async (t) => {
  const other = await startLabKbs(t, { tls: stranger });
  assert.equal(await failureCodeOf(other.fetch()), "KBS_TLS_UNTRUSTED");
  const kbs = await startLabKbs(t);
  const { tokenRoot: tokenAuthority } = labAuthority;
  const pinned = kbsTrust({ tlsKeySha256: sha256(Buffer.from("another key")), tokenAuthority }, "local");
  assert.equal(await failureCodeOf(kbs.fetch({ trust: pinned })), "KBS_TLS_UNTRUSTED");
  // Not one of the certificate's names.
  const renamed = kbs.fetch({ url: kbs.url.replace("127.0.0.1", "127.0.0.2") });
  assert.ok(["KBS_TLS_UNTRUSTED", "KBS_UNREACHABLE"].includes(await failureCodeOf(renamed)));
  assert.equal(other.seen.length + kbs.seen.length, 0);
  const plain = createServer((_request, response) => response.end("{}"));
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  t.after(() => plain.close());
  const { port } = plain.address() as AddressInfo;
  assert.equal(await failureCodeOf(kbs.fetch({ url: `https://127.0.0.1:${port}/kbs` })), "KBS_UNREACHABLE");
});

test("a broker that is late, or away, is unavailable; one that stumbles is asked again", async (t) => {
  const late = await startLabKbs(t, { alter: (a) => wait(2000, a) });
  const failure = await failureOf(late.fetch({ timeoutMilliseconds: 200 }));
  assert.deepEqual([failure.code, failure.kind], ["KBS_UNREACHABLE", "unavailable"]);
  assert.match(failure.message, /no answer within 200 ms/);
  const away = await startLabKbs(t);
  await away.stop();
  assert.equal(await failureCodeOf(away.fetch()), "KBS_UNREACHABLE");
  let asked = 0;
  const stumbling = await startLabKbs(t, { alter: (a) => (++asked === 1 ? { status: 503, body: "" } : a) });
  assert.equal(Buffer.from((await stumbling.fetch({ retries: 1 })).bytes).toString("utf8"), credential);
  const down = await startLabKbs(t, { alter: () => ({ status: 503, body: "" }) });
  assert.equal(await failureCodeOf(down.fetch({ retries: 1 })), "KBS_ERROR_UNKNOWN");
  assert.equal(down.seen.length, 2);
});

test("ends with the signal's reason, wherever it is", async (t) => {
  const stop = new Failure({ code: "INTERRUPTED", kind: "unavailable", message: "Stop.", remedy: "Go on." });
  for (const when of [isAuth, isAttest, isGet]) {
    const controller = new AbortController();
    const kbs = await startLabKbs(t, {
      alter: (a, r) => {
        if (when(r)) controller.abort(stop);
        return when(r) ? wait(500, a) : a;
      },
    });
    assert.equal(await failureCodeOf(kbs.fetch({ signal: controller.signal })), "INTERRUPTED");
  }
  const kbs = await startLabKbs(t);
  assert.equal(await failureCodeOf(kbs.fetch({ signal: AbortSignal.abort(stop) })), "INTERRUPTED");
  assert.equal(kbs.seen.length, 0);
});
