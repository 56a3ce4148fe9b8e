import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalBytes } from "../../../../src/core/json/canonical-json.ts";
import { parseStrictJson } from "../../../../src/core/json/strict-json.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import type { Answer } from "../../../../src/core/oci/answer.ts";
import { checkManifest } from "../../../../src/core/verify/check-manifest.ts";
import { checkProvenance } from "../../../../src/core/verify/check-provenance.ts";
import { checkSbom } from "../../../../src/core/verify/check-sbom.ts";
import type { ReferrerEvidence } from "../../../../src/core/verify/evidence.ts";
import type { Checked } from "../../../../src/core/verify/finding.ts";
import type { TrustedStatement } from "../../../../src/core/verify/required-statements.ts";
import { withValue } from "../../../support/documents.ts";
import { withAnswer, withIndexBytes, withReferrers } from "../../../support/evidence-changes.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import type { Kind } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();
const { manifest, index } = lab.release;
const entry = manifest.platforms[0]!;
const image = {
  name: manifest.name,
  digest: index.index.digest,
  platforms: new Map(manifest.platforms.map(({ platform, digest }) => [platform, digest])),
  layers: new Map(),
};

/** Keys that objects have anyway, and others that parsers were seen to trip over. */
const oddKeys = [
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "valueOf",
  "then",
  "length",
  "",
  "0",
  "\u0000",
  "schema",
];
const anyJson: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom(null, true, 0, -0, 1e308, "", "sha256:", "\u001b[2K", "x".repeat(5000)),
    fc.jsonValue({ maxDepth: 2 }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...oddKeys), fc.string()), tie("value"), { maxKeys: 4 }),
  ),
})).value;

/** The value as a statement's parser would have given it; undefined when it would have refused. */
function asParsed(value: unknown): unknown {
  const parsed = parseStrictJson(Buffer.from(JSON.stringify(value)));
  return parsed.ok ? parsed.value : undefined;
}

/** Dotted paths of everything in a document. */
function pathsOf(document: unknown, prefix = ""): string[] {
  if (typeof document !== "object" || document === null) return [];
  return Object.entries(document).flatMap(([key, value]) => [`${prefix}${key}`, ...pathsOf(value, `${prefix}${key}.`)]);
}

function canonicalDigest(value: unknown): string {
  return digestOf(canonicalBytes(value));
}

function predicateOf(kind: Kind): unknown {
  return (lab.statement(kind).statement as { predicate: unknown }).predicate;
}

function trusted(kind: Kind, predicate: unknown): TrustedStatement {
  const { predicateType, subject } = lab.statement(kind);
  return {
    kind,
    signer: lab.policy.signers[0]!,
    subject,
    referrer: subject,
    statement: { _type: "https://in-toto.io/Statement/v1", subject: [{ digest: {} }], predicateType, predicate },
    claims: { issuer: "", subjectAlternativeName: "" },
    signedAt: lab.now,
    lastStampedAt: lab.now,
    logs: [],
  };
}

const checks: Readonly<Record<"manifest" | "provenance" | "sbom", (predicate: unknown) => Checked<unknown>>> = {
  manifest: (predicate) => checkManifest([trusted("manifest", predicate)], image, lab.policy),
  provenance: (predicate) => checkProvenance(trusted("provenance", predicate), entry.platform, manifest, lab.policy),
  sbom: (predicate) => checkSbom(trusted("sbom", predicate), entry, lab.policy),
};

for (const [kind, check] of Object.entries(checks) as [keyof typeof checks, (typeof checks)["sbom"]][]) {
  test(`a ${kind} of any JSON is refused with findings, never by throwing`, () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const predicate = asParsed(value);
        fc.pre(predicate !== undefined);
        const checked = check(predicate);
        assert.ok(!checked.ok && checked.findings.length > 0);
      }),
      { numRuns: 500 },
    );
  });

  test(`a ${kind} with anything in any place never makes the check throw`, () => {
    const good = predicateOf(kind);
    fc.assert(
      fc.property(fc.constantFrom(...pathsOf(good)), anyJson, (path, value) => {
        const predicate = asParsed(withValue(good, path, value));
        fc.pre(predicate !== undefined);
        const checked = check(predicate);
        assert.ok(checked.ok || checked.findings.length > 0);
        // The manifest names the SBOM by its digest: any other document is refused.
        if (kind === "sbom") assert.equal(checked.ok, canonicalDigest(predicate) === canonicalDigest(good));
      }),
      { numRuns: 1000 },
    );
  });
}

