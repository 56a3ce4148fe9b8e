import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { decodeJwt, jwtVerify } from "jose";
import { makeKbsAuthority } from "../../../../lab/kbs/authority.ts";
import type { KbsHttpAnswer, KbsHttpRequest, KbsService } from "../../../../lab/kbs/messages.ts";
import { makeKbsService } from "../../../../lab/kbs/service.ts";
import type { KbsServiceOptions } from "../../../../lab/kbs/service.ts";
import { adminToken } from "../../../../src/core/kbs/admin-token.ts";
import { attestRequest, authRequest, rcarReportData } from "../../../../src/core/kbs/rcar.ts";
import { teePublicKey } from "../../../../src/core/kbs/tee-key.ts";
import { certificatesOf } from "../../../../src/core/kbs/token-signer.ts";
import { labOrganization } from "../../../../src/core/sigstore/trusted-root.ts";
import {
  adminClaims,
  adminRequest,
  compiled,
  eventLog,
  goodReport,
  labAuthority,
  publish,
  scriptedRego,
  trustingVerification,
  unsignedQuote,
} from "../../../support/kbs.ts";
import type { QuotedReport } from "../../../support/kbs.ts";

/** The lab's key broker itself: what it refuses is what tests of clients rely on. */

let time = new Date();
const logged: string[] = [];
const make = (options: Partial<KbsServiceOptions> = {}): KbsService =>
  makeKbsService({
    authority: labAuthority,
    configuration: compiled.configs.kbs,
    verification: trustingVerification,
    rego: scriptedRego(),
    now: () => time,
    log: (line) => logged.push(line),
    ...options,
  });

const request = (changes: Partial<KbsHttpRequest>): KbsHttpRequest => ({
  method: "POST",
  path: "/kbs/v0/auth",
  query: "",
  cookie: "",
  authorization: "",
  body: Buffer.alloc(0),
  ...changes,
});

const key = teePublicKey(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey);
const bodyOf = ({ body }: KbsHttpAnswer): Record<string, string> => JSON.parse(String(body)) as Record<string, string>;
const kindOf = ({ status, body }: KbsHttpAnswer): string => {
  if (status === 200) return "ok";
  const { type = "" } = JSON.parse(String(body)) as { type?: string };
  return `${status} ${type.slice(type.lastIndexOf("/") + 1)}`;
};

async function challenged(service: KbsService): Promise<{ cookie: string; nonce: string }> {
  const answer = await service(request({ body: Buffer.from(authRequest()) }));
  const [cookie = ""] = String(answer.headers?.["set-cookie"]).split(";");
  return { cookie, nonce: bodyOf(answer)["nonce"] ?? "" };
}

function evidenceFor(nonce: string, changes: Partial<QuotedReport> = {}, log = eventLog(changes)): Buffer {
  const quote = unsignedQuote(rcarReportData(nonce, key), changes);
  return Buffer.from(attestRequest(nonce, key, { quote, eventLog: log }));
}

const attesting = (cookie: string, body: Buffer) => request({ path: "/kbs/v0/attest", cookie, body });

async function published(options: Partial<KbsServiceOptions> = {}): Promise<KbsService> {
  time = new Date();
  const service = make(options);
  await publish(service, time);
  return service;
}

test("another protocol version, TEE or form gets no challenge", async () => {
  const service = await published();
  const auth = async (message: unknown) =>
    kindOf(await service(request({ body: Buffer.from(JSON.stringify(message)) })));
  assert.equal(await auth({ version: "0.4.0", tee: "tdx", "extra-params": {} }), "ok");
  for (const version of ["0.1.1", "0.1.0", "0.4.1", "0.5.0"]) {
    assert.equal(await auth({ version, tee: "tdx", "extra-params": {} }), "401 AttestationError");
  }
  assert.equal(await auth({ version: "0.4.0", tee: "sample", "extra-params": {} }), "401 AttestationError");
  assert.equal(kindOf(await service(request({ body: Buffer.from("{") }))), "401 AttestationError");
});

