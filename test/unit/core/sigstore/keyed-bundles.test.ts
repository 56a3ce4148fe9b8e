import assert from "node:assert/strict";
import { createHash, sign } from "node:crypto";
import { test } from "node:test";
import { ed25519ph } from "@noble/curves/ed25519.js";
import { Failure } from "../../../../src/core/failure.ts";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { readTrustedRoot } from "../../../../src/core/sigstore/trusted-root.ts";
import { verifyBundle } from "../../../../src/core/sigstore/verify-bundle.ts";
import type { VerifyKeyedBundleInput } from "../../../../src/core/sigstore/verify-bundle.ts";
import { toPem } from "../../../../lab/sigstore/certificates.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { changed, readJson, sampleHex, sampleStatement, stamp, writeJson } from "../../../support/sigstore-handmade.ts";
import type { LogEntryJson } from "../../../support/sigstore-handmade.ts";
import {
  appendEntry,
  entryKinds,
  keyVerifier,
  keyedBundle,
  keyedMessage,
  managedKey,
} from "../../../support/sigstore-keyed.ts";
import type { ManagedKey } from "../../../support/sigstore-keyed.ts";
import { labThresholds, withLabSigstore } from "../../../support/sigstore-lab.ts";
import type { LabSigstore } from "../../../support/sigstore-lab.ts";

const type = predicateTypes.provenance;
const statement = sampleStatement(type);
const thresholds = { ...labThresholds, tsa: 0 };

function good(lab: LabSigstore, key: ManagedKey, bundle: Uint8Array): VerifyKeyedBundleInput {
  return {
    bundle,
    root: lab.root,
    thresholds,
    key: key.trusted,
    subject: { kind: "digest", algorithm: "sha256", hex: sampleHex },
    predicateType: type,
    now: new Date(),
  };
}

function codes(lab: LabSigstore, key: ManagedKey, bundle: Uint8Array): readonly string[] {
  return codesOf(verifyBundle(good(lab, key, bundle)));
}

function entryOf(json: ReturnType<typeof readJson>): LogEntryJson {
  const [entry] = json.verificationMaterial.tlogEntries;
  assert.ok(entry);
  return entry;
}

for (const kind of entryKinds) {
  test(`accepts a bundle that was signed with the given key, with an entry of kind ${kind}, with and without a time stamp`, async () => {
    await withLabSigstore((lab) => {
      const key = managedKey();
      for (const stamped of [false, true]) {
        const result = verifyBundle(good(lab, key, keyedBundle(lab, key, statement, { entries: [kind], stamped })));
        assert.ok(result.ok, JSON.stringify(result));
        assert.equal(result.proof.key, key.trusted.sha256);
        assert.equal(result.proof.predicateType, type);
        assert.equal(result.proof.logs.length, 1);
        const promised = kind.endsWith("0.0.1") || kind.startsWith("intoto");
        assert.deepEqual(
          result.proof.times.map(({ source }) => source),
          [...(promised ? ["tlog"] : []), ...(stamped ? ["tsa"] : [])],
        );
      }
    });
  });

  test(`refuses an entry of kind ${kind} that names another key, or a certificate, although all else holds`, async () => {
    await withLabSigstore(async (lab) => {
      const [key, other] = [managedKey(), managedKey()];
      const certificate = readJson(await lab.sign(statement)).verificationMaterial.certificate?.rawBytes ?? "";
      const certified = {
        pem: toPem(Buffer.from(certificate, "base64")),
        v2: { x509Certificate: { rawBytes: certificate } },
      };
      const both = { pem: key.pem + other.pem, v2: { ...keyVerifier(key).v2, ...certified.v2 } };
      for (const verifier of [keyVerifier(other), certified, both]) {
        const bundle = keyedBundle(lab, key, statement, { entries: [kind], verifier });
        assert.deepEqual(codes(lab, key, bundle), ["BUNDLE_LOG_INVALID"]);
      }
    });
  });
}

