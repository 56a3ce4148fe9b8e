import assert from "node:assert/strict";
import { test } from "node:test";
import { explainPolicy } from "../../../../src/core/policy/explain-policy.ts";
import { trustPolicySchema, trustPolicyShape } from "../../../../src/core/policy/trust-policy.ts";
import { policyDigest } from "../../../../src/core/policy/policy-digest.ts";
import type { TrustPolicy } from "../../../../src/core/policy/trust-policy.ts";
import { rootEntries } from "../../../../src/core/sigstore/root-entries.ts";
import { withValue, withValues } from "../../../support/documents.ts";
import { sampleDigest, samplePolicy, samplePolicyFields, sampleSigner } from "../../../support/policies.ts";
import { productionRootBytes } from "../../../support/sigstore-production-root.ts";

const now = new Date("2026-11-23T00:00:00Z");

/** A policy in which every field has something to say. */
const full = trustPolicySchema.parse({
  ...samplePolicyFields,
  environment: "staging",
  signers: [
    { ...sampleSigner, environment: "release" },
    {
      ...sampleSigner,
      id: "scanner",
      signerWorkflow: { repository: "shared/flows", path: ".github/workflows/scan.yml", sha: "b".repeat(40) },
    },
    {
      ...sampleSigner,
      id: "branch",
      signerWorkflow: { ...sampleSigner.callerWorkflow, ref: "refs/heads/main" },
    },
  ],
  legacySignatures: "allow",
  provenance: {
    ...samplePolicyFields.provenance,
    externalParameters: {
      flake: { fields: { repository: { fact: "flake.repository" }, attribute: { equals: "image" } } },
      platform: { oneOf: ["linux/amd64", "linux/arm64"] },
    },
  },
  rebuilds: {
    perPlatform: 1,
    missing: "allow",
    rebuilders: [
      {
        id: "other",
        operator: "Another Org",
        identity: (({ id: _id, ...identity }) => ({ ...identity, ownerId: "77", environment: "rebuild" }))(
          sampleSigner,
        ),
        location: "ghcr.io/another/rebuilds",
      },
    ],
  },
  tee: {
    signerRelease: sampleDigest("1"),
    mrtd: ["a".repeat(96)],
    rtmr0: ["b".repeat(96)],
    policyDigests: ["c".repeat(64)],
    platforms: ["d".repeat(32)],
    statuses: ["UpToDate"],
    advisoriesAllowed: ["INTEL-SA-00001"],
    minEvaluation: 17,
    revoked: ["e".repeat(32)],
  },
  vulnerabilities: { signers: ["scanner"], maxAge: "7d", refuse: "high", vex: "honour" },
  freshness: {
    minVersion: "1.0.0",
    maxAge: "365d",
    rollback: {
      digest: sampleDigest("2"),
      reason: "a bug in 2.0.0",
      approvedBy: "the duty",
      expires: "2027-06-01T00:00:00Z",
    },
  },
  revoked: [sampleDigest("3")],
  thirdParty: [
    {
      repository: "docker.io/library/nginx",
      digests: [sampleDigest("4")],
      namespaces: ["web"],
      reason: "an ingress",
      expires: "2027-06-01T00:00:00Z",
    },
  ],
});

/** Dotted paths of everything that is no object or list. */
function leaves(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value !== "object" || value === null) return [path.join(".")];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

/** Another value of a leaf. That a policy may not have it is no matter here. */
function other(path: string, value: unknown): unknown {
  if (typeof value === "number") return value + 1;
  const choices: Readonly<Record<string, string>> = {
    "freshness.rollback.expires": "2028-01-01T00:00:00Z",
    "thirdParty.0.expires": "2028-01-01T00:00:00Z",
    "roots.sigstore.fetched": "2026-11-02T00:00:00Z",
    "roots.sigstore.maxAge": "91d",
    environment: "production",
    "sbom.formats.0": "cyclonedx",
    "sbom.formats.1": "spdx-2.3",
    "rebuilds.missing": "refuse",
    "vulnerabilities.refuse": "low",
    "vulnerabilities.vex": "ignore",
  };
  if (path.endsWith(".runner")) return "self-hosted";
  if (path.endsWith(".fact")) return "platform";
  return choices[path] ?? `${String(value)}-other`;
}

