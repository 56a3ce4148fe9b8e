import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { verifyBundle } from "../../../../src/core/sigstore/verify-bundle.ts";
import type { VerifyKeyedBundleInput } from "../../../../src/core/sigstore/verify-bundle.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { sampleHex, sampleStatement } from "../../../support/sigstore-handmade.ts";
import { keyedBundle, managedKey } from "../../../support/sigstore-keyed.ts";
import type { ManagedKey } from "../../../support/sigstore-keyed.ts";
import { labThresholds, withLabSigstore } from "../../../support/sigstore-lab.ts";
import type { LabSigstore } from "../../../support/sigstore-lab.ts";

const type = predicateTypes.provenance;
const statement = sampleStatement(type);

function good(lab: LabSigstore, key: ManagedKey, bundle: Uint8Array): VerifyKeyedBundleInput {
  return {
    bundle,
    root: lab.root,
    thresholds: { ...labThresholds, tsa: 0 },
    key: key.trusted,
    subject: { kind: "digest", algorithm: "sha256", hex: sampleHex },
    predicateType: type,
    now: new Date(),
  };
}

test("a byte changed in a bundle that was signed with a key is refused, or proves exactly the same", async () => {
  await withLabSigstore((lab) => {
    const key = managedKey();
    for (let entry = 0; entry < 3; entry += 1) keyedBundle(lab, managedKey(), statement, { entries: ["dsse 0.0.2"] });
    const bundle = keyedBundle(lab, key, statement, { entries: ["dsse 0.0.1", "hashedrekord 0.0.2"], stamped: true });
    const proof = verifyBundle(good(lab, key, bundle));
    assert.ok(proof.ok, JSON.stringify(proof));
    const seen = new Set<string>();
    let refused = 0;
    fc.assert(
      fc.property(fc.nat(bundle.length - 1), fc.integer({ min: 1, max: 255 }), (position, change) => {
        const bytes = Buffer.from(bundle);
        bytes.writeUInt8(bytes.readUInt8(position) ^ change, position);
        const result = verifyBundle(good(lab, key, bytes));
        if (result.ok) assert.deepEqual(result.proof, proof.proof);
        else refused += 1;
        codesOf(result).forEach((code) => seen.add(code));
      }),
      { numRuns: 300 },
    );
    assert.ok(refused > 200, `${refused} of 300 refused`);
    assert.ok(seen.size >= 3, `only ${[...seen].join(", ")} were seen`);
  });
});
