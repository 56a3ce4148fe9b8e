import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { bundleFromJSON } from "@sigstore/bundle";
import { Verifier, toSignedEntity } from "@sigstore/verify";
import { toPem } from "../../../../lab/sigstore/certificates.ts";
import { preAuthenticationEncoding } from "../../../../src/core/intoto/pre-authentication-encoding.ts";
import { payloadType, predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { readTrustedRoot } from "../../../../src/core/sigstore/trusted-root.ts";
import { verifyBundleCryptography } from "../../../../src/core/sigstore/verify-bundle.ts";
import { cryptographyCodes, firstEntry } from "../../../support/bundle-verdicts.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { changed, enter, readJson, sampleStatement, stamp, writeJson } from "../../../support/sigstore-handmade.ts";
import type { BundleJson } from "../../../support/sigstore-handmade.ts";
import { labThresholds, withLabSigstore } from "../../../support/sigstore-lab.ts";
import { changedRoot } from "../../../support/sigstore-root.ts";

/** Advisories of Sigstore's implementations about log entries, times and thresholds, each seen refused here. */
const statement = sampleStatement(predicateTypes.provenance);

test("T1, CVE-2022-23649, CVE-2022-36056 (1 of 4): the log entry of another valid signature is refused", async () => {
  await withLabSigstore(async (lab) => {
    for (const log of [1, 2] as const) {
      const [one, other] = [await lab.sign(statement, { logs: [log] }), await lab.sign(statement, { logs: [log] })];
      const swapped = changed(one, (json) => {
        json.verificationMaterial.tlogEntries = readJson(other).verificationMaterial.tlogEntries;
      });
      assert.deepEqual(cryptographyCodes(lab, swapped), ["BUNDLE_LOG_INVALID"]);
    }
  });
});

test("CVE-2022-36056 (3 of 4): a promise that the log did not sign is refused, although nothing demands a promise", async () => {
  await withLabSigstore(async (lab) => {
    const [bundle, other] = [await lab.sign(statement), await lab.sign(statement)];
    for (const signedEntryTimestamp of [
      firstEntry(readJson(other)).inclusionPromise?.signedEntryTimestamp ?? "",
      "MAA=",
    ]) {
      const forged = changed(bundle, (json) => {
        firstEntry(json).inclusionPromise = { signedEntryTimestamp };
      });
      assert.deepEqual(cryptographyCodes(lab, forged), ["BUNDLE_LOG_INVALID"]);
    }
  });
});

test("CVE-2022-36056 (4 of 4): an entry that can't be verified refuses, although another one holds", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement, { logs: [1, 2] });
    for (const index of [0, 1]) {
      const broken = changed(bundle, (json) => {
        const proof = json.verificationMaterial.tlogEntries[index]?.inclusionProof;
        assert.ok(proof);
        proof.rootHash = Buffer.alloc(32).toString("base64");
      });
      assert.deepEqual(cryptographyCodes(lab, broken), ["BUNDLE_LOG_INVALID"]);
    }
  });
});

test("CVE-2026-22703: an entry of the log about other bytes, or by another signature, is refused", async () => {
  await withLabSigstore(async (lab) => {
    const json = readJson(await lab.sign(statement));
    const signature = json.dsseEnvelope?.signatures[0]?.sig ?? "";
    const certificate = Buffer.from(json.verificationMaterial.certificate?.rawBytes ?? "", "base64");
    const value = createHash("sha256").update(preAuthenticationEncoding(payloadType, statement)).digest("hex");
    const content = Buffer.from(toPem(certificate)).toString("base64");
    for (const [hash, sig] of [
      ["0".repeat(64), signature],
      [value, Buffer.from("another").toString("base64")],
    ] as const) {
      const entry = await enter(lab, {
        apiVersion: "0.0.1",
        kind: "hashedrekord",
        spec: {
          data: { hash: { algorithm: "sha256", value: hash } },
          signature: { content: sig, publicKey: { content } },
        },
      });
      json.verificationMaterial.tlogEntries = [entry];
      assert.deepEqual(cryptographyCodes(lab, writeJson(json)), ["BUNDLE_LOG_INVALID"]);
    }
  });
});

