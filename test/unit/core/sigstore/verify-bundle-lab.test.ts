import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { bundleToJSON } from "@sigstore/bundle";
import { FulcioSigner, MessageSignatureBundleBuilder, RekorWitness, TSAWitness } from "@sigstore/sign";
import fc from "fast-check";
import { Failure } from "../../../../src/core/failure.ts";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { verifyBundle, verifyBundleCryptography } from "../../../../src/core/sigstore/verify-bundle.ts";
import type { VerifyBundleInput } from "../../../../src/core/sigstore/verify-bundle.ts";
import { provenInput } from "../../../support/bundle-verdicts.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { sampleHex, sampleStatement, writeJson } from "../../../support/sigstore-handmade.ts";
import { labThresholds, sampleClaims, withLabSigstore } from "../../../support/sigstore-lab.ts";

const type = predicateTypes.provenance;

for (const logs of [[1], [2], [1, 2]] as const) {
  test(`accepts a lab bundle with entries in Rekor ${logs.map((log) => `v${log}`).join(" and ")}, and decodes every claim`, async () => {
    await withLabSigstore(async (lab) => {
      // Neighbours in the log, so that the proofs have hashes.
      for (const log of [1, 2, 1, 2] as const) await lab.sign(sampleStatement(type), { logs: [log] });
      const claims = { environment: "production" };
      const bundle = await lab.sign(sampleStatement(type), { logs, claims });
      const result = verifyBundle({ ...provenInput(lab, bundle), thresholds: { ...labThresholds, tlog: logs.length } });
      assert.ok(result.ok, JSON.stringify(result));
      assert.equal(result.proof.logs.length, logs.length);
      assert.equal(result.proof.ctLogs.length, 1);
      assert.deepEqual(
        result.proof.times.map(({ source }) => source),
        logs[0] === 1 ? ["tlog", "tsa"] : ["tsa"], // Rekor v2 gives no time
      );
      const gitHub = "https://github.com";
      assert.deepEqual(result.proof.claims, {
        issuer: "https://token.neko-lab.test",
        subjectAlternativeName: `${gitHub}/${sampleClaims.job_workflow_ref}`,
        buildSignerUri: `${gitHub}/${sampleClaims.job_workflow_ref}`,
        buildSignerDigest: sampleClaims.job_workflow_sha,
        runnerEnvironment: "github-hosted",
        sourceRepositoryUri: `${gitHub}/m1k1o/neko`,
        sourceRepositoryDigest: sampleClaims.sha,
        sourceRepositoryRef: "refs/tags/v1.2.3",
        sourceRepositoryId: sampleClaims.repository_id,
        sourceRepositoryOwnerUri: `${gitHub}/m1k1o`,
        sourceRepositoryOwnerId: sampleClaims.repository_owner_id,
        buildConfigUri: `${gitHub}/${sampleClaims.workflow_ref}`,
        buildConfigDigest: sampleClaims.workflow_sha,
        buildTrigger: "push",
        runInvocationUri: `${gitHub}/m1k1o/neko/actions/runs/1/attempts/1`,
        sourceRepositoryVisibility: "public",
        deploymentEnvironment: "production",
        tokenSubject: "repo:m1k1o/neko:ref:refs/tags/v1.2.3",
      });
    });
  });
}

test("thresholds that would let an unproven signature pass are a usage failure", async () => {
  await withLabSigstore((lab) => {
    for (const change of [{ tlog: 0 }, { ct: 0 }, { tsa: -1 }, { tlog: 1.5 }, { tlog: Number.NaN }]) {
      const thresholds = { ...labThresholds, ...change };
      assert.throws(
        () => verifyBundleCryptography(new Uint8Array(), lab.root, thresholds),
        (error) => error instanceof Failure && error.code === "THRESHOLD_INVALID",
      );
    }
  });
});

test("an empty predicate type and a malformed digest are usage failures", async () => {
  await withLabSigstore((lab) => {
    const input = provenInput(lab, new Uint8Array());
    const throws = (change: Partial<VerifyBundleInput>, code: string): void => {
      assert.throws(
        () => verifyBundle({ ...input, ...change }),
        (error) => error instanceof Failure && error.code === code,
      );
    };
    throws({ predicateType: " " }, "PREDICATE_TYPE_EMPTY");
    for (const hex of ["", sampleHex.toUpperCase(), sampleHex.slice(1), `sha256:${sampleHex}`]) {
      throws({ subject: { kind: "digest", algorithm: "sha256", hex } }, "SUBJECT_DIGEST_INVALID");
    }
  });
});

