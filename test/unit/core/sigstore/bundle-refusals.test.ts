import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { Verifier, toSignedEntity } from "@sigstore/verify";
import { bundleFromJSON } from "@sigstore/bundle";
import { toPem } from "../../../../lab/sigstore/certificates.ts";
import { preAuthenticationEncoding } from "../../../../src/core/intoto/pre-authentication-encoding.ts";
import { payloadType, predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { verifyBundleCryptography } from "../../../../src/core/sigstore/verify-bundle.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import {
  changed,
  enter,
  handmadeBundle,
  readJson,
  sampleStatement,
  stamp,
  writeJson,
} from "../../../support/sigstore-handmade.ts";
import type { BundleJson, LogEntryJson } from "../../../support/sigstore-handmade.ts";
import { labThresholds, withLabSigstore } from "../../../support/sigstore-lab.ts";
import type { LabSigstore } from "../../../support/sigstore-lab.ts";

const statement = sampleStatement(predicateTypes.provenance);

function codes(lab: LabSigstore, bundle: Uint8Array, thresholds = labThresholds): readonly string[] {
  return codesOf(verifyBundleCryptography(bundle, lab.root, thresholds));
}

function entryOf(json: BundleJson): LogEntryJson {
  const [entry] = json.verificationMaterial.tlogEntries;
  assert.ok(entry);
  return entry;
}

test("T1: the log entry of another valid signature is refused", async () => {
  await withLabSigstore(async (lab) => {
    for (const log of [1, 2] as const) {
      const [one, other] = [await lab.sign(statement, { logs: [log] }), await lab.sign(statement, { logs: [log] })];
      const swapped = changed(one, (json) => {
        json.verificationMaterial.tlogEntries = readJson(other).verificationMaterial.tlogEntries;
      });
      assert.deepEqual(codes(lab, swapped), ["BUNDLE_LOG_INVALID"]);
    }
  });
});

test("T6: a public key, a hint, or nothing in the certificate's place is refused", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement);
    for (const publicKey of [{ hint: "key" }, { rawBytes: "AAAA" }, {}]) {
      const keyed = changed(bundle, (json) => {
        delete json.verificationMaterial.certificate;
        json.verificationMaterial.publicKey = publicKey;
      });
      assert.deepEqual(codes(lab, keyed), ["BUNDLE_KEY_NOT_CERTIFICATE"]);
    }
    const bare = changed(bundle, (json) => {
      delete json.verificationMaterial.certificate;
    });
    assert.deepEqual(codes(lab, bare), ["BUNDLE_KEY_NOT_CERTIFICATE"]);
    const both = changed(bundle, (json) => {
      json.verificationMaterial.publicKey = { hint: "key" };
    });
    assert.deepEqual(codes(lab, both), ["BUNDLE_KEY_NOT_CERTIFICATE"]);
  });
});

test("T12: integratedTime without a promise is no time: refused alone, and never among the trusted times", async () => {
  await withLabSigstore(async (lab) => {
    const forge = (json: BundleJson): void => {
      const entry = entryOf(json);
      delete entry.inclusionPromise;
      entry.integratedTime = "1000000000";
    };
    assert.deepEqual(
      codes(lab, changed(await lab.sign(statement, { timestamp: false }), forge), { ...labThresholds, tsa: 0 }),
      ["BUNDLE_TIME_INVALID"],
    );
    const stamped = verifyBundleCryptography(changed(await lab.sign(statement), forge), lab.root, labThresholds);
    assert.ok(stamped.ok);
    assert.deepEqual(
      stamped.proof.times.map(({ source }) => source),
      ["tsa"],
    );
  });
});

test("a bundle without a time stamp is accepted by the log's promise when no authority is demanded, and refused when one is", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement, { timestamp: false });
    assert.deepEqual(codes(lab, bundle, { ...labThresholds, tsa: 0 }), []);
    assert.deepEqual(codes(lab, bundle), ["BUNDLE_THRESHOLD"]);
    const forged = changed(bundle, (json) => {
      entryOf(json).integratedTime = String(Number(entryOf(json).integratedTime) - 1);
    });
    assert.ok(codes(lab, forged, { ...labThresholds, tsa: 0 }).length > 0);
  });
});

