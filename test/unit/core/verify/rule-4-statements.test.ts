import assert from "node:assert/strict";
import { test } from "node:test";
import { fulcioExtensions } from "../../../../lab/sigstore/fulcio-extensions.ts";
import { extensions } from "../../../../lab/sigstore/certificates.ts";
import { identityOf, workflowClaims } from "../../../../lab/sigstore/issue-token.ts";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { buildReferrer } from "../../../../src/core/oci/referrer-builder.ts";
import type { Evidence } from "../../../../src/core/verify/evidence.ts";
import { flipped, withReferrers } from "../../../support/evidence-changes.ts";
import { labRun, startReleaseLab } from "../../../support/release-lab.ts";
import type { Kind } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { changed, handmadeBundle } from "../../../support/sigstore-handmade.ts";

const lab = await startReleaseLab();
const index = lab.evidence.digest;
const hex = index.slice("sha256:".length);
const otherDigest = `sha256:${"0".repeat(64)}` as const;

function codes(evidence: Evidence): readonly string[] {
  return codesOf(lab.verify({ evidence }));
}

async function goodBundle(kind: Kind): Promise<Uint8Array> {
  const { bundle } = await lab.signed(kind);
  assert.ok(bundle.kind === "found");
  return bundle.value;
}

for (const [name, kind, expected] of [
  ["T2: only SBOMs and signatures, where provenance is required", "provenance", ["STATEMENT_MISSING"]],
  ["T3: only attestations, where a signature is required", "signature", ["STATEMENT_MISSING"]],
  ["no SBOM", "sbom", ["STATEMENT_MISSING"]],
  ["no manifest", "manifest", ["STATEMENT_MISSING", "SKIPPED", "SKIPPED", "SKIPPED"]],
] as const) {
  test(`refuses ${name}`, () => {
    const checked = lab.verify({ evidence: lab.without(kind) });
    assert.deepEqual(codesOf(checked), expected);
    assert.ok(!checked.ok && checked.findings[0].expected.startsWith(`a ${kind} statement`));
  });
}

test("refuses a release with no statement at all, and one whose referrers were never listed", () => {
  const missing = ["STATEMENT_MISSING", "STATEMENT_MISSING"];
  const platform = ["STATEMENT_MISSING", "STATEMENT_MISSING", "SKIPPED"];
  const nothing = [...missing, ...platform, ...platform, "SKIPPED"];
  // What was never asked for is not known to be absent.
  const unasked = codes({ ...lab.evidence, referrers: new Map() });
  assert.deepEqual([...new Set(unasked)], ["SKIPPED", "REGISTRY_BROKEN"]);
  const empty = new Map([...lab.evidence.referrers.keys()].map((key) => [key, { kind: "found", value: [] } as const]));
  assert.deepEqual(codes({ ...lab.evidence, referrers: empty }), nothing);
});

test("an SBOM of the image by the trusted signer never counts as its signature", async () => {
  const sbom = await lab.signed("sbom", {
    statement: { "subject.0.digest.sha256": hex },
    refersTo: index,
  });
  assert.deepEqual(codes(withReferrers(lab.without("signature"), index, (list) => [...list, sbom])), [
    "STATEMENT_MISSING",
  ]);
});

for (const predicateType of [
  predicateTypes.provenance,
  predicateTypes.release,
  `${predicateTypes.signature}/`,
  predicateTypes.signature.toUpperCase(),
  "https://cosign.sigstore.dev/attestation/v1",
]) {
  test(`a statement of type ${predicateType} is no signature`, async () => {
    const evidence = await lab.replacing("signature", { statement: { predicateType } });
    // As a manifest, by a signer of manifests, it is a bad one, which refuses too.
    const asManifest = predicateType === predicateTypes.release;
    assert.deepEqual(codes(evidence), [
      "STATEMENT_MISSING",
      ...(asManifest ? ["MANIFEST_SCHEMA_VERSION", "SKIPPED", "SKIPPED", "SKIPPED"] : []),
    ]);
  });
}

test("T9: refuses a referrer whose manifest refers to another image", async () => {
  const evidence = await lab.replacing("signature", { refersTo: otherDigest });
  assert.deepEqual(codes(evidence), ["STATEMENT_SUBJECT_MISMATCH"]);
});

