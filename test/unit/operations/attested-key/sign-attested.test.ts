import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { labMachine } from "../../../../lab/tdx/lab-machine.ts";
import { createTdxPki, newTdxKeys } from "../../../../lab/tdx/pki.ts";
import { simulatePlatform } from "../../../../lab/tdx/platform.ts";
import { createTsmAttester } from "../../../../src/adapters/tsm/attester.ts";
import { requestTimestamp } from "../../../../src/adapters/fulcio-rekor/request-timestamp.ts";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import { policyDigest } from "../../../../src/core/policy/policy-digest.ts";
import { parseReference } from "../../../../src/core/release/reference.ts";
import type { VerifiedQuote } from "../../../../src/core/tdx/contract.ts";
import { proven } from "../../../../src/core/verify/finding.ts";
import { attestSelf } from "../../../../src/operations/attested-key/attest-self.ts";
import type { AttestedSigner } from "../../../../src/operations/attested-key/attested-signer.ts";
import { hasOwnSignature } from "../../../../src/operations/attested-key/own-signature.ts";
import { signAttested } from "../../../../src/operations/attested-key/sign-attested.ts";
import { verifyImage } from "../../../../src/operations/verify-image.ts";
import { failureCodeOf } from "../../../support/failures.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { serveRelease } from "../../../support/release-registry.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { teeLabOf } from "../../../support/tee.ts";

const lab = await startReleaseLab();
const tee = teeLabOf(lab);
const machine = labMachine();
const keys = newTdxKeys();
const pki = createTdxPki({ now: new Date(Date.now() - 24 * 3600_000), keys });
const tsa = lab.sigstore.server.urls.tsa;

async function rig(t: TestContext, changes: Partial<AttestedSigner> = {}, evidence = lab.evidence) {
  const served = await serveRelease(t, lab, { evidence });
  const platform = simulatePlatform({ pki, ...machine, now: () => new Date(Date.now() - 3600_000) });
  const policy = lab.policyWith({ "images.0.repository": served.repository });
  const signer: AttestedSigner = {
    attester: platform,
    collateral: platform,
    timestamps: [(data, signal) => requestTimestamp({ url: tsa, data, signal })],
    policy,
    trustedRoot: lab.evidence.trustedRoot,
    trust: pki.trust,
    key: { kind: "ephemeral" },
    now: () => new Date(),
    ...changes,
  };
  const client = createRegistryClient();
  const reference = parseReference(served.reference);
  const verifying = {
    ...policy,
    tee: {
      ...tee.policy().tee!,
      platforms: [pki.platform.ppid],
      policyDigests: [policyDigest(policy).slice("sha256:".length)],
    },
  };
  const verify = () =>
    verifyImage(client, {
      reference,
      policy: verifying,
      trustedRoot: lab.evidence.trustedRoot,
      now: new Date(),
      tee: { signer: proven(tee.signer), quoteRoot: pki.root.certificate },
    });
  return { served, signer, client, reference, verify };
}

const codeOf = (work: Promise<unknown>): Promise<string> => failureCodeOf(work, "done");

test("what it signs verifies under a policy with tee, and is known as its own", async (t) => {
  const { signer, client, reference, verify, served } = await rig(t);
  const before = await verify();
  assert.deepEqual(codesOf(before.result), ["TEE_SIGNATURE_MISSING"]);
  const signed = await signAttested(client, signer, reference);
  const after = await verify();
  assert.deepEqual(codesOf(after.result), []);
  assert.ok(after.result.ok);
  assert.equal(after.result.proof.data.tee?.referrer, signed.referrer);
  const { quote } = await attestSelf(signer);
  const at = { repository: served.repository, digest: lab.evidence.digest };
  const isSigned = (own: VerifiedQuote): Promise<boolean> => hasOwnSignature(client, signer, own, at);
  assert.equal(await isSigned(quote), true);
  // Statements that were newer then than now are no reason to sign again.
  assert.equal(await isSigned({ ...quote, tcb: { ...quote.tcb, evaluation: quote.tcb.evaluation - 1 } }), true);
  for (const [what, other] of [
    ["another image", { report: { ...quote.report, rtmr1: "1".repeat(96) } }],
    ["another platform that booted the same image", { ppid: "1".repeat(32) }],
    ["a host that was updated since", { tcb: { ...quote.tcb, status: "OutOfDate" } }],
    ["newer statements of Intel's", { tcb: { ...quote.tcb, evaluation: quote.tcb.evaluation + 1 } }],
  ] as const) {
    assert.equal(await isSigned({ ...quote, ...other }), false, what);
  }
});

test("who boots the same image on a machine of his own does not keep the signer from signing", async (t) => {
  const { signer, client, reference, verify, served } = await rig(t);
  // Under the same root, as everybody's machines are under Intel's.
  const stranger = createTdxPki({
    now: new Date(Date.now() - 24 * 3600_000),
    keys,
    platform: { ...pki.platform, ppid: "9".repeat(32) },
  });
  const elsewhere = simulatePlatform({ pki: stranger, ...machine, now: () => new Date(Date.now() - 3600_000) });
  await signAttested(client, { ...signer, attester: elsewhere, collateral: elsewhere }, reference);
  assert.deepEqual(codesOf((await verify()).result), ["TEE_PLATFORM_NOT_ALLOWED"]);
  const { quote } = await attestSelf(signer);
  const at = { repository: served.repository, digest: lab.evidence.digest };
  assert.equal(await hasOwnSignature(client, signer, quote, at), false);
  await signAttested(client, signer, reference);
  assert.deepEqual(codesOf((await verify()).result), []);
});

