import assert from "node:assert/strict";
import { test } from "node:test";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { sha256Hex } from "../../../../src/core/oci/digest.ts";
import { labOrganization, readTrustedRoot } from "../../../../src/core/sigstore/trusted-root.ts";
import { verifyBundleCryptography } from "../../../../src/core/sigstore/verify-bundle.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { readJson, sampleStatement, writeJson } from "../../../support/sigstore-handmade.ts";
import { labThresholds, withLabSigstore } from "../../../support/sigstore-lab.ts";
import { productionRootBytes } from "../../../support/sigstore-production-root.ts";

interface Window {
  start?: string;
  end?: string;
  [other: string]: unknown;
}
interface RootJson {
  mediaType: string;
  tlogs: { publicKey: { rawBytes: string; validFor?: Window }; logId: { keyId: string } }[];
  ctlogs: RootJson["tlogs"];
  certificateAuthorities: {
    subject: { organization: string };
    certChain: { certificates: { rawBytes: string }[] };
    validFor?: Window;
  }[];
  timestampAuthorities: RootJson["certificateAuthorities"];
  [other: string]: unknown;
}

function changedRoot(bytes: Uint8Array, change: (root: RootJson) => void): Uint8Array {
  const root = JSON.parse(Buffer.from(bytes).toString()) as RootJson;
  change(root);
  return writeJson(root);
}

const production = productionRootBytes();
const statement = sampleStatement(predicateTypes.provenance);

test("reads the public-good root, names its digest, and finds no lab in it", () => {
  const root = readTrustedRoot(production);
  assert.ok(root.ok);
  assert.equal(root.proof.sha256, sha256Hex(production));
  assert.equal(root.proof.lab, false);
  assert.equal(root.proof.material.tlogs.length, 2);
  assert.equal(root.proof.material.timestampAuthorities.length, 1);
});

test("finds a lab's root by its authorities' subject, or by any certificate's name", async () => {
  await withLabSigstore((lab) => {
    assert.equal(lab.root.lab, true);
    const renamed = readTrustedRoot(
      changedRoot(lab.trustedRoot, (root) => {
        for (const authority of [...root.certificateAuthorities, ...root.timestampAuthorities])
          authority.subject.organization = "sigstore.dev";
      }),
    );
    assert.ok(renamed.ok);
    assert.equal(renamed.proof.lab, true);
  });
  const labelled = readTrustedRoot(
    changedRoot(production, (root) => {
      for (const authority of root.timestampAuthorities) authority.subject.organization = labOrganization;
    }),
  );
  assert.ok(labelled.ok);
  assert.equal(labelled.proof.lab, true);
});

test("T23: a log or authority without a start of validity is refused", () => {
  const changes: ((root: RootJson) => void)[] = [
    (root) => delete root.tlogs[0]?.publicKey.validFor,
    (root) => delete root.tlogs[1]?.publicKey.validFor?.start,
    (root) => delete root.ctlogs[1]?.publicKey.validFor,
    (root) => delete root.certificateAuthorities[0]?.validFor,
    (root) => delete root.timestampAuthorities[0]?.validFor?.start,
  ];
  for (const [index, change] of changes.entries()) {
    assert.deepEqual(
      codesOf(readTrustedRoot(changedRoot(production, change))),
      ["ROOT_KEY_WITHOUT_START"],
      `change ${index}`,
    );
  }
});

test("a root that is malformed, or holds what is not known, is refused", () => {
  const [log] = (JSON.parse(production.toString()) as RootJson).tlogs;
  assert.ok(log);
  const changes: ((root: RootJson) => void)[] = [
    (root) => (root.mediaType = "application/vnd.dev.sigstore.trustedroot+json;version=0.9"),
    (root) => (root["extra"] = true),
    (root) =>
      (root.certificateAuthorities[0] = {
        ...root.certificateAuthorities[0]!,
        validFor: { start: "2021-01-01T00:00:00Z", ends: "2022-01-01T00:00:00Z" },
      }),
    (root) => (root.tlogs[0]!.publicKey.validFor = { start: "yesterday" }),
    (root) => (root.tlogs[0]!.publicKey.validFor = { start: "2021-01-12" }),
    (root) => (root.tlogs[0]!.publicKey.rawBytes = "AAAA"),
    (root) => (root.tlogs[0]!.publicKey.rawBytes = "not base64"),
    (root) => (root.certificateAuthorities[0]!.certChain.certificates = []),
    (root) => (root.certificateAuthorities[0]!.certChain.certificates = [{ rawBytes: "AAAA" }]),
    (root) => (root.tlogs = []),
    (root) => (root.ctlogs = []),
    (root) => (root.certificateAuthorities = []),
    (root) => root.tlogs.push(log),
  ];
  for (const [index, change] of changes.entries()) {
    assert.deepEqual(codesOf(readTrustedRoot(changedRoot(production, change))), ["ROOT_INVALID"], `change ${index}`);
  }
  const text = production.toString();
  for (const bytes of ["", "{}", "[]", "null", text.slice(0, -5), text.replace('"tlogs":', '"tlogs": [], "tlogs":')]) {
    assert.deepEqual(codesOf(readTrustedRoot(Buffer.from(bytes))), ["ROOT_INVALID"]);
  }
});

test("the ends of validity are inclusive, a second later is refused: for authorities and for both kinds of log", async () => {
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
      const codes = (end: Date): readonly string[] => {
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
      assert.deepEqual(codes(new Date(time.getTime() + 1000)), [], `${window} of Rekor v${log}`);
      if (window === "tlogs") assert.deepEqual(codes(time), [], `${window} of Rekor v${log}, at the end itself`);
      assert.deepEqual(codes(new Date(time.getTime() - 1000)), [code], `${window} of Rekor v${log}`);
    }
  });
});

function timesOf(bundle: Uint8Array, root: Parameters<typeof verifyBundleCryptography>[1]): readonly Date[] {
  assert.ok(readJson(bundle).verificationMaterial.tlogEntries.length > 0);
  const result = verifyBundleCryptography(bundle, root, labThresholds);
  assert.ok(result.ok);
  return result.proof.times.map(({ time }) => time).toSorted((a, b) => b.getTime() - a.getTime());
}
