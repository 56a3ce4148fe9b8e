import assert from "node:assert/strict";
import { createHash, sign } from "node:crypto";
import { test } from "node:test";
import { payloadType, predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { writeStatement } from "../../../../src/core/intoto/write-statement.ts";
import { verifyBundle, verifyBundleCryptography } from "../../../../src/core/sigstore/verify-bundle.ts";
import { cryptographyCodes, provenInput } from "../../../support/bundle-verdicts.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { changed, handmadeBundle, sampleHex, sampleStatement } from "../../../support/sigstore-handmade.ts";
import { keyedMessage, managedKey } from "../../../support/sigstore-keyed.ts";
import { labThresholds, withLabSigstore } from "../../../support/sigstore-lab.ts";

/** Advisories of Sigstore's implementations about what was signed, and about bundles without end, each seen refused here. */
const type = predicateTypes.provenance;
const statement = sampleStatement(type);

test("T14, CVE-2026-48758: a payload type other than in-toto's, and one that differs only outside ASCII, is refused", async () => {
  await withLabSigstore(async (lab) => {
    for (const other of [
      "application/json",
      "application/vnd.in-toto+json ",
      "application/vnd.in\u2010toto+json",
      `${payloadType}\u0100`,
    ]) {
      assert.deepEqual(
        cryptographyCodes(lab, await handmadeBundle(lab, { statement, payloadType: other })),
        ["STATEMENT_PAYLOAD_TYPE"],
        other,
      );
    }
    // The low byte of U+0161 is the ASCII letter a: an encoder that keeps it only would see the signed type.
    const signed = await handmadeBundle(lab, { statement });
    const renamed = changed(signed, (json) => {
      if (json.dsseEnvelope !== undefined) json.dsseEnvelope.payloadType = payloadType.replace("a", "\u0161");
    });
    assert.deepEqual(cryptographyCodes(lab, renamed), ["STATEMENT_PAYLOAD_TYPE"]);
  });
});

test("T15: a signed statement with duplicate keys, __proto__, or that is none, is refused", async () => {
  await withLabSigstore(async (lab) => {
    const subject = `[{"name":"x","digest":{"sha256":"${sampleHex}"}}]`;
    const head = `"_type":"https://in-toto.io/Statement/v1","predicateType":"${type}","predicate":{}`;
    for (const text of [
      `{${head},"subject":${subject},"subject":${subject}}`,
      `{${head},"subject":[{"digest":{"sha256":"${"0".repeat(64)}","sha256":"${sampleHex}"}}]}`,
      `{${head},"subject":${subject},"__proto__":{}}`,
      `{${head.replace("Statement/v1", "Statement/v9")},"subject":${subject}}`,
      `{${head},"subject":[]}`,
      `{"subject":${subject}}`,
      "not JSON",
    ]) {
      const bundle = await lab.sign(Buffer.from(text));
      assert.deepEqual(codesOf(verifyBundle(provenInput(lab, bundle))), ["STATEMENT_INVALID"], text);
    }
  });
});

test("T16: a subject in upper case, by sha512 alone or by an unknown algorithm does not name an image", async () => {
  await withLabSigstore(async (lab) => {
    for (const digest of [
      { sha256: sampleHex.toUpperCase() },
      { sha512: sampleHex.repeat(2) },
      { narHash: sampleHex },
      { SHA256: sampleHex },
      { sha256: `sha256:${sampleHex}` },
      { sha256: "cd".repeat(32), dirHash: sampleHex },
    ]) {
      const bundle = await lab.sign(sampleStatement(type, digest));
      assert.deepEqual(
        codesOf(verifyBundle(provenInput(lab, bundle))),
        ["STATEMENT_SUBJECT_MISMATCH"],
        JSON.stringify(digest),
      );
    }
  });
});

test("T25, sigstore-ruby 0.2.2: a statement about another digest is refused although its signature holds", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(sampleStatement(type, { sha256: "cd".repeat(32) }));
    assert.deepEqual(codesOf(verifyBundle(provenInput(lab, bundle))), ["STATEMENT_SUBJECT_MISMATCH"]);
    assert.ok(verifyBundleCryptography(bundle, lab.root, labThresholds).ok);
  });
});