const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  anyJson.map((value) => Buffer.from(JSON.stringify(value))),
  fc.constantFrom(Buffer.from("[".repeat(100_000)), Buffer.from('{"a":'.repeat(100_000))),
);
const anyAnswer: fc.Arbitrary<Answer<Uint8Array>> = fc.oneof(
  anyBytes.map((value) => ({ kind: "found", value }) as const),
  fc.constantFrom({ kind: "absent" } as const, { kind: "broken", detail: "x" } as const),
);

test("anything for an index, under its own digest, is refused", () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const codes = codesOf(lab.verify({ evidence: withIndexBytes(lab.evidence, bytes) }));
      assert.ok(codes.includes("INDEX_INVALID"), codes.join());
    }),
    { numRuns: 100 },
  );
});

test("anything for a trusted root, pinned by the policy, is refused", () => {
  fc.assert(
    fc.property(anyBytes, (trustedRoot) => {
      const policy = lab.policyWith({ "roots.sigstore.sha256": digestOf(trustedRoot).slice("sha256:".length) });
      assert.deepEqual(codesOf(lab.verify({ policy, evidence: { ...lab.evidence, trustedRoot } })), [
        "ROOT_INVALID",
        "SKIPPED",
      ]);
    }),
    { numRuns: 100 },
  );
});

test("any referrers in the place of the good ones are refused, with a consistent digest or without", () => {
  const anyReferrer = fc
    .record({ manifest: anyAnswer, bundle: anyAnswer, right: fc.boolean() })
    .map(({ manifest: answer, bundle, right }): ReferrerEvidence => ({
      digest: right && answer.kind === "found" ? digestOf(answer.value) : `sha256:${"0".repeat(64)}`,
      manifest: answer,
      bundle,
    }));
  fc.assert(
    fc.property(fc.array(anyReferrer, { maxLength: 5 }), (value) => {
      const answers = [...lab.evidence.referrers.keys()].map((key) => [key, { kind: "found", value }] as const);
      assert.equal(lab.verify({ evidence: { ...lab.evidence, referrers: new Map(answers) } }).ok, false);
    }),
    { numRuns: 100 },
  );
});

test("any bundle in a well-formed referrer is refused, and leaves the good ones alone", async () => {
  for (const bytes of fc.sample(anyBytes, 40)) {
    const odd = await lab.signed("signature", { bundle: bytes });
    const instead = withReferrers(lab.without("signature"), lab.evidence.digest, (list) => [...list, odd]);
    const codes = codesOf(lab.verify({ evidence: instead }));
    assert.ok(codes.includes("BUNDLE_INVALID") || codes.includes("BUNDLE_MEDIA_TYPE"), codes.join());
  }
});

test("150,000 faults in one statement become a list that can be read", async () => {
  const parameters = Object.fromEntries(Array.from({ length: 150_000 }, (_, place) => [`p${place}`, place]));
  const evidence = await lab.replacing("provenance", {
    predicate: { "buildDefinition.externalParameters": parameters },
  });
  const checked = lab.verify({ evidence });
  assert.ok(!checked.ok);
  assert.equal(checked.findings.length, 201);
  assert.equal(checked.findings[0].code, "PROVENANCE_PARAMETER_UNKNOWN");
  const last = checked.findings.at(-1);
  assert.equal(last?.severity, "note");
  assert.match(last.found, /^1[0-9]{5} more$/);
});

test("what evidence says can't write to the terminal of who reads the findings", async () => {
  const evil = "https://evil.example/\u001b[2K\r\u001b[32m✓ verified\u202e\u2028\u009b1A";
  const evidence = await lab.replacing("provenance", {
    predicate: { "runDetails.builder.id": evil, "buildDefinition.buildType": "x".repeat(1_000_000) },
  });
  const checked = lab.verify({ evidence });
  assert.deepEqual(codesOf(checked), [
    "PROVENANCE_BUILD_TYPE_NOT_ALLOWED",
    "PROVENANCE_BUILDER_NOT_ALLOWED",
    "PROVENANCE_BUILDER_MISMATCH",
  ]);
  const texts = checked.ok
    ? []
    : checked.findings.flatMap(({ subject, expected, found, remedy }) => [subject, expected, found, remedy]);
  for (const text of texts) {
    assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\u2028\u2029]/u);
    assert.ok(text.length < 1100);
  }
  assert.ok(texts.some((text) => text.includes("\\u{1b}[2K")));
});

test("an answer that no registry gives is no reason to throw", () => {
  const odd = { kind: "found", value: [] } as const;
  assert.equal(lab.verify({ evidence: withAnswer(lab.evidence, lab.evidence.digest, odd) }).ok, false);
  assert.equal(lab.verify({ evidence: { ...lab.evidence, manifests: new Map() } }).ok, false);
});