test("T12, CVE-2026-48816: integratedTime without a promise is no time: refused alone, and never among the trusted times", async () => {
  await withLabSigstore(async (lab) => {
    const forge = (json: BundleJson): void => {
      const entry = firstEntry(json);
      delete entry.inclusionPromise;
      entry.integratedTime = "1000000000";
    };
    assert.deepEqual(
      cryptographyCodes(lab, changed(await lab.sign(statement, { timestamp: false }), forge), {
        ...labThresholds,
        tsa: 0,
      }),
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

test("#1702: one entry twice is refused, with its promise and without", async () => {
  await withLabSigstore(async (lab) => {
    for (const log of [1, 2] as const) {
      const twice = changed(await lab.sign(statement, { logs: [log] }), (json) => {
        json.verificationMaterial.tlogEntries.push(structuredClone(firstEntry(json)));
      });
      assert.deepEqual(cryptographyCodes(lab, twice), [log === 1 ? "BUNDLE_TIME_INVALID" : "BUNDLE_LOG_INVALID"]);
      assert.ok(cryptographyCodes(lab, twice, { ...labThresholds, tlog: 2 }).includes("BUNDLE_THRESHOLD"));
    }
  });
});

test("T24, CVE-2026-49834: two entries of one log count once", async () => {
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
    assert.deepEqual(cryptographyCodes(lab, writeJson(json)), []);
    assert.deepEqual(cryptographyCodes(lab, writeJson(json), { ...labThresholds, tlog: 2 }), ["BUNDLE_THRESHOLD"]);
    assert.deepEqual(
      cryptographyCodes(lab, await lab.sign(statement, { logs: [1, 2] }), { ...labThresholds, tlog: 2 }),
      [],
    );
  });
});

test("T27, CVE-2026-49834: two time stamps of one authority count once", async () => {
  await withLabSigstore(async (lab) => {
    const json = readJson(await lab.sign(statement));
    const signature = Buffer.from(json.dsseEnvelope?.signatures[0]?.sig ?? "", "base64");
    json.verificationMaterial.timestampVerificationData?.rfc3161Timestamps.push({
      signedTimestamp: stamp(lab, signature, new Date(Date.now() + 2000)),
    });
    new Verifier(lab.root.material, { timestampThreshold: 2 }).verify(toSignedEntity(bundleFromJSON(json))); // the library counts tokens
    assert.deepEqual(cryptographyCodes(lab, writeJson(json)), []);
    assert.deepEqual(cryptographyCodes(lab, writeJson(json), { ...labThresholds, tsa: 2 }), ["BUNDLE_THRESHOLD"]);
  });
});

test("CVE-2026-54787 (GHSA-wqqc-jjcq-vfxm): the ends of validity are inclusive, a second later is refused: for authorities and for both kinds of log", async () => {
  await withLabSigstore(async (lab) => {
    const cases = [
      { log: 1, window: "certificateAuthorities", code: "BUNDLE_CERTIFICATE_INVALID" },
      { log: 1, window: "timestampAuthorities", code: "BUNDLE_TIME_INVALID" },
      { log: 1, window: "tlogs", code: "BUNDLE_LOG_INVALID" },
      { log: 2, window: "tlogs", code: "BUNDLE_LOG_INVALID" },
    ] as const;
    for (const { log, window, code } of cases) {
      const bundle = await lab.sign(statement, { logs: [log] });
      const [time] = timesOf(bundle, lab.root);
      assert.ok(time);
      const codesUntil = (end: Date): readonly string[] => {
        const root = readTrustedRoot(
          changedRoot(lab.trustedRoot, (json) => {
            for (const entry of json[window]) {
              const validFor = { start: "2020-01-01T00:00:00Z", end: end.toISOString() };
              if ("publicKey" in entry) entry.publicKey.validFor = validFor;
              else entry.validFor = validFor;
            }
          }),
        );
        assert.ok(root.ok);
        return codesOf(verifyBundleCryptography(bundle, root.proof, { ...labThresholds, tsa: log === 1 ? 0 : 1 }));
      };
      assert.deepEqual(codesUntil(new Date(time.getTime() + 1000)), [], `${window} of Rekor v${log}`);
      if (window === "tlogs") assert.deepEqual(codesUntil(time), [], `${window} of Rekor v${log}, at the end itself`);
      assert.deepEqual(codesUntil(new Date(time.getTime() - 1000)), [code], `${window} of Rekor v${log}`);
    }
  });
});

function timesOf(bundle: Uint8Array, root: Parameters<typeof verifyBundleCryptography>[1]): readonly Date[] {
  assert.ok(readJson(bundle).verificationMaterial.tlogEntries.length > 0);
  const result = verifyBundleCryptography(bundle, root, labThresholds);
  assert.ok(result.ok);
  return result.proof.times.map(({ time }) => time).toSorted((a, b) => b.getTime() - a.getTime());
}
