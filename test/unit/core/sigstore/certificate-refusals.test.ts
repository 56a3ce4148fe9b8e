import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { test } from "node:test";
import { X509Certificate } from "@sigstore/core";
import { Verifier, toSignedEntity } from "@sigstore/verify";
import { bundleFromJSON } from "@sigstore/bundle";
import { extensions } from "../../../../lab/sigstore/certificates.ts";
import { sequence, taggedPrimitive, utf8String } from "../../../../lab/sigstore/der.ts";
import { issueSigningCertificate } from "../../../../lab/sigstore/fulcio.ts";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { verifyBundleCryptography } from "../../../../src/core/sigstore/verify-bundle.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import {
  changed,
  handmadeBundle,
  ordinaryExtensions,
  readJson,
  sampleStatement,
  stamp,
} from "../../../support/sigstore-handmade.ts";
import { labThresholds, sampleClaims, withLabSigstore } from "../../../support/sigstore-lab.ts";
import type { LabSigstore } from "../../../support/sigstore-lab.ts";

const statement = sampleStatement(predicateTypes.provenance);

function codes(lab: LabSigstore, bundle: Uint8Array, thresholds = labThresholds): readonly string[] {
  return codesOf(verifyBundleCryptography(bundle, lab.root, thresholds));
}

test("CVE-2026-22703: a second certificate for the same key, for another identity, is refused: the entry names the first (the library alone accepts it)", async () => {
  await withLabSigstore(async (lab) => {
    const { material, logs } = lab.server.instance;
    const bundle = await lab.sign(statement);
    const leaf = Buffer.from(readJson(bundle).verificationMaterial.certificate?.rawBytes ?? "", "base64");
    const key = createPublicKey({ key: X509Certificate.parse(leaf).publicKey, format: "der", type: "spki" });
    const [second] = issueSigningCertificate(
      material,
      logs.ct,
      key,
      { ...sampleClaims, job_workflow_ref: "evil/x/.github/workflows/y.yml@refs/heads/main" },
      new Date(),
    );
    assert.ok(second);
    const swapped = changed(bundle, (json) => {
      json.verificationMaterial.certificate = { rawBytes: Buffer.from(second).toString("base64") };
    });
    const alone = new Verifier(lab.root.material).verify(toSignedEntity(bundleFromJSON(readJson(swapped))));
    assert.match(alone.identity?.subjectAlternativeName ?? "", /evil/);
    assert.deepEqual(codes(lab, swapped), ["BUNDLE_LOG_INVALID"]);
  });
});

test("a time stamp from after the certificate's ten minutes is refused", async () => {
  await withLabSigstore(async (lab) => {
    const late = changed(await lab.sign(statement), (json) => {
      const signature = Buffer.from(json.dsseEnvelope?.signatures[0]?.sig ?? "", "base64");
      json.verificationMaterial.timestampVerificationData = {
        rfc3161Timestamps: [{ signedTimestamp: stamp(lab, signature, new Date(Date.now() + 660_000)) }],
      };
    });
    assert.deepEqual(codes(lab, late), ["BUNDLE_CERTIFICATE_INVALID"]);
  });
});

test("certificates that are ambiguous, not for signing, or not promised to a CT log are refused", async () => {
  await withLabSigstore(async (lab) => {
    const ordinary = ordinaryExtensions();
    const arc = "1.3.6.1.4.1.57264.1";
    const without = (id: string) => ordinary.filter((extension) => extension.id !== id);
    const twoNames = {
      id: "2.5.29.17",
      critical: true,
      value: sequence(taggedPrimitive(6, Buffer.from("https://a.test")), taggedPrimitive(1, Buffer.from("a@b.test"))),
    };
    const cases = {
      "no code signing": without("2.5.29.37"),
      "time stamping only": [...without("2.5.29.37"), extensions.timeStamping],
      "an authority": [...ordinary, ...extensions.authority().slice(0, 1)],
      "no alternative name": without("2.5.29.17"),
      "two alternative names": [...without("2.5.29.17"), twoNames],
      "a DNS name": [
        ...without("2.5.29.17"),
        { id: "2.5.29.17", value: sequence(taggedPrimitive(2, Buffer.from("a.test"))) },
      ],
      "an extension twice": [...ordinary, { id: `${arc}.12`, value: utf8String("https://github.com/evil/x") }],
      "two issuers": [...without(`${arc}.1`), { id: `${arc}.1`, value: Buffer.from("https://other.test") }],
      "a raw string where UTF8String belongs": [
        ...without(`${arc}.12`),
        { id: `${arc}.12`, value: Buffer.from("https://github.com/m1k1o/neko") },
      ],
      "no issuer": ordinary.filter(({ id }) => id !== `${arc}.1` && id !== `${arc}.8`),
    };
    for (const [title, list] of Object.entries(cases)) {
      assert.deepEqual(
        codes(lab, await handmadeBundle(lab, { statement, extensions: list })),
        ["BUNDLE_CERTIFICATE_INVALID"],
        title,
      );
    }
    assert.deepEqual(codes(lab, await handmadeBundle(lab, { statement })), []);
    assert.deepEqual(codes(lab, await handmadeBundle(lab, { statement, promised: false })), [
      "BUNDLE_CERTIFICATE_INVALID",
      "BUNDLE_THRESHOLD",
    ]);
  });
});

test("an e-mail identity is read as such, and the old issuer extension alone is enough", async () => {
  await withLabSigstore(async (lab) => {
    const arc = "1.3.6.1.4.1.57264.1";
    const list = ordinaryExtensions().filter(({ id }) => id !== "2.5.29.17" && id !== `${arc}.8`);
    const email = {
      id: "2.5.29.17",
      critical: true,
      value: sequence(taggedPrimitive(1, Buffer.from("who@example.test"))),
    };
    const result = verifyBundleCryptography(
      await handmadeBundle(lab, { statement, extensions: [...list, email] }),
      lab.root,
      labThresholds,
    );
    assert.ok(result.ok, JSON.stringify(result));
    assert.equal(result.proof.claims.subjectAlternativeName, "who@example.test");
    assert.equal(result.proof.claims.issuer, "https://token.neko-lab.test");
  });
});