for (const [kind, hash] of [
  ["P-256", "sha256"],
  ["P-384", "sha384"],
  ["P-384", "sha256"],
  ["P-521", "sha512"],
  ["P-521", "sha256"],
  ["Ed25519", null],
  ["RSA", "sha256"],
] as const) {
  test(`accepts envelopes signed with a key of kind ${kind} by ${hash ?? "its own hash"}, and refuses them for another key`, async () => {
    await withLabSigstore((lab) => {
      const [key, other] = [managedKey(kind), managedKey(kind)];
      const bundle = keyedBundle(lab, key, statement, { hash });
      assert.deepEqual(codes(lab, key, bundle), []);
      assert.deepEqual(codes(lab, other, bundle), ["BUNDLE_SIGNATURE_INVALID", "BUNDLE_LOG_INVALID"]);
    });
  });
}

test("a weaker hash than those registered for the key's curve is no signature", async () => {
  await withLabSigstore((lab) => {
    for (const kind of ["P-256", "RSA"] as const) {
      const key = managedKey(kind);
      assert.deepEqual(codes(lab, key, keyedBundle(lab, key, statement, { hash: "sha512" })), [
        "BUNDLE_SIGNATURE_INVALID",
      ]);
    }
  });
});

for (const kind of ["P-256", "P-384", "P-521", "Ed25519", "RSA"] as const) {
  test(`a message signature with a key of kind ${kind} is verified by bytes, by all digests, and for no other artifact`, async () => {
    await withLabSigstore((lab) => {
      const key = managedKey(kind);
      const artifact = Buffer.from("an artifact");
      const algorithm = kind === "P-384" ? "sha384" : kind === "P-256" || kind === "RSA" ? "sha256" : "sha512";
      const digestOf = (name: string): Buffer => createHash(name).update(artifact).digest();
      const seed = Buffer.from(key.privateKey.export({ format: "jwk" }).d ?? "", "base64url");
      const signature = kind === "Ed25519" ? ed25519ph.sign(artifact, seed) : sign(algorithm, artifact, key.privateKey);
      const bundle = keyedMessage(lab, key, { digest: digestOf(algorithm), algorithm, signature });
      const { predicateType: _none, ...input } = good(lab, key, bundle);
      const digests = {
        sha256: digestOf("sha256").toString("hex"),
        sha384: digestOf("sha384").toString("hex"),
        sha512: digestOf("sha512").toString("hex"),
      };
      const found = (subject: VerifyKeyedBundleInput["subject"], other = key): readonly string[] =>
        codesOf(verifyBundle({ ...input, subject, key: other.trusted }));
      assert.deepEqual(found({ kind: "artifact", bytes: artifact }), []);
      assert.deepEqual(found({ kind: "digests", digests }), []);
      assert.deepEqual(found({ kind: "digest", algorithm, hex: digests[algorithm] }), []);
      assert.deepEqual(found({ kind: "artifact", bytes: Buffer.from("another") }), ["STATEMENT_SUBJECT_MISMATCH"]);
      assert.deepEqual(found({ kind: "digests", digests: { ...digests, [algorithm]: "00" } }), [
        "STATEMENT_SUBJECT_MISMATCH",
      ]);
      assert.deepEqual(found({ kind: "artifact", bytes: artifact }, managedKey(kind)), [
        "BUNDLE_SIGNATURE_INVALID",
        "BUNDLE_LOG_INVALID",
      ]);
    });
  });
}

test("a bundle with a certificate is refused for a key, and one with a key for an identity or for any signer", async () => {
  await withLabSigstore(async (lab) => {
    const key = managedKey();
    const certified = await lab.sign(statement);
    assert.deepEqual(codes(lab, key, certified), ["BUNDLE_CERTIFICATE_NOT_KEY"]);
    const keyed = keyedBundle(lab, key, statement, { stamped: true });
    const { key: _none, ...rest } = good(lab, key, keyed);
    for (const input of [{ ...rest, identity: lab.identity() }, rest])
      assert.deepEqual(codesOf(verifyBundle(input)), ["BUNDLE_KEY_NOT_CERTIFICATE"]);
    const both = changed(keyed, (json) => {
      json.verificationMaterial.certificate = readJson(certified).verificationMaterial.certificate ?? { rawBytes: "" };
    });
    assert.deepEqual(codes(lab, key, both), ["BUNDLE_CERTIFICATE_NOT_KEY"]);
  });
});

