import assert from "node:assert/strict";
import { test } from "node:test";
import { writeEvidenceDocument } from "../../../../src/core/tdx/evidence-document.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { evidenceReferrer, teeLabOf } from "../../../support/tee.ts";

const lab = await startReleaseLab();
const tee = teeLabOf(lab);
/** Each verification is of a whole release: fewer than for the parsers, which have runs of their own. */
const count = Math.max(60, Math.floor(Number(process.env["MUTATIONS"] ?? "1000") / 10));

/** Numbers that look random and are the same in every run. */
function* positions(most: number): Generator<number> {
  let state = 0x2545_f491;
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state % most;
  }
}

test(`${String(count)} changed bits of an attested signature: none is accepted with another meaning, none throws`, () => {
  const good = writeEvidenceDocument(tee.document());
  const policy = tee.policy();
  const proven = (bytes: Uint8Array) => {
    const evidence = tee.evidence([evidenceReferrer(lab, bytes)]);
    return lab.verify({ policy, evidence, now: tee.now });
  };
  const first = proven(good);
  assert.ok(first.ok);
  const { referrer: _, ...expected } = first.proof.data.tee ?? assert.fail();
  const random = positions(good.length);
  for (let run = 0; run < count; run += 1) {
    const at = random.next().value as number;
    const changed = Uint8Array.from(good);
    changed[at] = (changed[at] ?? 0) ^ (1 << (run % 7));
    const checked = proven(changed);
    if (checked.ok) {
      // What nobody signed and nothing reads, such as a token's embedded certificate: the proof is the same.
      const { referrer: _other, ...found } = checked.proof.data.tee ?? assert.fail();
      assert.deepEqual(found, expected, `byte ${String(at)}`);
    } else {
      const codes = codesOf(checked);
      assert.ok(
        codes.some((code) => code.startsWith("TEE_") || code.startsWith("STATEMENT_")),
        `byte ${String(at)}: ${codes.join()}`,
      );
    }
  }
});
