import assert from "node:assert/strict";
import { test } from "node:test";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { verifyBundleCryptography } from "../../../../src/core/sigstore/verify-bundle.ts";
import { cryptographyCodes, firstEntry } from "../../../support/bundle-verdicts.ts";
import { changed, readJson, sampleStatement, stamp } from "../../../support/sigstore-handmade.ts";
import type { LogEntryJson } from "../../../support/sigstore-handmade.ts";
import { labThresholds, withLabSigstore } from "../../../support/sigstore-lab.ts";

const statement = sampleStatement(predicateTypes.provenance);

test("a bundle without a time stamp is accepted by the log's promise when no authority is demanded, and refused when one is", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement, { timestamp: false });
    assert.deepEqual(cryptographyCodes(lab, bundle, { ...labThresholds, tsa: 0 }), []);
    assert.deepEqual(cryptographyCodes(lab, bundle), ["BUNDLE_THRESHOLD"]);
    const forged = changed(bundle, (json) => {
      firstEntry(json).integratedTime = String(Number(firstEntry(json).integratedTime) - 1);
    });
    assert.ok(cryptographyCodes(lab, forged, { ...labThresholds, tsa: 0 }).length > 0);
  });
});

test("a bundle without log entries is refused although its time stamp holds", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = changed(await lab.sign(statement), (json) => {
      json.verificationMaterial.tlogEntries = [];
    });
    assert.deepEqual(cryptographyCodes(lab, bundle), ["BUNDLE_THRESHOLD"]);
  });
});

test("a time stamp for another signature, or one cut short, is refused", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement);
    const withStamp = (signedTimestamp: string): Uint8Array =>
      changed(bundle, (json) => {
        json.verificationMaterial.timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp }] };
      });
    assert.deepEqual(cryptographyCodes(lab, withStamp(stamp(lab, Buffer.from("another"), new Date()))), [
      "BUNDLE_TIME_INVALID",
    ]);
    for (const bytes of [
      "MAA=",
      "AAAA",
      Buffer.from(stamp(lab, Buffer.from("x"), new Date()), "base64")
        .subarray(0, 60)
        .toString("base64"),
    ]) {
      assert.deepEqual(cryptographyCodes(lab, withStamp(bytes)), ["BUNDLE_TIME_INVALID"]);
    }
  });
});

test("one changed bit anywhere in a time stamp is refused, or lies where nothing is said; it never throws", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement, { logs: [2] });
    const good = verifyBundleCryptography(bundle, lab.root, labThresholds);
    assert.ok(good.ok);
    const [token] = readJson(bundle).verificationMaterial.timestampVerificationData?.rfc3161Timestamps ?? [];
    const bytes = Buffer.from(token?.signedTimestamp ?? "", "base64");
    let refused = 0;
    for (const [position, byte] of bytes.entries()) {
      const other = Buffer.from(bytes);
      other.writeUInt8(byte ^ (1 << (position % 8)), position);
      const stamped = changed(bundle, (json) => {
        const rfc3161Timestamps = [{ signedTimestamp: other.toString("base64") }];
        json.verificationMaterial.timestampVerificationData = { rfc3161Timestamps };
      });
      const result = verifyBundleCryptography(stamped, lab.root, labThresholds);
      if (result.ok) assert.deepEqual(result.proof, good.proof, `byte ${position}`);
      else refused += 1;
    }
    assert.ok(refused > bytes.length * 0.8, `${refused} of ${bytes.length} refused`);
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
      const found = cryptographyCodes(lab, Buffer.from(bytes));
      assert.ok(
        ["BUNDLE_INVALID", "BUNDLE_MEDIA_TYPE"].includes(found[0] ?? ""),
        `${found.join()} for ${bytes.slice(0, 40)}`,
      );
    }
    assert.deepEqual(cryptographyCodes(lab, Buffer.alloc(25 * 1024 * 1024, " ")), ["BUNDLE_INVALID"]);
  });
});

test("another payload under the same signature is refused as a signature that doesn't hold", async () => {
  await withLabSigstore(async (lab) => {
    const other = changed(await lab.sign(statement), (json) => {
      if (json.dsseEnvelope !== undefined)
        json.dsseEnvelope.payload = Buffer.from(sampleStatement(predicateTypes.signature)).toString("base64");
    });
    assert.deepEqual(cryptographyCodes(lab, other), ["BUNDLE_SIGNATURE_INVALID", "BUNDLE_LOG_INVALID"]);
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
          const entry = firstEntry(json);
          assert.ok(entry.inclusionProof);
          change(entry, entry.inclusionProof);
        });
        assert.deepEqual(cryptographyCodes(lab, bad), ["BUNDLE_LOG_INVALID"], `Rekor v${log}, change ${index}`);
      }
    }
  });
});

test("a bundle of one instance is refused under another's root", async () => {
  await withLabSigstore(async (one) => {
    await withLabSigstore(async (other) => {
      const found = cryptographyCodes(other, await one.sign(statement));
      assert.ok(found.includes("BUNDLE_CERTIFICATE_INVALID") || found.includes("BUNDLE_TIME_INVALID"), found.join());
    });
  });
});
