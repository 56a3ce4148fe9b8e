import assert from "node:assert/strict";
import { test } from "node:test";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { readTrustedRoot } from "../../../../src/core/sigstore/trusted-root.ts";
import { verifyBundleCryptography } from "../../../../src/core/sigstore/verify-bundle.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { changed, readJson, sampleStatement, writeJson } from "../../../support/sigstore-handmade.ts";
import { labThresholds, withLabSigstore } from "../../../support/sigstore-lab.ts";
import type { LabSigstore } from "../../../support/sigstore-lab.ts";

/** Forms that the format allows and clients write: a strict reader must not refuse them (sigstore-conformance). */
const statement = sampleStatement(predicateTypes.provenance);
const thresholds = { ...labThresholds, tsa: 0 };

function codes(lab: LabSigstore, bundle: Uint8Array, root = lab.root): readonly string[] {
  return codesOf(verifyBundleCryptography(bundle, root, thresholds));
}

function chained(bundle: Uint8Array, version: "0.1" | "0.2", more: readonly Uint8Array[] = []): Uint8Array {
  return changed(bundle, (json) => {
    const { certificate, ...material } = json.verificationMaterial;
    assert.ok(certificate);
    const certificates = [certificate, ...more.map((der) => ({ rawBytes: Buffer.from(der).toString("base64") }))];
    json.verificationMaterial = { ...material, x509CertificateChain: { certificates } };
    json.mediaType = `application/vnd.dev.sigstore.bundle+json;version=${version}`;
  });
}

test("null stands for a field that is not set, wherever it is", async () => {
  await withLabSigstore(async (lab) => {
    const json = readJson(await lab.sign(statement, { logs: [1, 2] }));
    const [first, second] = json.verificationMaterial.tlogEntries;
    const withNulls = {
      ...json,
      messageSignature: null,
      verificationMaterial: {
        ...json.verificationMaterial,
        publicKey: null,
        x509CertificateChain: null,
        tlogEntries: [first, { ...second, inclusionPromise: null, integratedTime: null }],
      },
    };
    assert.deepEqual(codes(lab, writeJson(withNulls)), []);
    for (const missing of ["canonicalizedBody", "logId"]) {
      const tlogEntries = [{ ...first, [missing]: null }];
      const bad = { ...json, verificationMaterial: { ...json.verificationMaterial, tlogEntries } };
      assert.deepEqual(codes(lab, writeJson(bad)), ["BUNDLE_INVALID"], missing);
    }
    const inArray = { ...json.verificationMaterial, tlogEntries: [first, null] };
    assert.deepEqual(codes(lab, writeJson({ ...json, verificationMaterial: inArray })), ["BUNDLE_INVALID"]);
  });
});

test("whole numbers are text or numbers", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement);
    const numbers = changed(bundle, (json) => {
      for (const entry of json.verificationMaterial.tlogEntries)
        Object.assign(entry, { logIndex: Number(entry.logIndex), integratedTime: Number(entry.integratedTime) });
    });
    assert.deepEqual(codes(lab, numbers), []);
  });
});

test("v0.1 and v0.2 hold a chain; intermediates in it are let be, and a root in it is refused", async () => {
  await withLabSigstore(async (lab) => {
    const [intermediate, root] = lab.server.instance.material.fulcio.chain;
    assert.ok(intermediate && root);
    const bundle = await lab.sign(statement);
    for (const version of ["0.1", "0.2"] as const) {
      assert.deepEqual(codes(lab, chained(bundle, version)), []);
      assert.deepEqual(codes(lab, chained(bundle, version, [intermediate])), []);
      const bad: Uint8Array[][] = [[root], [intermediate, root], [Buffer.from("no certificate")]];
      for (const more of bad)
        assert.deepEqual(codes(lab, chained(bundle, version, more)), ["BUNDLE_CERTIFICATE_INVALID"]);
    }
    const newest = changed(chained(bundle, "0.2"), (json) => {
      json.mediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";
    });
    assert.deepEqual(codes(lab, newest), ["BUNDLE_INVALID"]);
  });
});

test("a proof without a checkpoint is let be in v0.1, where the promise counts, and refused in every other", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement);
    const withoutCheckpoint = (bytes: Uint8Array): Uint8Array =>
      changed(bytes, (json) => {
        for (const { inclusionProof } of json.verificationMaterial.tlogEntries)
          if (inclusionProof !== undefined) Object.assign(inclusionProof, { checkpoint: undefined });
      });
    assert.deepEqual(codes(lab, withoutCheckpoint(chained(bundle, "0.1"))), []);
    for (const other of [bundle, chained(bundle, "0.2")])
      assert.deepEqual(codes(lab, withoutCheckpoint(other)), ["BUNDLE_INVALID"]);
    const unpromised = changed(withoutCheckpoint(chained(bundle, "0.1")), (json) => {
      for (const entry of json.verificationMaterial.tlogEntries) delete entry.inclusionPromise;
    });
    assert.deepEqual(codes(lab, unpromised), ["BUNDLE_INVALID"]);
    const forged = changed(withoutCheckpoint(chained(bundle, "0.1")), (json) => {
      for (const entry of json.verificationMaterial.tlogEntries)
        entry.integratedTime = String(Number(entry.integratedTime) + 1);
    });
    assert.deepEqual(codes(lab, forged), ["BUNDLE_LOG_INVALID"]);
  });
});

test("a checkpoint with signatures of witnesses, before and after, holds by the log's own", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement, { logs: [2] });
    const witness = `\u2014 witness.example/w1 ${Buffer.alloc(68, 7).toString("base64")}\n`;
    for (const [first, last] of [
      ["", witness],
      [witness, ""],
      [witness, witness],
    ] as const) {
      const cosigned = changed(bundle, (json) => {
        for (const { inclusionProof: proof } of json.verificationMaterial.tlogEntries) {
          if (proof === undefined) continue;
          const [note = "", signature = ""] = proof.checkpoint.envelope.split("\n\n");
          proof.checkpoint.envelope = `${note}\n\n${first}${signature}${last}`;
        }
      });
      assert.deepEqual(codes(lab, cosigned), []);
    }
  });
});

interface RootJson {
  tlogs: { logId: { keyId: string } }[];
  ctlogs: RootJson["tlogs"];
  certificateAuthorities: Record<string, unknown>[];
}

test("a root may name an authority twice by one name with other keys, no subject, and one key for both kinds of log", async () => {
  await withLabSigstore(async (lab) => {
    await withLabSigstore(async (other) => {
      const json = JSON.parse(Buffer.from(lab.trustedRoot).toString()) as RootJson;
      const decoy = JSON.parse(Buffer.from(other.trustedRoot).toString()) as RootJson;
      const authorities = [...decoy.certificateAuthorities, ...json.certificateAuthorities];
      const found = async (change: Partial<RootJson>): Promise<readonly string[]> => {
        const root = readTrustedRoot(writeJson({ ...json, ...change }));
        return root.ok ? codes(lab, await lab.sign(statement), root.proof) : codesOf(root);
      };
      assert.deepEqual(await found({ certificateAuthorities: authorities }), []);
      const unnamed = authorities.map(({ subject: _none, ...rest }) => rest);
      assert.deepEqual(await found({ certificateAuthorities: unnamed }), []);
      assert.deepEqual(await found({ ctlogs: [...json.ctlogs, ...json.tlogs] }), []);
      assert.deepEqual(await found({ ctlogs: [...json.ctlogs, ...json.ctlogs] }), ["ROOT_INVALID"]);
    });
  });
});
