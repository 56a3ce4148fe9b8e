import assert from "node:assert/strict";
import { test } from "node:test";
import { withReferrers } from "../../../support/evidence-changes.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import type { StatementChange } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();
const repository = "https://github.com/m1k1o/neko";
const ref = "refs/tags/v1.2.3";
const sha = "5f1d0f3f7f0e8a1b2c3d4e5f60718293a4b5c6d7";

async function codesWith(change: StatementChange): Promise<readonly string[]> {
  return codesOf(lab.verify({ evidence: await lab.replacing("provenance", change) }));
}

const source = "buildDefinition.resolvedDependencies.0";
const parameters = "buildDefinition.externalParameters";
const builder = "runDetails.builder.id";

for (const [what, predicate, codes] of [
  [
    "a builder that the policy does not list, nor the certificate names",
    { [builder]: "https://github.com/evil/neko/.github/workflows/nix-build-sign.yml@refs/tags/v1.2.3" },
    ["PROVENANCE_BUILDER_NOT_ALLOWED", "PROVENANCE_BUILDER_MISMATCH"],
  ],
  [
    "another ref of the listed builder than its certificate's",
    { [builder]: `${repository}/.github/workflows/nix-build-sign.yml@refs/heads/main` },
    ["PROVENANCE_BUILDER_MISMATCH"],
  ],
  [
    "the listed builder without its ref",
    { [builder]: `${repository}/.github/workflows/nix-build-sign.yml` },
    ["PROVENANCE_BUILDER_MISMATCH"],
  ],
  [
    "another build type",
    { "buildDefinition.buildType": "https://actions.github.io/buildtypes/workflow/v1" },
    ["PROVENANCE_BUILD_TYPE_NOT_ALLOWED"],
  ],
  ["a parameter that the policy does not list", { [`${parameters}.impure`]: true }, ["PROVENANCE_PARAMETER_UNKNOWN"]],
  [
    "a parameter that every object has",
    { [`${parameters}.constructor`]: "x", [`${parameters}.toString`]: "x" },
    ["PROVENANCE_PARAMETER_UNKNOWN", "PROVENANCE_PARAMETER_UNKNOWN"],
  ],
  [
    "an unknown parameter inside a known one",
    { [`${parameters}.flake.override`]: "path:/tmp" },
    ["PROVENANCE_PARAMETER_UNKNOWN"],
  ],
  ["a missing parameter", { [`${parameters}.attribute`]: undefined }, ["PROVENANCE_PARAMETER_MISMATCH"]],
  ["another value of a parameter", { [`${parameters}.attribute`]: "evil-image" }, ["PROVENANCE_PARAMETER_MISMATCH"]],
  ["another type of a value", { [`${parameters}.attribute`]: ["sample-image"] }, ["PROVENANCE_PARAMETER_MISMATCH"]],
  ["the other platform", { [`${parameters}.platform`]: "linux/arm64" }, ["PROVENANCE_PARAMETER_MISMATCH"]],
  ["a text where fields are", { [`${parameters}.flake`]: "github:m1k1o/neko" }, ["PROVENANCE_PARAMETER_MISMATCH"]],
  [
    "another flake than the certificate's source",
    { [`${parameters}.flake.repository`]: "https://github.com/evil/neko" },
    ["PROVENANCE_PARAMETER_MISMATCH"],
  ],
  [
    "another commit of the flake",
    { [`${parameters}.flake.commit`]: "0".repeat(40) },
    ["PROVENANCE_PARAMETER_MISMATCH"],
  ],
  [
    "T17: a repository that its certificate does not name",
    { [`${source}.uri`]: `git+https://github.com/evil/neko@${ref}` },
    ["PROVENANCE_SOURCE_MISMATCH"],
  ],
  [
    "another ref of the source",
    { [`${source}.uri`]: `git+${repository}@refs/heads/main` },
    ["PROVENANCE_SOURCE_MISMATCH"],
  ],
  ["another commit of the source", { [`${source}.digest.gitCommit`]: "0".repeat(40) }, ["PROVENANCE_SOURCE_MISMATCH"]],
  ["no commit of the source", { [`${source}.digest`]: {} }, ["PROVENANCE_SOURCE_MISMATCH"]],
  [
    "the commit inside the source's address",
    { [source]: { uri: `git+${repository}@${ref} ${sha}`, digest: { gitCommit: "" } } },
    ["PROVENANCE_SOURCE_MISMATCH"],
  ],
  [
    "another run than its certificate's",
    { "runDetails.metadata.invocationId": `${repository}/actions/runs/2/attempts/1` },
    ["PROVENANCE_SOURCE_MISMATCH"],
  ],
  ["no builder", { "runDetails.builder": undefined }, ["PROVENANCE_INVALID"]],
  ["no run", { runDetails: null }, ["PROVENANCE_INVALID"]],
  ["no source", { "buildDefinition.resolvedDependencies": [] }, ["PROVENANCE_INVALID"]],
  ["parameters that are a list", { [parameters]: ["sample-image"] }, ["PROVENANCE_INVALID"]],
  ["no build definition", { buildDefinition: "built" }, ["PROVENANCE_INVALID"]],
] as const satisfies readonly (readonly [string, Readonly<Record<string, unknown>>, readonly string[]])[]) {
  test(`refuses provenance with ${what}`, async () => {
    assert.deepEqual(await codesWith({ predicate }), codes);
  });
}

