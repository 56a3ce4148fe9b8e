import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256Hex } from "../../../../src/core/oci/digest.ts";
import type { TrustPolicy } from "../../../../src/core/policy/trust-policy.ts";
import { openAttestedKey } from "../../../../src/operations/attested-key/open-attested-key.ts";
import { requireSignerRoot } from "../../../../src/operations/attested-key/require-signer-root.ts";
import { withValues } from "../../../support/documents.ts";
import { flipped } from "../../../support/evidence-changes.ts";
import { codeThrown } from "../../../support/failures.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";

const lab = await startReleaseLab();
const { trustedRoot } = lab.evidence;
const document: unknown = JSON.parse(Buffer.from(trustedRoot).toString("utf8"));
const pinning = (root: Uint8Array, changes: Readonly<Record<string, unknown>> = {}): TrustPolicy =>
  lab.policyWith({ "roots.sigstore.sha256": sha256Hex(root), ...changes });

const text = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const endless = text(withValues(document, { "tlogs.0.publicKey.validFor": undefined }));
const refused: Readonly<Record<string, [code: string, policy: TrustPolicy, root: Uint8Array]>> = {
  "one byte other than what the policy pins": ["ROOT_DIGEST_MISMATCH", lab.policyWith({}), flipped(trustedRoot, 9, 1)],
  "no bytes at all": ["ROOT_DIGEST_MISMATCH", lab.policyWith({}), new Uint8Array()],
  "no trusted root, though the policy pins it": [
    "ROOT_INVALID",
    pinning(Buffer.from([4, 0, 2])),
    Buffer.from([4, 0, 2]),
  ],
  "a key without a start": ["ROOT_KEY_WITHOUT_START", pinning(endless), endless],
  "a lab's, elsewhere": ["ROOT_LOCAL_OUTSIDE_LOCAL", lab.policyWith({ environment: "production" }), trustedRoot],
  "a lab's, and too old": [
    "ROOT_LOCAL_OUTSIDE_LOCAL",
    lab.policyWith({ environment: "production", "roots.sigstore.fetched": "2020-01-01T00:00:00Z" }),
    trustedRoot,
  ],
};

/** The signer of a machine: what is opened before anything is asked. */
function open(policy: TrustPolicy, root: Uint8Array): void {
  openAttestedKey({ policy, trustedRoot: root, tsaUrls: [], cache: "/nonexistent", now: () => lab.now });
}

for (const [what, [code, policy, root]] of Object.entries(refused)) {
  test(`a signer does not start with a root that is ${what}: ${code}`, () => {
    assert.equal(
      codeThrown(() => {
        open(policy, root);
      }, "started"),
      code,
    );
    assert.throws(
      () => {
        requireSignerRoot(policy, root, lab.now);
      },
      { code, kind: "usage" },
    );
  });
}

test("a root that is too old, or of tomorrow, stops no start: each image says so, and the machine stays attested", () => {
  for (const fetched of ["2020-01-01T00:00:00Z", new Date(lab.now.getTime() + 864e5).toISOString()]) {
    open(lab.policyWith({ "roots.sigstore.fetched": fetched }), trustedRoot);
  }
  open(lab.policyWith({}), trustedRoot);
});