test("a bundle without log entries is refused although its time stamp holds", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = changed(await lab.sign(statement), (json) => {
      json.verificationMaterial.tlogEntries = [];
    });
    assert.deepEqual(codes(lab, bundle), ["BUNDLE_THRESHOLD"]);
  });
});

test("a time stamp for another signature, or one cut short, is refused", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement);
    const withStamp = (signedTimestamp: string): Uint8Array =>
      changed(bundle, (json) => {
        json.verificationMaterial.timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp }] };
      });
    assert.deepEqual(codes(lab, withStamp(stamp(lab, Buffer.from("another"), new Date()))), ["BUNDLE_TIME_INVALID"]);
    for (const bytes of [
      "MAA=",
      "AAAA",
      Buffer.from(stamp(lab, Buffer.from("x"), new Date()), "base64")
        .subarray(0, 60)
        .toString("base64"),
    ]) {
      assert.deepEqual(codes(lab, withStamp(bytes)), ["BUNDLE_TIME_INVALID"]);
    }
  });
});

test("T14: a payload type other than in-toto's, and one that differs only outside ASCII, is refused", async () => {
  await withLabSigstore(async (lab) => {
    for (const other of [
      "application/json",
      "application/vnd.in-toto+json ",
      "application/vnd.in\u2010toto+json",
      `${payloadType}\u0100`,
    ]) {
      assert.deepEqual(
        codes(lab, await handmadeBundle(lab, { statement, payloadType: other })),
        ["STATEMENT_PAYLOAD_TYPE"],
        other,
      );
    }
    // The low byte of U+0161 is the ASCII letter a: an encoder that keeps it only would see the signed type.
    const signed = await handmadeBundle(lab, { statement });
    const renamed = changed(signed, (json) => {
      if (json.dsseEnvelope !== undefined) json.dsseEnvelope.payloadType = payloadType.replace("a", "\u0161");
    });
    assert.deepEqual(codes(lab, renamed), ["STATEMENT_PAYLOAD_TYPE"]);
  });
});

test("T24: two entries of one log count once", async () => {
  await withLabSigstore(async (lab) => {
    const json = readJson(await lab.sign(statement));
    const signature = json.dsseEnvelope?.signatures[0]?.sig ?? "";
    const leaf = Buffer.from(json.verificationMaterial.certificate?.rawBytes ?? "", "base64");
    const value = createHash("sha256").update(preAuthenticationEncoding(payloadType, statement)).digest("hex");
    const second = await enter(lab, {
      apiVersion: "0.0.1",
      kind: "hashedrekord",
      spec: {
        data: { hash: { algorithm: "sha256", value } },
        signature: { content: signature, publicKey: { content: Buffer.from(toPem(leaf)).toString("base64") } },
      },
    });
    delete second.inclusionPromise; // two promises of one second would be refused as one time given twice
    json.verificationMaterial.tlogEntries.push(second);
    const entity = toSignedEntity(bundleFromJSON(json));
    new Verifier(lab.root.material, { tlogThreshold: 2 }).verify(entity); // the library counts entries
    assert.deepEqual(codes(lab, writeJson(json)), []);
    assert.deepEqual(codes(lab, writeJson(json), { ...labThresholds, tlog: 2 }), ["BUNDLE_THRESHOLD"]);
    assert.deepEqual(codes(lab, await lab.sign(statement, { logs: [1, 2] }), { ...labThresholds, tlog: 2 }), []);
  });
});

test("T27: two time stamps of one authority count once", async () => {
  await withLabSigstore(async (lab) => {
    const json = readJson(await lab.sign(statement));
    const signature = Buffer.from(json.dsseEnvelope?.signatures[0]?.sig ?? "", "base64");
    json.verificationMaterial.timestampVerificationData?.rfc3161Timestamps.push({
      signedTimestamp: stamp(lab, signature, new Date(Date.now() + 2000)),
    });
    new Verifier(lab.root.material, { timestampThreshold: 2 }).verify(toSignedEntity(bundleFromJSON(json))); // the library counts tokens
    assert.deepEqual(codes(lab, writeJson(json)), []);
    assert.deepEqual(codes(lab, writeJson(json), { ...labThresholds, tsa: 2 }), ["BUNDLE_THRESHOLD"]);
  });
});

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
      assert.deepEqual(codes(lab, other), ["BUNDLE_MEDIA_TYPE"], mediaType);
    }
  });
});