test("two signatures have two keys and two quotes", async (t) => {
  const { signer, client, reference } = await rig(t);
  const [one, two] = [await signAttested(client, signer, reference), await signAttested(client, signer, reference)];
  assert.notEqual(one.fingerprint, two.fingerprint);
  assert.notEqual(one.referrer, two.referrer);
});

test("an image that does not verify is not signed: nothing reaches the registry, and nobody is asked for a key, a time or a quote", async (t) => {
  const asked: string[] = [];
  const asking = (what: string) => () => {
    asked.push(what);
    return Promise.reject(new Error(what));
  };
  const changes = {
    key: { kind: "kbs-key", fetch: asking("key") },
    timestamps: [asking("stamp")],
    attester: { attest: asking("quote") },
  } as const;
  const { signer, client, reference, served } = await rig(t, changes, lab.without("provenance"));
  const before = served.registry.manifests.size;
  assert.equal(await codeOf(signAttested(client, signer, reference)), "RELEASE_REFUSED");
  assert.equal(served.registry.manifests.size, before);
  assert.deepEqual(asked, []);
});

const down = (): Promise<Uint8Array> =>
  requestTimestamp({ url: "http://127.0.0.1:1/api/v1/timestamp", data: Buffer.from("x"), timeoutMilliseconds: 500 });
const debugged = simulatePlatform({
  pki,
  ...machine,
  now: () => new Date(Date.now() - 3600_000),
  report: { tdAttributes: "0100001000000000" },
});

const revoked = simulatePlatform({
  pki,
  ...machine,
  now: () => new Date(Date.now() - 3600_000),
  quote: { qe: { svn: 1 } },
});

const stamp: AttestedSigner["timestamps"][number] = (data, signal) => requestTimestamp({ url: tsa, data, signal });
// The rest of the area that the firmware reserved.
const longWinded = simulatePlatform({
  pki,
  ...machine,
  eventLog: Buffer.concat([machine.eventLog, Buffer.alloc(1024 * 1024, 0xff)]),
  now: () => new Date(Date.now() - 3600_000),
});

const cases: readonly (readonly [string, Partial<AttestedSigner>, string])[] = [
  ["a clock an hour ahead", { now: () => new Date(Date.now() + 3600_000) }, "ATTESTED_CLOCK"],
  // What was signed just now lies in its future.
  ["a clock an hour behind", { now: () => new Date(Date.now() - 3600_000) }, "RELEASE_REFUSED"],
  ["no configfs", { attester: createTsmAttester({ root: import.meta.dirname }) }, "TSM_ABSENT"],
  ["no authority", { timestamps: [] }, "ATTESTED_NO_AUTHORITY"],
  [
    "an authority that nobody trusts",
    { timestamps: [() => Promise.resolve(Buffer.from("x"))] },
    "ATTESTED_TIME_INVALID",
  ],
  ["an authority that is down", { timestamps: [down] }, "SIGNING_TSA_UNAVAILABLE"],
  ["a policy that demands its own signature", { policy: tee.policy() }, "ATTESTED_POLICY_HAS_TEE"],
  ["a machine with debug on", { attester: debugged, collateral: debugged }, "ATTESTED_SELF_CHECK"],
  ["more stamps than a document carries", { timestamps: [stamp, stamp, stamp, stamp, stamp] }, "ATTESTED_SELF_CHECK"],
  ["an event log that no document carries", { attester: longWinded, collateral: longWinded }, "ATTESTED_SELF_CHECK"],
  ["a platform that Intel revoked", { attester: revoked, collateral: revoked }, "ATTESTED_SELF_CHECK"],
];

for (const [what, changes, code] of cases) {
  test(`${what}: nothing is published, and the code says why`, async (t) => {
    const { signer, client, reference, served } = await rig(t, changes);
    const before = served.registry.manifests.size;
    assert.equal(await codeOf(signAttested(client, signer, reference)), code);
    assert.equal(served.registry.manifests.size, before);
  });
}

test("a machine is attested by Intel's rules, or says why not", async (t) => {
  const { signer } = await rig(t);
  const { quote } = await attestSelf(signer);
  assert.equal(quote.tcb.status, "UpToDate");
  for (const changes of [
    { attester: debugged, collateral: debugged },
    { attester: revoked, collateral: revoked },
    { trust: createTdxPki({ now: new Date() }).trust },
    { attester: { attest: () => signer.attester.attest(new Uint8Array(64)) } },
    { now: () => new Date(Date.now() + 40 * 24 * 3600_000) },
  ]) {
    assert.equal(await codeOf(attestSelf({ ...signer, ...changes })), "ATTESTED_NOT_ATTESTED");
  }
});

test("a key of the key broker's signs, and is labelled", async (t) => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const key = { kind: "kbs-key", fetch: () => Promise.resolve(privateKey) } as const;
  const { signer, client, reference, verify } = await rig(t, { key });
  const signed = await signAttested(client, signer, reference);
  assert.equal(signed.key, "kbs-key");
  const { result } = await verify();
  assert.ok(result.ok);
  assert.match(result.proof.data.tee?.notes.join() ?? "", /the KBS operator can sign/);
});
