import assert from "node:assert/strict";
import { predicateTypes } from "../../src/core/intoto/statement.ts";
import { verifyBundleCryptography } from "../../src/core/sigstore/verify-bundle.ts";
import type { VerifyBundleInput } from "../../src/core/sigstore/verify-bundle.ts";
import { codesOf } from "./sigstore-findings.ts";
import { sampleHex } from "./sigstore-handmade.ts";
import type { BundleJson, LogEntryJson } from "./sigstore-handmade.ts";
import { labThresholds } from "./sigstore-lab.ts";
import type { LabSigstore } from "./sigstore-lab.ts";

/** What the cryptography of a bundle is refused for under the lab's root; none when it is proven. */
export function cryptographyCodes(lab: LabSigstore, bundle: Uint8Array, thresholds = labThresholds): readonly string[] {
  return codesOf(verifyBundleCryptography(bundle, lab.root, thresholds));
}

/** The call that proves a bundle around `sampleStatement(predicateTypes.provenance)` by the lab's own identity. */
export function provenInput(lab: LabSigstore, bundle: Uint8Array): VerifyBundleInput {
  return {
    bundle,
    root: lab.root,
    thresholds: labThresholds,
    identity: lab.identity(),
    subject: { kind: "digest", algorithm: "sha256", hex: sampleHex },
    predicateType: predicateTypes.provenance,
    now: new Date(),
  };
}

/** The first log entry of a bundle. */
export function firstEntry(json: BundleJson): LogEntryJson {
  const [entry] = json.verificationMaterial.tlogEntries;
  assert.ok(entry);
  return entry;
}
