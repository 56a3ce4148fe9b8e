import assert from "node:assert/strict";
import { createHash, createPublicKey } from "node:crypto";
import { test } from "node:test";
import { X509Certificate } from "@sigstore/core";
import { timestampResponse } from "../../../../lab/sigstore/timestamp-authority.ts";
import { Failure } from "../../../../src/core/failure.ts";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { readPublicKey } from "../../../../src/core/sigstore/public-key.ts";
import { readTrustedRoot } from "../../../../src/core/sigstore/trusted-root.ts";
import { verifyBundle } from "../../../../src/core/sigstore/verify-bundle.ts";
import type { VerifyBundleInput } from "../../../../src/core/sigstore/verify-bundle.ts";
import { cryptographyCodes, provenInput } from "../../../support/bundle-verdicts.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { changed, readJson, sampleStatement } from "../../../support/sigstore-handmade.ts";
import { sampleClaims, withLabSigstore } from "../../../support/sigstore-lab.ts";
import { productionRootBytes } from "../../../support/sigstore-production-root.ts";
import { changedRoot } from "../../../support/sigstore-root.ts";
import type { RootJson } from "../../../support/sigstore-root.ts";

/** Advisories of Sigstore's implementations about identities, certificates, keys and authorities, each seen refused here. */
const type = predicateTypes.provenance;
const statement = sampleStatement(type);
const production = productionRootBytes();

test("T4: an identity that differs by suffix, prefix, dot, plus or case is refused; a branch with a plus is accepted", async () => {
  await withLabSigstore(async (lab) => {
    const claims = { job_workflow_ref: "m1k1o/neko/.github/workflows/release.yml@refs/heads/feat+x" };
    const input = provenInput(lab, await lab.sign(sampleStatement(type), { claims }));
    const { issuer, subject } = lab.identity(claims);
    assert.deepEqual(codesOf(verifyBundle({ ...input, identity: { issuer, subject } })), []);
    for (const near of [
      `${subject}-evil`,
      `x${subject}`,
      subject.replace("github.com", "github-com"),
      subject.replace("+", ""),
      subject.toUpperCase(),
    ]) {
      assert.deepEqual(
        codesOf(verifyBundle({ ...input, identity: { issuer, subject: near } })),
        ["IDENTITY_SUBJECT_MISMATCH"],
        near,
      );
    }
    assert.deepEqual(codesOf(verifyBundle({ ...input, identity: { issuer: `${issuer}x`, subject: `${subject}x` } })), [
      "IDENTITY_ISSUER_MISMATCH",
      "IDENTITY_SUBJECT_MISMATCH",
    ]);
  });
});

test("T5: an empty, blank, padded or undefined identity is a usage failure before the bundle is read", async () => {
  await withLabSigstore((lab) => {
    const notABundle = new Uint8Array();
    const { issuer, subject } = lab.identity();
    for (const identity of [
      { issuer: "", subject },
      { issuer, subject: "" },
      { issuer: "  ", subject },
      { issuer, subject: "\t\n" },
      { issuer, subject: `${subject} ` },
      { subject },
      {},
      undefined,
      null,
    ]) {
      const input = { ...provenInput(lab, notABundle), identity } as VerifyBundleInput;
      assert.throws(
        () => verifyBundle(input),
        (error) => error instanceof Failure && error.code === "IDENTITY_EMPTY" && error.kind === "usage",
      );
    }
  });
});

test("T6: a public key, a hint, or nothing in the certificate's place is refused", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement);
    for (const publicKey of [{ hint: "key" }, { rawBytes: "AAAA" }, {}]) {
      const keyed = changed(bundle, (json) => {
        delete json.verificationMaterial.certificate;
        json.verificationMaterial.publicKey = publicKey;
      });
      assert.deepEqual(cryptographyCodes(lab, keyed), ["BUNDLE_KEY_NOT_CERTIFICATE"]);
    }
    const bare = changed(bundle, (json) => {
      delete json.verificationMaterial.certificate;
    });
    assert.deepEqual(cryptographyCodes(lab, bare), ["BUNDLE_KEY_NOT_CERTIFICATE"]);
    const both = changed(bundle, (json) => {
      json.verificationMaterial.publicKey = { hint: "key" };
    });
    assert.deepEqual(cryptographyCodes(lab, both), ["BUNDLE_KEY_NOT_CERTIFICATE"]);
  });
});