test("T9: refuses a referrer whose manifest or bundle is of other bytes than the digests say", async () => {
  const good = await lab.signed("signature");
  assert.ok(good.manifest.kind === "found" && good.bundle.kind === "found");
  const put = (referrer: typeof good): Evidence =>
    withReferrers(lab.without("signature"), index, (list) => [...list, referrer]);
  assert.deepEqual(codes(put(good)), []);
  const manifest = { kind: "found", value: flipped(good.manifest.value, 30, 0) } as const;
  assert.deepEqual(codes(put({ ...good, manifest })), ["DIGEST_MISMATCH"]);
  const bundle = { kind: "found", value: Buffer.concat([good.bundle.value, Buffer.from(" ")]) } as const;
  assert.deepEqual(codes(put({ ...good, bundle })), ["DIGEST_MISMATCH"]);
  assert.deepEqual(codes(put({ ...good, digest: otherDigest })), ["DIGEST_MISMATCH"]);
  assert.deepEqual(codes(put({ ...good, bundle: { kind: "absent" } })), ["STATEMENT_MISSING"]);
  assert.deepEqual(codes(put({ ...good, manifest: { kind: "absent" } })), ["STATEMENT_MISSING"]);
});

test("refuses a platform's own manifest, and a referrer of two layers, in the place of a referrer", async () => {
  const [platform] = lab.release.platforms;
  assert.ok(platform !== undefined);
  const { digest, bytes } = platform.image.manifest;
  const image = { digest, manifest: { kind: "found", value: bytes }, bundle: { kind: "absent" } } as const;
  const evidence = withReferrers(lab.without("signature"), index, (list) => [...list, image]);
  assert.equal(codes(evidence)[0], "BUNDLE_INVALID");
  assert.deepEqual(codes(withReferrers(lab.evidence, index, (list) => [...list, image])), []);
  const good = await lab.signed("signature");
  assert.ok(good.manifest.kind === "found");
  const document = JSON.parse(Buffer.from(good.manifest.value).toString("utf8")) as { layers: unknown[] };
  const value = Buffer.from(JSON.stringify({ ...document, layers: [...document.layers, ...document.layers] }));
  const double = { ...good, digest: digestOf(value), manifest: { kind: "found", value } } as const;
  const instead = withReferrers(lab.without("signature"), index, (list) => [...list, double]);
  assert.deepEqual(codes(instead), ["BUNDLE_INVALID"]);
});

test("T11: a signature of a platform is no signature of the index, nor provenance of the index that of a platform", async () => {
  const amd64 = lab.subject("provenance");
  const signature = await lab.replacing("signature", {
    statement: { "subject.0.digest.sha256": amd64.slice("sha256:".length) },
  });
  assert.deepEqual(codes(signature), ["STATEMENT_SUBJECT_MISMATCH"]);
  const provenance = await lab.replacing("provenance", { statement: { "subject.0.digest.sha256": hex } });
  assert.deepEqual(codes(provenance), ["STATEMENT_SUBJECT_MISMATCH"]);
  const arm64 = lab.subject("provenance", "linux/arm64").slice("sha256:".length);
  const swapped = await lab.replacing("provenance", { statement: { "subject.0.digest.sha256": arm64 } });
  assert.deepEqual(codes(swapped), ["STATEMENT_SUBJECT_MISMATCH"]);
});

for (const [what, changes] of [
  ["an upper-case digest", { "subject.0.digest": { sha256: hex.toUpperCase() } }],
  ["a sha512 alone", { "subject.0.digest": { sha512: "0".repeat(128) } }],
  ["the digest with its prefix", { "subject.0.digest": { sha256: index } }],
  ["the digest under another name", { "subject.0.digest": { SHA256: hex, gitCommit: hex } }],
  ["the digest shortened", { "subject.0.digest": { sha256: hex.slice(0, 63) } }],
  ["no digest", { "subject.0.digest": {} }],
] as const) {
  test(`T16: refuses a subject with ${what}`, async () => {
    assert.deepEqual(codes(await lab.replacing("signature", { statement: changes })), ["STATEMENT_SUBJECT_MISMATCH"]);
  });
}

test("T16: takes the image as second subject", async () => {
  const subject = [{ name: "other", digest: { sha256: "0".repeat(64) } }, { digest: { sha256: hex } }];
  assert.deepEqual(codes(await lab.replacing("signature", { statement: { subject } })), []);
});

for (const [what, from, to] of [
  ["a second predicateType", '"predicateType":', `"predicateType":"${predicateTypes.provenance}","predicateType":`],
  ["a second subject list", '"subject":', '"subject":[],"subject":'],
  ["__proto__", '"predicate":{}', '"predicate":{},"__proto__":{"predicateType":"x"}'],
  ["__proto__ in the predicate", '"predicate":{}', '"predicate":{"__proto__":{}}'],
  ["a key twice by its escape", '"subject":', '"\\u0073ubject":[],"subject":'],
] as const) {
  test(`T15: refuses a signed statement with ${what}`, async () => {
    const text = Buffer.from(lab.statement("signature").payload).toString("utf8");
    assert.ok(text.includes(from));
    const payload = Buffer.from(text.replace(from, to));
    assert.deepEqual(codes(await lab.replacing("signature", { payload })), ["STATEMENT_INVALID"]);
  });
}