test("a hint is nobody's word: any is taken, and a key in its place, or nothing, is refused", async () => {
  await withLabSigstore((lab) => {
    const key = managedKey();
    const bundle = keyedBundle(lab, key, statement);
    const withKey = (publicKey: unknown): Uint8Array =>
      changed(bundle, (json) => {
        Object.assign(json.verificationMaterial, { publicKey });
      });
    for (const publicKey of [{ hint: "another" }, { hint: "" }, {}])
      assert.deepEqual(codes(lab, key, withKey(publicKey)), [], JSON.stringify(publicKey));
    for (const publicKey of [
      { rawBytes: "AAAA" },
      { hint: 7 },
      { hint: "x".repeat(2000) },
      { hint: "", extra: 1 },
      null,
    ])
      assert.deepEqual(codes(lab, key, withKey(publicKey)), ["BUNDLE_INVALID"], JSON.stringify(publicKey));
  });
});

test("usage: a key together with an identity, or a key that is none, is told before anything is read", async () => {
  await withLabSigstore((lab) => {
    const input = good(lab, managedKey(), new Uint8Array());
    const throws = (change: Record<string, unknown>, code: string): void => {
      assert.throws(
        () => verifyBundle({ ...input, ...change }),
        (error) => error instanceof Failure && error.code === code && error.kind === "usage",
      );
    };
    throws({ identity: lab.identity() }, "SIGNER_AMBIGUOUS");
    for (const key of [undefined, null, {}, "key"]) throws({ key }, "KEY_MISSING");
    throws({ thresholds: { ...thresholds, tlog: 0 } }, "THRESHOLD_INVALID");
  });
});

test("a bundle without log entries is refused, and one log's two entries count once", async () => {
  await withLabSigstore((lab) => {
    const key = managedKey();
    const none = keyedBundle(lab, key, statement, { entries: [], stamped: true });
    assert.deepEqual(codes(lab, key, none), ["BUNDLE_THRESHOLD"]);
    const twice = keyedBundle(lab, key, statement, { entries: ["dsse 0.0.2", "hashedrekord 0.0.2"] });
    assert.deepEqual(codes(lab, key, twice), []);
    const two = { ...thresholds, tlog: 2 };
    assert.deepEqual(codesOf(verifyBundle({ ...good(lab, key, twice), thresholds: two })), ["BUNDLE_THRESHOLD"]);
    const logs = keyedBundle(lab, key, statement, { entries: ["dsse 0.0.1", "dsse 0.0.2"] });
    assert.deepEqual(codesOf(verifyBundle({ ...good(lab, key, logs), thresholds: two })), []);
  });
});

test("promise, proof and time stamp must hold as for a certificate, each although it could lack", async () => {
  await withLabSigstore((lab) => {
    const key = managedKey();
    const bundle = keyedBundle(lab, key, statement, { stamped: true });
    const signature = Buffer.from(readJson(bundle).dsseEnvelope?.signatures[0]?.sig ?? "", "base64");
    const forged: [(entry: LogEntryJson) => void, string][] = [
      [(entry) => (entry.integratedTime = "1000000000"), "BUNDLE_LOG_INVALID"],
      [(entry) => (entry.inclusionPromise = { signedEntryTimestamp: "MAA=" }), "BUNDLE_LOG_INVALID"],
      [(entry) => (entry.canonicalizedBody = Buffer.from("{}").toString("base64")), "BUNDLE_LOG_INVALID"],
      [(entry) => entry.inclusionProof?.hashes.push("AAAA"), "BUNDLE_LOG_INVALID"],
      [(entry) => delete entry.inclusionProof, "BUNDLE_INVALID"],
    ];
    for (const [change, code] of forged) {
      const bad = changed(bundle, (json) => {
        change(entryOf(json));
      });
      assert.deepEqual(codes(lab, key, bad), [code], String(change));
    }
    for (const signedTimestamp of [stamp(lab, Buffer.from("another"), new Date()), "MAA="]) {
      const bad = changed(bundle, (json) => {
        json.verificationMaterial.timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp }] };
      });
      assert.deepEqual(codes(lab, key, bad), ["BUNDLE_TIME_INVALID"]);
    }
    const late = stamp(lab, signature, new Date(Date.now() + 600_000));
    const future = changed(bundle, (json) => {
      json.verificationMaterial.timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp: late }] };
    });
    assert.deepEqual(codes(lab, key, future), ["BUNDLE_TIME_INVALID"]);
  });
});