test("takes provenance without an invocation, and with more dependencies", async () => {
  assert.deepEqual(await codesWith({ predicate: { "runDetails.metadata": undefined } }), []);
  assert.deepEqual(await codesWith({ predicate: { [`${source}.name`]: "source", "buildDefinition.more": 1 } }), []);
});

test("T17: refuses provenance of the same run that was signed for another commit", async () => {
  assert.deepEqual(await codesWith({ run: { sha: "0".repeat(40) } }), [
    "PROVENANCE_SOURCE_MISMATCH", // the manifest's source
    "PROVENANCE_SOURCE_MISMATCH", // its own
    "PROVENANCE_PARAMETER_MISMATCH",
  ]);
});

test("refuses one bad provenance among two valid ones by trusted signers", async () => {
  const evidence = await lab.adding("provenance", { predicate: { [`${parameters}.impure`]: true } });
  assert.deepEqual(codesOf(lab.verify({ evidence })), ["PROVENANCE_PARAMETER_UNKNOWN"]);
});

test("bad provenance by a signer who isn't trusted says nothing, in either direction", async () => {
  const stranger = { run: { repository: "evil/neko" } };
  const beside = await lab.adding("provenance", { ...stranger, predicate: { [`${parameters}.impure`]: true } });
  assert.deepEqual(codesOf(lab.verify({ evidence: beside })), []);
  const instead = await lab.replacing("provenance", stranger);
  const codes = codesOf(lab.verify({ evidence: instead }));
  assert.ok(codes.length > 0 && codes.every((code) => code.startsWith("IDENTITY_")), codes.join());
});

test("provenance of one platform does not stand for the other", () => {
  const evidence = lab.without("provenance", "linux/arm64");
  const checked = lab.verify({ evidence });
  assert.deepEqual(codesOf(checked), ["STATEMENT_MISSING"]);
  assert.ok(!checked.ok && checked.findings[0].subject === lab.subject("provenance", "linux/arm64"));
});

test("a policy's rules of parameters are enforced: equals, one of, fact, fields", () => {
  const rules = `provenance.externalParameters`;
  const codes = (changes: Readonly<Record<string, unknown>>): readonly string[] => [
    ...new Set(codesOf(lab.verify({ policy: lab.policyWith(changes) }))),
  ];
  assert.deepEqual(codes({ [`${rules}.attribute`]: { oneOf: ["other", "sample-image"] } }), []);
  assert.deepEqual(codes({ [`${rules}.attribute`]: { oneOf: ["other"] } }), ["PROVENANCE_PARAMETER_MISMATCH"]);
  assert.deepEqual(codes({ [`${rules}.attribute`]: { fact: "source.narHash" } }), ["PROVENANCE_PARAMETER_MISMATCH"]);
  assert.deepEqual(codes({ [`${rules}.attribute`]: undefined }), ["PROVENANCE_PARAMETER_UNKNOWN"]);
  assert.deepEqual(codes({ [`${rules}.flake.fields.commit`]: undefined }), ["PROVENANCE_PARAMETER_UNKNOWN"]);
  assert.deepEqual(codes({ [`${rules}.more`]: { equals: true } }), ["PROVENANCE_PARAMETER_MISMATCH"]);
  for (const fact of ["source.repository", "flake.repository"] as const) {
    assert.deepEqual(codes({ [`${rules}.flake.fields.repository`]: { fact } }), [], fact);
  }
  assert.deepEqual(codes({ [`${rules}.flake.fields.repository`]: { fact: "source.ref" } }), [
    "PROVENANCE_PARAMETER_MISMATCH",
  ]);
});

test("a statement listed twice counts as what it is", () => {
  const subject = lab.subject("provenance");
  const evidence = withReferrers(lab.evidence, subject, (list) => [...list, ...list]);
  assert.deepEqual(codesOf(lab.verify({ evidence })), []);
});