for (const [what, changes] of [
  ["another type", { _type: "https://in-toto.io/Statement/v2" }],
  ["no subject", { subject: [] }],
  ["no predicate type", { predicateType: undefined }],
  ["no predicate", { predicate: undefined }],
  ["2,000 subjects", { subject: Array.from({ length: 2000 }, () => ({ digest: { sha256: hex } })) }],
] as const) {
  test(`refuses a statement with ${what}`, async () => {
    assert.deepEqual(codes(await lab.replacing("signature", { statement: changes })), ["STATEMENT_INVALID"]);
  });
}

test("refuses a signed payload that is no statement: no JSON, no UTF-8, deep nesting", async () => {
  for (const payload of [
    Buffer.from("not JSON"),
    Buffer.from([0x22, 0xff, 0x22]),
    Buffer.from(`{"predicate":${"[".repeat(5000)}${"]".repeat(5000)}}`),
  ]) {
    assert.deepEqual(codes(await lab.replacing("signature", { payload })), ["STATEMENT_INVALID"]);
  }
});

test("T14: refuses a payload of another type than in-toto, however it is spelt", async () => {
  const claims = workflowClaims(labRun);
  const own = [
    extensions.digitalSignature,
    extensions.codeSigning,
    extensions.uri(identityOf(claims).subject),
    ...fulcioExtensions(claims),
  ];
  const { payload: statement } = lab.statement("signature");
  const good = await handmadeBundle(lab.sigstore, { statement, extensions: own });
  assert.deepEqual(codes(await lab.replacing("signature", { bundle: good })), []);
  for (const payloadType of [
    "application/json",
    "application/vnd.in-toto+json; v=1",
    "application/vnd.in-tot\u00f6+json",
  ]) {
    const bundle = await handmadeBundle(lab.sigstore, { statement, extensions: own, payloadType });
    assert.deepEqual(codes(await lab.replacing("signature", { bundle })), ["STATEMENT_PAYLOAD_TYPE"], payloadType);
  }
});

test("refuses a changed payload, a changed type, another bundle's log entry or certificate", async () => {
  const bundle = await goodBundle("signature");
  const manifest = JSON.parse(Buffer.from(await goodBundle("manifest")).toString("utf8")) as {
    verificationMaterial: { tlogEntries: []; certificate: { rawBytes: string } };
  };
  const refused = async (change: Parameters<typeof changed>[1]): Promise<readonly string[]> =>
    codes(await lab.replacing("signature", { bundle: changed(bundle, change) }));
  const payload = Buffer.from(
    Buffer.from(lab.statement("signature").payload).toString("utf8").replace("{}", '{"a":1}'),
  );
  assert.deepEqual(
    await refused((json) => {
      json.dsseEnvelope!.payload = payload.toString("base64");
    }),
    ["BUNDLE_SIGNATURE_INVALID", "BUNDLE_LOG_INVALID"],
  );
  assert.deepEqual(
    await refused((json) => {
      json.verificationMaterial.tlogEntries = manifest.verificationMaterial.tlogEntries;
    }),
    ["BUNDLE_LOG_INVALID"],
  );
  assert.ok(
    (
      await refused((json) => {
        json.verificationMaterial.certificate = manifest.verificationMaterial.certificate;
      })
    ).includes("BUNDLE_SIGNATURE_INVALID"),
  );
  assert.deepEqual(
    await refused((json) => {
      json.mediaType = "application/vnd.dev.sigstore.bundle.v0.9+json";
    }),
    ["BUNDLE_MEDIA_TYPE"],
  );
});

test("a referrer's artifact type and annotations decide nothing: the signed statement does", async () => {
  const bundle = await goodBundle("signature");
  const { manifest, descriptor } = buildReferrer(
    { mediaType: mediaTypes.index, digest: index, size: 1 },
    {
      artifactType: mediaTypes.empty,
      layer: bundle,
      layerMediaType: "application/octet-stream",
      annotations: { "dev.sigstore.bundle.predicateType": predicateTypes.spdx23 },
    },
  );
  const { digest } = descriptor;
  const odd = {
    digest,
    manifest: { kind: "found", value: manifest },
    bundle: { kind: "found", value: bundle },
  } as const;
  assert.deepEqual(codes(withReferrers(lab.without("signature"), index, (list) => [...list, odd])), []);
});