test("a token says what Trustee's says, and another library verifies it", async () => {
  const service = await published();
  const { cookie, nonce } = await challenged(service);
  const token = bodyOf(await service(attesting(cookie, evidenceFor(nonce))))["token"] ?? "";
  const [leaf] = certificatesOf(labAuthority.tokenChain);
  assert.ok(leaf !== undefined);
  const { payload, protectedHeader } = await jwtVerify(token, leaf.publicKey, {
    algorithms: ["ES256"],
    currentDate: time,
  });
  assert.equal(protectedHeader.alg, "ES256");
  const { iss, eat_profile: profile, iat = 0, exp = 0 } = payload;
  assert.deepEqual(
    [iss, profile, exp - iat],
    ["CoCo-Attestation-Service", "tag:github.com,2024:confidential-containers/Trustee", 300],
  );
  const { submods } = payload as { submods: { cpu0: Record<string, unknown> } };
  assert.equal(submods.cpu0["ear.status"], "affirming");
  const evidence = submods.cpu0["ear.veraison.annotated-evidence"] as Record<string, Record<string, unknown>>;
  assert.deepEqual(evidence["runtime_data_claims"], { nonce, "tee-pubkey": key, "additional-evidence": "" });
  assert.equal(evidence["report_data"], Buffer.from(rcarReportData(nonce, key)).toString("hex"));
  const quote = evidence["tdx"]?.["quote"] as { header: unknown; body: Record<string, string> };
  assert.deepEqual(quote.header, {
    version: "0400",
    att_key_type: "0200",
    tee_type: "81000000",
    reserved: "00000000",
    vendor_id: "939a7233f79c4ca9940a0db3957f0607",
    user_data: "00".repeat(20),
  });
  assert.equal(quote.body["rtmr_1"], goodReport.rtmr1);
  assert.deepEqual(evidence["tdx"]?.["td_attributes"], {
    debug: false,
    septve_disable: true,
    protection_keys: false,
    key_locker: false,
    perfmon: false,
  });
});

test("a second attestation in an attested session gives the old token, whatever the evidence", async () => {
  const service = await published();
  const { cookie, nonce } = await challenged(service);
  const first = bodyOf(await service(attesting(cookie, evidenceFor(nonce))));
  assert.deepEqual(bodyOf(await service(attesting(cookie, Buffer.from("nonsense")))), first);
});

test("sessions end, and are nobody else's", async () => {
  const service = await published();
  const { cookie, nonce } = await challenged(service);
  const other = await challenged(service);
  const attest = async (one: string, body: Buffer) => kindOf(await service(attesting(one, body)));
  assert.equal(await attest("", evidenceFor(nonce)), "401 AttestationError");
  assert.equal(await attest(other.cookie, evidenceFor(nonce)), "401 AttestationError");
  assert.equal(logged.at(-1), "attestation refused: the nonce is not the session's");
  time = new Date(time.getTime() + 5 * 60_000 + 1);
  assert.equal(await attest(cookie, evidenceFor(nonce)), "401 AttestationError");
  assert.equal(logged.at(-1), "attestation refused: there is no such session, or it has expired");
});

test("evidence that does not verify, bind or replay is refused, and only the log says why", async () => {
  const service = await published();
  const attest = async (bodyFor: (nonce: string) => Buffer) => {
    const { cookie, nonce } = await challenged(service);
    const answer = await service(attesting(cookie, bodyFor(nonce)));
    return [kindOf(answer), logged.at(-1)];
  };
  const refused = (why: string) => ["401 AttestationError", `attestation refused: ${why}`];
  assert.deepEqual(
    await attest((nonce) => evidenceFor(nonce, {}, Buffer.from("{"))),
    refused("the event log can't be read"),
  );
  const moved = eventLog({ rtmr2: "99".repeat(48) });
  assert.deepEqual(
    await attest((nonce) => evidenceFor(nonce, {}, moved)),
    refused("the event log does not replay to rtmr2"),
  );
  const changed = (nonce: string, change: (message: Record<string, Record<string, unknown>>) => void): Buffer => {
    const message = JSON.parse(evidenceFor(nonce).toString("utf8")) as Record<string, Record<string, unknown>>;
    change(message);
    return Buffer.from(JSON.stringify(message));
  };
  const runtime = (members: object) => (nonce: string) =>
    changed(nonce, (message) => Object.assign(message["runtime-data"] ?? {}, members));
  const unbound = refused("REPORT_DATA is different from that in TDX Quote");
  assert.deepEqual(await attest(runtime({ "tee-pubkey": { ...key, x: key.kty === "EC" ? key.y : "" } })), unbound);
  assert.deepEqual(await attest(runtime({ "tee-pubkey": { kty: "EC" } })), refused("no attestation of protocol 0.4.0"));
  const primary = (members: object) => (nonce: string) =>
    changed(nonce, (message) => Object.assign(message["tee-evidence"]?.["primary_evidence"] ?? {}, members));
  assert.deepEqual(await attest(primary({ quote: "AAAA" })), refused("QUOTE_TRUNCATED"));
  // Trustee asks for no event log.
  assert.equal((await attest(primary({ cc_eventlog: null })))[0], "ok");
});

test("a key that was hashed with more members than KBS keeps does not match", async () => {
  const service = await published();
  const { cookie, nonce } = await challenged(service);
  const more = { ...key, use: "enc" };
  const quote = unsignedQuote(rcarReportData(nonce, more));
  const body = Buffer.from(attestRequest(nonce, more, { quote, eventLog: eventLog() }));
  assert.equal(kindOf(await service(attesting(cookie, body))), "401 AttestationError");
});