test("CVE-2022-36056 (2 of 4): the identity is compared although the bundle brings its own certificate and entry", async () => {
  await withLabSigstore(async (lab) => {
    const claims = { ...sampleClaims, job_workflow_ref: "evil/x/.github/workflows/y.yml@refs/heads/main" };
    const input = provenInput(lab, await lab.sign(statement, { claims }));
    assert.deepEqual(codesOf(verifyBundle(input)), ["IDENTITY_SUBJECT_MISMATCH"]);
  });
});

test("GHSA-fx35-mq7g-6g98: a raw key where the certificate belongs is no signer, whatever is expected", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement);
    const leaf = Buffer.from(readJson(bundle).verificationMaterial.certificate?.rawBytes ?? "", "base64");
    const key = createPublicKey({ key: X509Certificate.parse(leaf).publicKey, format: "der", type: "spki" });
    const pem = key.export({ format: "pem", type: "spki" }).toString();
    for (const bytes of [key.export({ format: "der", type: "spki" }), Buffer.from(pem)]) {
      const keyed = changed(bundle, (json) => {
        json.verificationMaterial.certificate = { rawBytes: bytes.toString("base64") };
      });
      const { identity: _none, ...anybody } = provenInput(lab, keyed);
      for (const input of [provenInput(lab, keyed), anybody])
        assert.deepEqual(codesOf(verifyBundle(input)), ["BUNDLE_CERTIFICATE_INVALID"]);
      assert.deepEqual(codesOf(verifyBundle({ ...anybody, key: readPublicKey(Buffer.from(pem)) })), [
        "BUNDLE_CERTIFICATE_NOT_KEY",
      ]);
    }
  });
});

test("T13, CVE-2026-24122: a certificate below an intermediate that had expired at the signing time is refused", async () => {
  let now = new Date();
  const hour = 3_600_000;
  await withLabSigstore(
    async (lab) => {
      assert.deepEqual(cryptographyCodes(lab, await lab.sign(statement)), []);
      now = new Date(now.getTime() + 2 * hour);
      assert.deepEqual(cryptographyCodes(lab, await lab.sign(statement)), ["BUNDLE_CERTIFICATE_INVALID"]);
    },
    { now: () => now, intermediateMilliseconds: hour },
  );
});

test("CVE-2026-48815: what the certificate says of the run reaches the caller decoded, and differs where the identity does not", async () => {
  await withLabSigstore(async (lab) => {
    const claims = { repository: "evil/x", repository_id: "1", repository_owner_id: "2" };
    const result = verifyBundle(provenInput(lab, await lab.sign(statement, { claims })));
    assert.ok(result.ok, JSON.stringify(result));
    assert.equal(result.proof.claims.sourceRepositoryUri, "https://github.com/evil/x");
    assert.equal(result.proof.claims.sourceRepositoryId, "1");
    assert.equal(result.proof.claims.sourceRepositoryOwnerId, "2");
  });
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

test("CVE-2026-39984: a time stamp by another key is refused, whichever certificates are in its bag", async () => {
  await withLabSigstore(async (lab) => {
    await withLabSigstore(async (attacker) => {
      const bundle = await lab.sign(statement);
      const signature = Buffer.from(readJson(bundle).dsseEnvelope?.signatures[0]?.sig ?? "", "base64");
      const digest = createHash("sha256").update(signature).digest();
      const [real, own] = [lab.server.instance.material.tsa, attacker.server.instance.material.tsa];
      const found = (material: typeof real, withCertificate: boolean): readonly string[] => {
        const token = timestampResponse({ digest, withCertificate }, material, new Date());
        const stamped = changed(bundle, (json) => {
          json.verificationMaterial.timestampVerificationData = {
            rfc3161Timestamps: [{ signedTimestamp: token.toString("base64") }],
          };
        });
        return cryptographyCodes(lab, stamped);
      };
      for (const withCertificate of [true, false]) {
        assert.deepEqual(found(real, withCertificate), []);
        // The signer's name and serial number are the authority's; the key, and the certificate in the bag, are not.
        const { privateKey, certificate } = own;
        assert.deepEqual(found({ ...real, privateKey }, withCertificate), ["BUNDLE_TIME_INVALID"]);
        assert.deepEqual(found({ ...real, privateKey, certificate }, withCertificate), ["BUNDLE_TIME_INVALID"]);
      }
    });
  });
});