test("T2, T3: an SBOM's bundle is no provenance and no signature", async () => {
  await withLabSigstore(async (lab) => {
    const input = provenInput(lab, await lab.sign(sampleStatement(predicateTypes.spdx23)));
    for (const predicateType of [predicateTypes.provenance, predicateTypes.signature, predicateTypes.spdx]) {
      assert.deepEqual(codesOf(verifyBundle({ ...input, predicateType })), ["STATEMENT_PREDICATE_TYPE"]);
    }
    assert.deepEqual(codesOf(verifyBundle({ ...input, predicateType: predicateTypes.spdx23 })), []);
  });
});

test("a message signature is verified by the artifact and by the digest alone, and for no other", async () => {
  await withLabSigstore(async (lab) => {
    const artifact = Buffer.from("an artifact");
    const urls = lab.server.urls;
    const builder = new MessageSignatureBundleBuilder({
      signer: new FulcioSigner({
        fulcioBaseURL: urls.fulcio,
        identityProvider: { getToken: () => Promise.resolve(lab.token()) },
      }),
      witnesses: [
        new RekorWitness({ rekorBaseURL: urls.rekorV1 }),
        new RekorWitness({ rekorBaseURL: urls.rekorV2, majorApiVersion: 2 }),
        new TSAWitness({ tsaBaseURL: urls.tsa }),
      ],
    });
    const json = bundleToJSON(await builder.create({ data: artifact })) as {
      mediaType: string;
      messageSignature: { signature: string };
    };
    // The builder writes a v0.2 bundle, with a chain of one certificate.
    assert.equal(json.mediaType, "application/vnd.dev.sigstore.bundle+json;version=0.2");
    const { predicateType: _none, ...input } = {
      ...provenInput(lab, writeJson(json)),
      thresholds: { tlog: 2, ct: 1, tsa: 1 },
    };
    const hex = createHash("sha256").update(artifact).digest("hex");
    assert.deepEqual(codesOf(verifyBundle({ ...input, subject: { kind: "artifact", bytes: artifact } })), []);
    assert.deepEqual(codesOf(verifyBundle({ ...input, subject: { kind: "digest", algorithm: "sha256", hex } })), []);
    assert.deepEqual(codesOf(verifyBundle(input)), ["STATEMENT_SUBJECT_MISMATCH"]);
    assert.deepEqual(
      codesOf(verifyBundle({ ...input, subject: { kind: "artifact", bytes: Buffer.from("another") } })),
      ["STATEMENT_SUBJECT_MISMATCH"],
    );
    assert.deepEqual(
      codesOf(verifyBundle({ ...input, subject: { kind: "artifact", bytes: artifact }, predicateType: type })),
      ["STATEMENT_PREDICATE_TYPE"],
    );
    const other = structuredClone(json);
    other.messageSignature.signature = `${other.messageSignature.signature.slice(0, 20)}${other.messageSignature.signature[20] === "A" ? "B" : "A"}${other.messageSignature.signature.slice(21)}`;
    assert.ok(
      codesOf(
        verifyBundle({ ...input, bundle: writeJson(other), subject: { kind: "artifact", bytes: artifact } }),
      ).includes("BUNDLE_SIGNATURE_INVALID"),
    );
  });
});

test("a byte changed in a bundle with time stamp and Rekor v2 entry is refused, or proves exactly the same", async () => {
  await withLabSigstore(async (lab) => {
    await lab.sign(sampleStatement(type), { logs: [2] });
    const bundle = await lab.sign(sampleStatement(type), { logs: [2] });
    const proof = verifyBundle(provenInput(lab, bundle));
    assert.ok(proof.ok);
    let refused = 0;
    fc.assert(
      fc.property(fc.nat(bundle.length - 1), fc.integer({ min: 1, max: 255 }), (position, change) => {
        const bytes = Buffer.from(bundle);
        bytes.writeUInt8(bytes.readUInt8(position) ^ change, position);
        const result = verifyBundle(provenInput(lab, bytes));
        if (result.ok) assert.deepEqual(result.proof, proof.proof);
        else refused += 1;
      }),
      { numRuns: 250 },
    );
    assert.ok(refused > 150, `${refused} of 250 refused`);
  });
});