test("nothing is attested or released before policies are published", async () => {
  time = new Date();
  const service = make();
  const { cookie, nonce } = await challenged(service);
  assert.equal(kindOf(await service(attesting(cookie, evidenceFor(nonce)))), "401 AttestationError");
  const get = request({ method: "GET", path: "/kbs/v0/resource/default/credential/registry" });
  assert.equal(kindOf(await service(get)), "401 TokenNotFound");
});

test("a resource needs an own token that is still good, by cookie or bearer", async () => {
  const service = await published();
  const { cookie, nonce } = await challenged(service);
  const token = bodyOf(await service(attesting(cookie, evidenceFor(nonce))))["token"] ?? "";
  const get = async (changes: Partial<KbsHttpRequest>, path = "default/credential/registry") =>
    kindOf(await service(request({ method: "GET", path: `/kbs/v0/resource/${path}`, ...changes })));
  const authorization = `Bearer ${token}`;
  assert.equal(await get({ cookie }), "ok");
  assert.equal(await get({ authorization }), "ok");
  assert.equal(await get({ authorization: `${authorization}A` }), "401 TokenVerifierError");
  assert.equal(await get({ authorization: "Bearer a.b.c" }), "401 TokenVerifierError");
  assert.equal(await get({ authorization }, "default/credential/other"), "401 PluginInternalError");
  assert.equal(await get({ authorization }, "default/credential"), "404 InvalidRequestPath");
  time = new Date(time.getTime() + 5 * 60_000 + 1000);
  assert.equal(await get({ cookie }), "401 TokenNotFound");
  assert.equal(await get({ authorization }), "401 TokenVerifierError");
});

test("an administrator's token is of the one key, issuer, audience and role, not expired, and for these endpoints", async () => {
  time = new Date();
  const service = make();
  const { path, body } = compiled.requests[0] ?? assert.fail();
  const post = async (token: string, at = path) =>
    kindOf(await service({ ...adminRequest(at, body), authorization: token === "" ? "" : `Bearer ${token}` }));
  const token = (changes: object = {}, pem = labAuthority.adminKey, from = time) =>
    adminToken(pem, { ...adminClaims, ...changes }, from);
  assert.equal(await post(token()), "ok");
  const closed = "401 AdminAuthAccess";
  assert.equal(await post(""), closed);
  assert.equal(await post(token({}, makeKbsAuthority(time).adminKey)), closed);
  assert.equal(await post(token({ issuer: "other" })), closed);
  assert.equal(await post(token({ audience: "other" })), closed);
  assert.equal(await post(token({ role: "other" })), closed);
  assert.equal(await post(token({}, labAuthority.adminKey, new Date(time.getTime() - 21 * 60_000))), closed);
  for (const elsewhere of [
    "resource/default/credential/other",
    "resource/default/credential/registry/more",
    "resource/",
  ]) {
    const kind = await post(token(), `/kbs/v0/${elsewhere}`);
    assert.ok([closed, "404 PluginNotFound"].includes(kind), kind);
  }
  assert.equal(await post(token(), "/kbs/v0/resource/default/credential/registry"), "ok");
  assert.equal(await post(token(), "/kbs/v0/auth"), "401 AttestationError");
  // An attestation result is no administrator's token.
  const { cookie, nonce } = await challenged(service);
  const result = bodyOf(await service(attesting(cookie, evidenceFor(nonce))))["token"] ?? "";
  assert.equal(typeof decodeJwt(result).exp, "number");
  assert.equal(await post(result), closed);
  const read = { ...adminRequest("/kbs/v0/resource-policy", "", time), method: "GET" };
  assert.equal(await service(read).then(({ status }) => status), 200);
  assert.equal(kindOf(await service({ ...read, authorization: "" })), closed);
  assert.equal(kindOf(await service({ ...read, path: "/kbs/v0/constructor" })), "404 PluginNotFound");
});

test("publication that is none is refused, and a body beyond the configured size", async () => {
  const service = await published();
  const post = async (path: string, body: string) => kindOf(await service(adminRequest(path, body, time)));
  assert.equal(await post("/kbs/v0/attestation-policy", "{"), "401 AttestationError");
  assert.equal(await post("/kbs/v0/resource-policy", '{"policy":"+/"}'), "401 PolicyEngineError");
  assert.equal(
    await post("/kbs/v0/reference-value", '{"version":"0.1.0","type":"swid","payload":""}'),
    "401 AttestationError",
  );
  const large = await service(
    adminRequest("/kbs/v0/resource/default/credential/registry", Buffer.alloc(2 * 1024 * 1024 + 1), time),
  );
  assert.equal(large.status, 413);
});

test("every authority's certificate is marked as the lab's", () => {
  const { tokenChain, tokenRoot, tlsCertificate, tlsAuthority } = labAuthority;
  const all = [tokenChain, tokenRoot, tlsCertificate, tlsAuthority].flatMap(certificatesOf);
  assert.equal(all.length, 5);
  for (const { subject } of all) assert.ok(subject.includes(`O=${labOrganization}`), subject);
});