const words = (policy: TrustPolicy): string => JSON.stringify(explainPolicy(policy, { now }).sections.slice(1));

/** The explanation without the policy's digest, which any change changes. */
const explained = (policy: unknown): string => {
  const { sections, warnings } = explainPolicy(policy as TrustPolicy, { now });
  return JSON.stringify([sections, warnings]).replaceAll(/Its digest is sha256:[0-9a-f]{64}/g, "");
};

test("the full policy names every field of the schema", () => {
  assert.deepEqual(Object.keys(full).sort(), Object.keys(trustPolicyShape.shape).sort());
});

for (const key of Object.keys(trustPolicyShape.shape)) {
  const paths = leaves({ [key]: full[key as keyof TrustPolicy] });

  test(`${key}: each of its values changes the words`, () => {
    assert.ok(paths.length > 0);
    for (const path of paths) {
      // The schema allows one value for these: that it is left out is another test's, where it may be.
      if (path === "sbom.closure" || path === "legacySignatures") continue;
      const value = path.split(".").reduce<unknown>((place, part) => (place as Record<string, unknown>)[part], full);
      const changed = withValue(full, path, other(path, value));
      assert.notEqual(explained(changed), explained(full), path);
    }
  });
}

for (const [path, optional] of [
  ["legacySignatures", undefined],
  ["tee", undefined],
  ["vulnerabilities", undefined],
  ["freshness.rollback", undefined],
  ["signers.0.environment", undefined],
  ["signers.2.signerWorkflow.ref", "source"],
  ["rebuilds.rebuilders.0.identity.environment", undefined],
  ["mirrors", undefined],
] as const) {
  test(`${path}: ${optional ?? "left out"} changes the words`, () => {
    const changed = path === "mirrors" ? withValue(full, "images.0.mirrors", []) : withValue(full, path, optional);
    assert.notEqual(explained(changed), explained(full));
  });
}

test("whom a policy trusts, in a sentence", () => {
  const { sections } = explainPolicy(samplePolicy(), { now });
  assert.deepEqual(sections.find(({ title }) => title.startsWith("Whom"))?.sentences, [
    '"release" is the workflow .github/workflows/release.yml of m1k1o/neko at the ref that it runs for, run for m1k1o/neko (repository id 223413321, owner id 34362), on tags v*, started by push, on GitHub\'s own runners, in no deployment environment, with a token of https://token.actions.githubusercontent.com. It is trusted for signatures, release manifests, provenance and SBOMs.',
  ]);
});

test("a revoked signer or rebuilder is said to count for nothing", () => {
  const text = words(withValue(full, "revoked", ["release", "other"]) as TrustPolicy);
  assert.equal(text.match(/It is revoked, and counts for nothing\./g)?.length, 2);
});

test("every demand of this version's policies can be enforced", () => {
  const { sections } = explainPolicy(full, { now });
  assert.ok(!sections.some(({ title }) => title === "What this version can't enforce"));
});

const warned = (changes: Readonly<Record<string, unknown>>, base: TrustPolicy = samplePolicy()): string[] => {
  const policy = withValues(base, changes) as TrustPolicy;
  const before = new Set(explainPolicy(base, { now }).warnings);
  return explainPolicy(policy, { now }).warnings.filter((warning) => !before.has(warning));
};

