import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { predicateTypes } from "../../src/core/intoto/statement.ts";
import { writeStatement } from "../../src/core/intoto/write-statement.ts";
import { verifyBundle } from "../../src/core/sigstore/verify-bundle.ts";
import { labThresholds, withLabSigstore } from "../support/sigstore-lab.ts";
import { withCosign } from "../support/sigstore-peer.ts";
import type { CosignPeer } from "../support/sigstore-peer.ts";

/** Real cosign as the peer: what the lab signs, and what our verifier says of it, must be what cosign says. */

function statement(peer: CosignPeer, predicateType: string): Uint8Array {
  const provenance = {
    buildDefinition: { buildType: "https://example.com/build", externalParameters: {} },
    runDetails: { builder: { id: "https://example.com/builder" } },
  };
  return writeStatement({
    subject: [{ name: peer.repository, digest: { sha256: peer.digest.slice("sha256:".length) } }],
    predicateType,
    predicate: predicateType === predicateTypes.provenance ? provenance : {},
  });
}

for (const log of [1, 2] as const) {
  test(`cosign and this verifier agree on an image signed with Rekor v${log}: the right identity, the wrong one, the predicate type`, async (t) => {
    await withLabSigstore(async (lab) => {
      const outcome = await withCosign(lab, async (peer) => {
        for (const type of [predicateTypes.signature, predicateTypes.provenance]) {
          await peer.attach(await lab.sign(statement(peer, type), { logs: [log] }), type);
        }
        const { issuer, subject } = lab.identity();
        const identity = (name: string, by: string) => [
          "--certificate-identity",
          name,
          "--certificate-oidc-issuer",
          by,
        ];
        const stamps = ["--use-signed-timestamps"];
        const cosignSays = async (command: readonly string[], name: string, by: string): Promise<boolean> => {
          const { code, output } = await peer.cosign(...command, ...stamps, ...identity(name, by));
          t.diagnostic(
            `cosign ${command.join(" ")} as ${name} by ${by}: exit ${code} ${code === 0 ? "" : (output.trim().split("\n").at(-1) ?? "")}`,
          );
          return code === 0;
        };
        const bundles = await peer.bundles();
        assert.equal(bundles.length, 2);
        const weSay = (predicateType: string, name: string, by: string): boolean =>
          bundles.some(
            (bundle) =>
              verifyBundle({
                bundle,
                root: lab.root,
                thresholds: labThresholds,
                identity: { issuer: by, subject: name },
                subject: { kind: "digest", algorithm: "sha256", hex: peer.digest.slice("sha256:".length) },
                predicateType,
              }).ok,
          );
        const verify = ["verify"];
        const attestation = ["verify-attestation", "--type", "slsaprovenance1"];
        const cases = [
          { name: subject, by: issuer, holds: true },
          { name: `${subject}-evil`, by: issuer, holds: false },
          { name: subject.slice(0, -1), by: issuer, holds: false },
          { name: subject, by: `${issuer}.example`, holds: false },
        ];
        for (const { name, by, holds } of cases) {
          assert.equal(await cosignSays(verify, name, by), holds, `cosign verify as ${name} by ${by}`);
          assert.equal(weSay(predicateTypes.signature, name, by), holds, `ours, signature, as ${name} by ${by}`);
          assert.equal(await cosignSays(attestation, name, by), holds, `cosign verify-attestation as ${name} by ${by}`);
          assert.equal(weSay(predicateTypes.provenance, name, by), holds, `ours, provenance, as ${name} by ${by}`);
        }
        assert.equal(await cosignSays(["verify-attestation", "--type", "spdxjson"], subject, issuer), false);
        assert.equal(weSay(predicateTypes.spdx, subject, issuer), false);
      });
      if (outcome !== undefined) t.skip(outcome.absent);
    });
  });
}

test("cosign initialises from the lab's TUF mirror, starting from tuf-root.json", async (t) => {
  await withLabSigstore(async (lab) => {
    const outcome = await withCosign(lab, async (peer) => {
      const root = join(lab.stateDirectory, "tuf-root.json");
      const { code, output } = await peer.bare("initialize", "--mirror", lab.server.urls.tuf, "--root", root);
      assert.equal(code, 0, output);
      await peer.attach(await lab.sign(statement(peer, predicateTypes.signature)), predicateTypes.signature);
      const { issuer, subject } = lab.identity();
      // Without --trusted-root: the root that cosign fetched over TUF is the one it verifies with.
      const image = `${peer.repository}@${peer.digest}`;
      const verified = await peer.bare(
        "verify",
        "--certificate-identity",
        subject,
        "--certificate-oidc-issuer",
        issuer,
        image,
      );
      assert.equal(verified.code, 0, verified.output);
    });
    if (outcome !== undefined) t.skip(outcome.absent);
  });
});