test("sigstore-python#1652: a digest in the bundle that is not the artifact's is refused, whatever the signature covers", async () => {
  await withLabSigstore((lab) => {
    const key = managedKey();
    const artifact = Buffer.from("an artifact");
    const digestOf = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
    const message = { algorithm: "sha256" as const, signature: sign("sha256", artifact, key.privateKey) };
    const found = (bundle: Uint8Array, bytes: Uint8Array): readonly string[] =>
      codesOf(
        verifyBundle({
          bundle,
          root: lab.root,
          thresholds: { ...labThresholds, tsa: 0 },
          key: key.trusted,
          subject: { kind: "artifact", bytes },
        }),
      );
    const other = digestOf(Buffer.from("another"));
    const honest = keyedMessage(lab, key, { ...message, digest: digestOf(artifact) });
    assert.deepEqual(found(honest, artifact), []);
    assert.deepEqual(found(honest, Buffer.from("another")), ["STATEMENT_SUBJECT_MISMATCH"]);
    const lying = keyedMessage(lab, key, { ...message, digest: other });
    assert.deepEqual(found(lying, artifact), ["BUNDLE_SIGNATURE_INVALID"]);
    assert.deepEqual(found(lying, Buffer.from("another")), ["BUNDLE_SIGNATURE_INVALID"]);
    const digest = other.toString("base64");
    const swapped = changed(honest, (json) => {
      Object.assign(json, {
        messageSignature: { ...messageOf(json), messageDigest: { algorithm: "SHA2_256", digest } },
      });
    });
    assert.deepEqual(found(swapped, artifact), ["BUNDLE_SIGNATURE_INVALID", "BUNDLE_LOG_INVALID"]);
  });
});

function messageOf(json: object): object {
  return "messageSignature" in json && typeof json.messageSignature === "object" ? (json.messageSignature ?? {}) : {};
}

test("T26: media types that are not known are refused, whatever their form", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement);
    for (const mediaType of [
      "application/vnd.dev.sigstore.bundle.v0.9+json",
      "application/vnd.dev.sigstore.bundle+json;version=0.9",
      "application/vnd.dev.sigstore.bundle.v0.3+json; charset=utf-8",
      "application/vnd.dev.sigstore.bundle.v0.30+json",
      "application/vnd.dev.sigstore.bundle.v0.1+json",
      "",
    ]) {
      const other = changed(bundle, (json) => {
        json.mediaType = mediaType;
      });
      assert.deepEqual(cryptographyCodes(lab, other), ["BUNDLE_MEDIA_TYPE"], mediaType);
    }
  });
});

test("CVE-2026-39395: a payload that is no statement, or of another predicate type, is refused when a type is asked for", async () => {
  await withLabSigstore(async (lab) => {
    for (const payload of ["{", "null", "[]", `{"predicateType":"${type}"}`]) {
      const input = provenInput(lab, await lab.sign(Buffer.from(payload)));
      assert.deepEqual(codesOf(verifyBundle(input)), ["STATEMENT_INVALID"], payload);
    }
    const input = provenInput(lab, await lab.sign(sampleStatement(predicateTypes.spdx)));
    assert.deepEqual(codesOf(verifyBundle(input)), ["STATEMENT_PREDICATE_TYPE"]);
  });
});

test("CVE-2024-45395: entries, time stamps, certificates and subjects without end are refused, and soon", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement);
    const repeat = <T>(value: T | undefined, count: number): T[] => {
      assert.ok(value !== undefined);
      return Array.from({ length: count }, () => value);
    };
    const started = performance.now();
    for (const count of [17, 20_000]) {
      const entries = changed(bundle, ({ verificationMaterial: material }) => {
        material.tlogEntries = repeat(material.tlogEntries[0], count);
      });
      const stamps = changed(bundle, ({ verificationMaterial: material }) => {
        const rfc3161Timestamps = repeat(material.timestampVerificationData?.rfc3161Timestamps[0], count);
        material.timestampVerificationData = { rfc3161Timestamps };
      });
      const chain = changed(bundle, (json) => {
        const { certificate, ...material } = json.verificationMaterial;
        json.verificationMaterial = { ...material, x509CertificateChain: { certificates: repeat(certificate, count) } };
      });
      for (const bytes of [entries, stamps, chain]) assert.deepEqual(cryptographyCodes(lab, bytes), ["BUNDLE_INVALID"]);
    }
    const subject = [{ name: "x", digest: { sha256: "cd".repeat(32) } }];
    const subjects = writeStatement({ subject: repeat(subject[0], 1025), predicateType: type, predicate: {} });
    assert.deepEqual(codesOf(verifyBundle(provenInput(lab, await lab.sign(subjects)))), ["STATEMENT_INVALID"]);
    assert.ok(performance.now() - started < 20_000);
  });
});