test("without any trusted time, only a log counts whose key's validity has no end; with one, the window is what counts", async () => {
  await withLabSigstore((lab) => {
    const key = managedKey();
    const found = (bundle: Uint8Array, end?: Date): readonly string[] => {
      const json = JSON.parse(Buffer.from(lab.trustedRoot).toString()) as {
        tlogs: { publicKey: { validFor: { start: string; end?: string } } }[];
      };
      for (const { publicKey } of json.tlogs) if (end !== undefined) publicKey.validFor.end = end.toISOString();
      const root = readTrustedRoot(writeJson(json), "keys");
      assert.ok(root.ok);
      return codesOf(verifyBundle({ ...good(lab, key, bundle), root: root.proof }));
    };
    const [hour, later] = [3_600_000, new Date(Date.now() + 7_200_000)];
    const timeless = keyedBundle(lab, key, statement, { entries: ["dsse 0.0.2"] });
    const stamped = keyedBundle(lab, key, statement, { entries: ["dsse 0.0.2"], stamped: true });
    assert.deepEqual(found(timeless), []);
    assert.deepEqual(found(timeless, later), ["BUNDLE_LOG_INVALID"]);
    assert.deepEqual(found(stamped, later), []);
    assert.deepEqual(found(stamped, new Date(Date.now() - hour)), ["BUNDLE_LOG_INVALID"]);
  });
});

test("a root that names a log alone serves keys, and is none for identities", async () => {
  await withLabSigstore((lab) => {
    const key = managedKey();
    const json = JSON.parse(Buffer.from(lab.trustedRoot).toString()) as { mediaType: string; tlogs: unknown };
    const bytes = writeJson({ mediaType: json.mediaType, tlogs: json.tlogs });
    assert.deepEqual(codesOf(readTrustedRoot(bytes)), ["ROOT_INVALID"]);
    const root = readTrustedRoot(bytes, "keys");
    assert.ok(root.ok);
    const bundle = keyedBundle(lab, key, statement);
    assert.deepEqual(codesOf(verifyBundle({ ...good(lab, key, bundle), root: root.proof })), []);
    const empty = readTrustedRoot(writeJson({ mediaType: json.mediaType }), "keys");
    assert.ok(empty.ok);
    assert.deepEqual(codesOf(verifyBundle({ ...good(lab, key, bundle), root: empty.proof })), ["BUNDLE_LOG_INVALID"]);
  });
});

test("a statement about another subject, or of another predicate type, is refused as for a certificate", async () => {
  await withLabSigstore((lab) => {
    const key = managedKey();
    const bundle = keyedBundle(lab, key, sampleStatement(predicateTypes.spdx, { sha256: "cd".repeat(32) }));
    assert.deepEqual(codes(lab, key, bundle), ["STATEMENT_SUBJECT_MISMATCH", "STATEMENT_PREDICATE_TYPE"]);
  });
});

test("an entry that was appended for the key by another signature is refused", async () => {
  await withLabSigstore((lab) => {
    const key = managedKey();
    const bundle = keyedBundle(lab, key, statement);
    const digest = createHash("sha256").update("another").digest();
    const signature = sign("sha256", Buffer.from("another"), key.privateKey);
    const swapped = changed(bundle, (json) => {
      json.verificationMaterial.tlogEntries = [
        appendEntry(lab, "hashedrekord 0.0.1", { digest, algorithm: "sha256", signature }, keyVerifier(key)),
      ];
    });
    assert.deepEqual(codes(lab, key, swapped), ["BUNDLE_LOG_INVALID"]);
  });
});