test("bytes that are no bundle are refused, never thrown on", async () => {
  await withLabSigstore(async (lab) => {
    const text = Buffer.from(await lab.sign(statement)).toString();
    const two = changed(Buffer.from(text), (json) => json.dsseEnvelope?.signatures.push({ sig: "AAAA" }));
    for (const bytes of [
      "",
      "null",
      "[]",
      "{",
      '"x"',
      text.replace('"mediaType"', '"mediaType":"x","mediaType"'),
      text.replace('"tlogEntries"', '"extra":1,"tlogEntries"'),
      text.replace('"sig":"M', '"sig":" M'),
      text.replace('"treeSize":"', '"treeSize":"-'),
      Buffer.from(two).toString(),
      "[".repeat(100_000),
    ]) {
      const found = codes(lab, Buffer.from(bytes));
      assert.ok(
        ["BUNDLE_INVALID", "BUNDLE_MEDIA_TYPE"].includes(found[0] ?? ""),
        `${found.join()} for ${bytes.slice(0, 40)}`,
      );
    }
    assert.deepEqual(codes(lab, Buffer.alloc(25 * 1024 * 1024, " ")), ["BUNDLE_INVALID"]);
  });
});

test("another payload under the same signature is refused as a signature that doesn't hold", async () => {
  await withLabSigstore(async (lab) => {
    const other = changed(await lab.sign(statement), (json) => {
      if (json.dsseEnvelope !== undefined)
        json.dsseEnvelope.payload = Buffer.from(sampleStatement(predicateTypes.signature)).toString("base64");
    });
    assert.deepEqual(codes(lab, other), ["BUNDLE_SIGNATURE_INVALID", "BUNDLE_LOG_INVALID"]);
  });
});

test("a proof whose numbers are not its checkpoint's is refused", async () => {
  await withLabSigstore(async (lab) => {
    for (let entry = 0; entry < 4; entry += 1) await lab.sign(statement, { logs: [1, 2] });
    for (const log of [1, 2] as const) {
      const bundle = await lab.sign(statement, { logs: [log] });
      const proofChanges: ((entry: LogEntryJson, proof: NonNullable<LogEntryJson["inclusionProof"]>) => void)[] = [
        (_, proof) => (proof.treeSize = String(Number(proof.treeSize) + 1)),
        (_, proof) => (proof.rootHash = Buffer.alloc(32).toString("base64")),
        (_, proof) => (proof.logIndex = "0"),
        (_, proof) => proof.hashes.pop(),
        (_, proof) => (proof.checkpoint.envelope = proof.checkpoint.envelope.replace("\n5\n", "\n6\n")),
        (_, proof) => (proof.checkpoint.envelope += "trailing"),
        (entry) => (entry.logIndex = "0"),
        (entry) => (entry.kindVersion = { kind: "intoto", version: "0.0.1" }),
      ];
      for (const [index, change] of proofChanges.entries()) {
        const bad = changed(bundle, (json) => {
          const entry = entryOf(json);
          assert.ok(entry.inclusionProof);
          change(entry, entry.inclusionProof);
        });
        assert.deepEqual(codes(lab, bad), ["BUNDLE_LOG_INVALID"], `Rekor v${log}, change ${index}`);
      }
    }
  });
});

test("a bundle of one instance is refused under another's root", async () => {
  await withLabSigstore(async (one) => {
    await withLabSigstore(async (other) => {
      const found = codes(other, await one.sign(statement));
      assert.ok(found.includes("BUNDLE_CERTIFICATE_INVALID") || found.includes("BUNDLE_TIME_INVALID"), found.join());
    });
  });
});
