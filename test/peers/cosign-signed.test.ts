import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { predicateTypes } from "../../src/core/intoto/statement.ts";
import { verifyBundle } from "../../src/core/sigstore/verify-bundle.ts";
import { signingConfig } from "../support/signing.ts";
import { labThresholds, withLabSigstore } from "../support/sigstore-lab.ts";
import { withCosign } from "../support/sigstore-peer.ts";

/** The other way round: real cosign signs with the lab's services, by its signing configuration, and ours verifies. */

for (const log of ["rekorV1", "rekorV2"] as const) {
  test(`our verifier takes what cosign signed with ${log}, for exactly its identity, image and predicate type`, async (t) => {
    await withLabSigstore(async (lab) => {
      const outcome = await withCosign(lab, async (peer) => {
        const write = (name: string, content: string | Uint8Array): string => {
          const path = join(lab.stateDirectory, name);
          writeFileSync(path, content);
          return path;
        };
        const services = [
          "--signing-config",
          signingConfig(lab, log),
          "--trusted-root",
          write("root.json", lab.trustedRoot),
        ];
        const token = ["--identity-token", write("token", lab.token())];
        const { code, output } = await peer.bare(
          "sign",
          "--yes",
          ...services,
          ...token,
          `${peer.repository}@${peer.digest}`,
        );
        assert.equal(code, 0, output);
        const [bundle, ...more] = await peer.bundles();
        assert.ok(bundle !== undefined && more.length === 0);
        const { issuer, subject } = lab.identity();
        const hex = peer.digest.slice("sha256:".length);
        const weSay = (name: string, digest: string, predicateType: string): boolean =>
          verifyBundle({
            bundle,
            root: lab.root,
            thresholds: labThresholds,
            identity: { issuer, subject: name },
            subject: { kind: "digest", algorithm: "sha256", hex: digest },
            predicateType,
          }).ok;
        assert.equal(weSay(subject, hex, predicateTypes.signature), true);
        assert.equal(weSay(`${subject}-evil`, hex, predicateTypes.signature), false);
        assert.equal(weSay(subject, "0".repeat(64), predicateTypes.signature), false);
        assert.equal(weSay(subject, hex, predicateTypes.provenance), false);
      });
      if (outcome !== undefined) t.skip(outcome.absent);
    });
  });
}
