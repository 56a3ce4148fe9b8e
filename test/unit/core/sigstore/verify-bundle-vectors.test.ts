import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { verifyBundle } from "../../../../src/core/sigstore/verify-bundle.ts";
import type { VerifyBundleInput } from "../../../../src/core/sigstore/verify-bundle.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { productionRoot } from "../../../support/sigstore-production-root.ts";
import { vectors } from "../../../support/vectors.ts";

/** Bundles of the public-good Sigstore that nobody on this project made, under the production root. */
const root = productionRoot();
const provenance = "https://slsa.dev/provenance/v1";
const issuer = "https://token.actions.githubusercontent.com";

const cases = [
  {
    title: "sigstore-js 2.1.0 (an intoto entry, a subject by sha512 alone)",
    bundle: "sigstore/sigstore-js-2.1.0-bundle.json",
    artifact: "sigstore/sigstore-js-2.1.0.tgz",
    other: "sigstore/reusable-workflow-artifact",
    subject: "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main",
    repository: "https://github.com/sigstore/sigstore-js",
  },
  {
    title: "a reusable workflow's attestation (a dsse entry)",
    bundle: "sigstore/reusable-workflow-attestation.sigstore.json",
    artifact: "sigstore/reusable-workflow-artifact",
    other: "sigstore/sigstore-js-2.1.0.tgz",
    subject:
      "https://github.com/github/artifact-attestations-workflows/.github/workflows/attest.yml@09b495c3f12c7881b3cc17209a327792065c1a1d",
    repository: "https://github.com/malancas/attest-demo",
  },
] as const;

function input(
  t: TestContext,
  sample: (typeof cases)[number],
): (VerifyBundleInput & { readonly other: Uint8Array }) | undefined {
  const files = vectors(t, sample.bundle, sample.artifact, sample.other);
  if (files === undefined) return undefined;
  const [bundle, artifact, other] = files;
  return {
    bundle,
    root,
    thresholds: { tlog: 1, ct: 1, tsa: 0 },
    identity: { issuer, subject: sample.subject },
    subject: { kind: "artifact", bytes: artifact },
    predicateType: provenance,
    now: new Date("2026-11-23T00:00:00Z"),
    other,
  };
}

for (const sample of cases) {
  test(`accepts ${sample.title} under the production root`, (t) => {
    const good = input(t, sample);
    if (good === undefined) return;
    const result = verifyBundle(good);
    assert.ok(result.ok, JSON.stringify(result));
    assert.equal(result.proof.predicateType, provenance);
    assert.equal(result.proof.claims.sourceRepositoryUri, sample.repository);
    assert.equal(result.proof.claims.runnerEnvironment, "github-hosted");
    assert.equal(result.proof.claims.sourceRepositoryRef, "refs/heads/main");
    assert.deepEqual(result.proof.logs, ["c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d"]);
    assert.deepEqual(
      result.proof.times.map(({ source }) => source),
      ["tlog"],
    );
  });

  test(`refuses ${sample.title} with one byte changed, wherever that changes what the JSON says`, (t) => {
    const good = input(t, sample);
    if (good === undefined) return;
    const parsed: unknown = JSON.parse(Buffer.from(good.bundle).toString());
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.nat(good.bundle.length - 1), fc.integer({ min: 1, max: 255 }), (position, change) => {
        const bundle = Buffer.from(good.bundle);
        bundle.writeUInt8(bundle.readUInt8(position) ^ change, position);
        const result = verifyBundle({ ...good, bundle });
        codesOf(result).forEach((code) => seen.add(code));
        if (result.ok)
          assert.ok(isDeepStrictEqual(JSON.parse(bundle.toString()), parsed), `accepted with a change at ${position}`);
      }),
      { numRuns: 250 },
    );
    assert.ok(seen.size >= 3, `only ${[...seen].join(", ")} were seen`);
  });

  test(`refuses ${sample.title} for near misses of the identity`, (t) => {
    const good = input(t, sample);
    if (good === undefined) return;
    const { subject } = sample;
    const nearMisses = [
      `${subject}-evil`,
      `evil${subject}`,
      subject.slice(0, -1),
      subject.replace("github.com", "githubXcom"),
      subject.replace("/.github", "/Xgithub"),
      subject.toUpperCase(),
      `${subject}+`,
      ".*",
      "https://github.com/",
    ];
    for (const near of nearMisses) {
      assert.deepEqual(
        codesOf(verifyBundle({ ...good, identity: { issuer, subject: near } })),
        ["IDENTITY_SUBJECT_MISMATCH"],
        near,
      );
    }
    for (const near of [`${issuer}/`, issuer.slice(0, -1), issuer.toUpperCase()]) {
      assert.deepEqual(
        codesOf(verifyBundle({ ...good, identity: { issuer: near, subject } })),
        ["IDENTITY_ISSUER_MISMATCH"],
        near,
      );
    }
  });

  test(`refuses ${sample.title} for another artifact, another digest and another predicate type`, (t) => {
    const good = input(t, sample);
    if (good === undefined) return;
    const { other, ...rest } = good;
    assert.deepEqual(codesOf(verifyBundle({ ...rest, subject: { kind: "artifact", bytes: other } })), [
      "STATEMENT_SUBJECT_MISMATCH",
    ]);
    assert.deepEqual(
      codesOf(verifyBundle({ ...rest, subject: { kind: "digest", algorithm: "sha256", hex: "0".repeat(64) } })),
      ["STATEMENT_SUBJECT_MISMATCH"],
    );
    assert.deepEqual(codesOf(verifyBundle({ ...rest, predicateType: "https://slsa.dev/provenance/v0.2" })), [
      "STATEMENT_PREDICATE_TYPE",
    ]);
  });

  test(`refuses ${sample.title} when a time-stamp authority, or a second log, is demanded`, (t) => {
    const good = input(t, sample);
    if (good === undefined) return;
    for (const thresholds of [
      { tlog: 1, ct: 1, tsa: 1 },
      { tlog: 2, ct: 1, tsa: 0 },
      { tlog: 1, ct: 2, tsa: 0 },
    ]) {
      assert.deepEqual(codesOf(verifyBundle({ ...good, thresholds })), ["BUNDLE_THRESHOLD"]);
    }
  });

  test(`refuses ${sample.title} at a time before it was signed`, (t) => {
    const good = input(t, sample);
    if (good === undefined) return;
    assert.deepEqual(codesOf(verifyBundle({ ...good, now: new Date("2023-01-01T00:00:00Z") })), [
      "BUNDLE_TIME_INVALID",
    ]);
  });
}

test("refuses a bundle of GitHub's own instance under the production root", (t) => {
  const files = vectors(
    t,
    "sigstore/github_provenance_demo-0.0.12-py3-none-any-bundle.jsonl",
    "sigstore/github_provenance_demo-0.0.12-py3-none-any.whl",
  );
  if (files === undefined) return;
  const [bundle, bytes] = files;
  const result = verifyBundle({
    bundle,
    root,
    thresholds: { tlog: 1, ct: 1, tsa: 0 },
    subject: { kind: "artifact", bytes },
  });
  assert.deepEqual(codesOf(result), ["BUNDLE_TIME_INVALID", "BUNDLE_THRESHOLD"]);
});