for (const [what, changes, expected] of [
  ["a self-hosted runner", { "signers.0.runner": "self-hosted" }, /"release" runs on self-hosted runners/],
  ["a branch", { "signers.0.refs": ["refs/heads/main", "refs/tags/v*"] }, /"release" may sign on branch main: whoever/],
  ["branches", { "signers.0.refs": ["refs/heads/release-*"] }, /may sign on branches release-\*/],
  ["a kind that nobody has to give", { "require.sbom": [] }, /^No SBOM is asked for\.$/],
  ["legacy signatures", { legacySignatures: "allow" }, /cosign's older form count:/],
  [
    "a root that gets too old soon",
    { "roots.sigstore.fetched": "2026-09-10T00:00:00Z" },
    /refused from 2026-12-09T00:00:00.000Z \(in 16 days\)/,
  ],
  [
    "a root that is too old",
    { "roots.sigstore.fetched": "2026-01-01T00:00:00Z" },
    /older than 90d .+ every release is refused/,
  ],
  [
    "a root of the future",
    { "roots.sigstore.fetched": "2027-01-01T00:00:00Z" },
    /lies in the future: every release is refused/,
  ],
] as const) {
  test(`warns of ${what}`, () => {
    const warnings = warned(changes);
    assert.equal(warnings.length, 1, warnings.join("\n"));
    assert.match(warnings[0] ?? "", expected);
  });
}

test("warns of no rebuild, of rebuilders that may stay silent, and of one provider of identities", () => {
  assert.ok(
    explainPolicy(samplePolicy(), { now }).warnings.some((warning) =>
      /^No independent rebuild is asked for/.test(warning),
    ),
  );
  const all = explainPolicy(full, { now }).warnings;
  assert.ok(all.some((warning) => /^A rebuilder may stay silent/.test(warning)));
  assert.ok(!all.some((warning) => /^No independent rebuild/.test(warning)));
  const [one] = full.rebuilds.rebuilders;
  assert.ok(one !== undefined);
  const two = withValue(full, "rebuilds.rebuilders", [one, { ...one, id: "third", operator: "Third Org" }]);
  assert.ok(explainPolicy(two as TrustPolicy, { now }).warnings.some((warning) => /one failure domain/.test(warning)));
});

for (const [expires, expected] of [
  ["2026-12-22T00:00:00Z", /ends soon: 2026-12-22T00:00:00Z \(in 29 days\)/],
  ["2026-12-24T00:00:00Z", undefined],
  ["2026-11-23T00:00:00Z", /has ended/],
  ["2026-11-20T12:00:00Z", /has ended: 2026-11-20T12:00:00Z \(2 days ago\)/],
  ["2026-11-23T05:00:00Z", /ends soon: 2026-11-23T05:00:00Z \(in less than a day\)/],
] as const) {
  test(`a waiver and an exception until ${expires}: ${expected === undefined ? "no warning" : String(expected)}`, () => {
    const changes = { "thirdParty.0.expires": expires, "freshness.rollback.expires": expires };
    // Each of these changes is another policy than the one that the signer verifies under.
    const warnings = warned(changes, full).filter(
      (warning) => !warning.startsWith("The signer verifies under another"),
    );
    assert.equal(warnings.length, expected === undefined ? 0 : 2);
    for (const warning of warnings) assert.match(warning, expected ?? /never/);
  });
}

test("warns where the signer verifies under another policy than this one without its tee", () => {
  const told = (policy: TrustPolicy): boolean =>
    explainPolicy(policy, { now }).warnings.some((warning) =>
      /^The signer verifies under another policy/.test(warning),
    );
  assert.equal(told(full), true);
  const { tee, ...others } = full;
  assert.ok(tee !== undefined);
  const own = policyDigest(others).slice("sha256:".length);
  const listed = withValue(full, "tee.policyDigests", ["c".repeat(64), own]) as TrustPolicy;
  assert.equal(told(listed), false);
  assert.equal(told(others), false);
});

test("looks into the root: thresholds that it can't meet, and one operator that can vouch alone", () => {
  const entries = rootEntries(productionRootBytes());
  assert.ok(entries.ok);
  const root = entries.proof;
  const policy = withValue(samplePolicy(), "roots.tsa", 2) as TrustPolicy;
  const { warnings } = explainPolicy(policy, { now, root });
  assert.ok(
    warnings.some((warning) =>
      warning.startsWith("2 time-stamp authorities are demanded (roots.tsa), but the root has 1"),
    ),
  );
  const [first] = root.filter(({ kind }) => kind === "time-stamp authority");
  assert.ok(first !== undefined);
  const alone = explainPolicy(samplePolicy(), { now, root: [...root, { ...first, id: "00" }] }).warnings;
  assert.ok(alone.some((warning) => warning.startsWith('All time-stamp authorities of the root are run by "')));
  const shared = explainPolicy(samplePolicy(), {
    now,
    root: [...root, { ...first, id: "00", operator: "x" }],
  }).warnings;
  assert.ok(!shared.some((warning) => warning.startsWith("All time-stamp")));
});
