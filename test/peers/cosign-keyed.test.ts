import assert from "node:assert/strict";
import { createHash, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { predicateTypes } from "../../src/core/intoto/statement.ts";
import { verifyBundle } from "../../src/core/sigstore/verify-bundle.ts";
import { codesOf } from "../support/sigstore-findings.ts";
import { sampleStatement } from "../support/sigstore-handmade.ts";
import { keyedBundle, keyedMessage, managedKey } from "../support/sigstore-keyed.ts";
import { labThresholds, withLabSigstore } from "../support/sigstore-lab.ts";
import { withCosign } from "../support/sigstore-peer.ts";

test("cosign and verifyBundle agree on bundles of a managed key: its own, another's, another artifact", async (t) => {
  await withLabSigstore(async (lab) => {
    const absent = await withCosign(lab, async (peer) => {
      const folder = mkdtempSync(join(tmpdir(), "neko-cosign-keyed-"));
      const write = (name: string, bytes: Uint8Array | string): string => {
        writeFileSync(join(folder, name), bytes);
        return join(folder, name);
      };
      try {
        const [key, other] = [managedKey(), managedKey()];
        const artifact = Buffer.from("an artifact");
        const digest = createHash("sha256").update(artifact).digest();
        const signature = sign("sha256", artifact, key.privateKey);
        const statement = sampleStatement(predicateTypes.provenance, { sha256: digest.toString("hex") });
        const message = keyedMessage(lab, key, { digest, algorithm: "sha256", signature });
        const envelope = keyedBundle(lab, key, statement);
        const root = write("trusted_root.json", lab.trustedRoot);
        for (const [command, bundle] of [
          [["verify-blob"], message],
          [["verify-blob-attestation", "--type", predicateTypes.provenance], envelope],
        ] as const) {
          for (const [signer, bytes, agreed] of [
            [key, artifact, true],
            [other, artifact, false],
            [key, Buffer.from("another"), false],
          ] as const) {
            const files = ["--key", write("key.pub", signer.pem), "--bundle", write("bundle.json", bundle)];
            const cosign = await peer.bare(...command, ...files, "--trusted-root", root, write("artifact", bytes));
            assert.equal(cosign.code === 0, agreed, cosign.output);
            const ours = verifyBundle({
              bundle,
              root: lab.root,
              thresholds: { ...labThresholds, tsa: 0 },
              key: signer.trusted,
              subject: { kind: "artifact", bytes },
            });
            assert.equal(ours.ok, agreed, codesOf(ours).join());
          }
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
    if (absent !== undefined) t.skip(absent.absent);
  });
});
