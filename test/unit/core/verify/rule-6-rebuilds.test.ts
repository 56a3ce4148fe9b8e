import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrustPolicy } from "../../../../src/core/policy/trust-policy.ts";
import { trustPolicySchema } from "../../../../src/core/policy/trust-policy.ts";
import type { Evidence } from "../../../../src/core/verify/evidence.ts";
import { withValues } from "../../../support/documents.ts";
import {
  goodRebuild,
  goodRebuilds,
  rebuilderOf,
  rebuildRun,
  rebuildStatement,
  withRebuilds,
} from "../../../support/rebuilds.ts";
import type { RebuildChange, RebuildRun } from "../../../support/rebuilds.ts";
import { labRun, startReleaseLab } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();
const alpha: RebuildRun = { name: "alpha", number: 71 };
const beta: RebuildRun = { name: "beta", number: 72 };
const gamma: RebuildRun = { name: "gamma", number: 73, runner: "self-hosted" };
const alphas = await goodRebuilds(lab, alpha);
const betas = await goodRebuilds(lab, beta);
const gammas = await goodRebuilds(lab, gamma);

function policyOf(
  perPlatform: number,
  runs: readonly RebuildRun[],
  changes: { missing?: "allow" | "refuse"; revoked?: readonly string[] } = {},
): TrustPolicy {
  const { missing = "allow", revoked = [] } = changes;
  return lab.policyWith({ rebuilds: { perPlatform, rebuilders: runs.map(rebuilderOf), missing }, revoked });
}

function codes(policy: TrustPolicy, evidence: Evidence): readonly string[] {
  return codesOf(lab.verify({ policy, evidence }));
}

test("N distinct operators per platform are a quorum, and the release says who they are", () => {
  const evidence = withRebuilds(lab, { alpha: alphas, beta: betas });
  const checked = lab.verify({ policy: policyOf(2, [alpha, beta]), evidence });
  assert.ok(checked.ok);
  const { rebuilds, statements } = checked.proof.data;
  assert.deepEqual(
    rebuilds.map(({ platform, demanded, operators, failureDomains }) => [
      platform,
      demanded,
      operators,
      failureDomains,
    ]),
    [
      ["linux/amd64", 2, 2, 1],
      ["linux/arm64", 2, 2, 1],
    ],
  );
  assert.deepEqual(
    statements.filter(({ kind }) => kind === "rebuild").map(({ signer }) => signer),
    ["alpha", "beta", "alpha", "beta"],
  );
});

test("a rebuild on machines of its own is another failure domain", () => {
  const evidence = withRebuilds(lab, { alpha: alphas, gamma: gammas });
  const checked = lab.verify({ policy: policyOf(2, [alpha, gamma]), evidence });
  assert.deepEqual(checked.ok && checked.proof.data.rebuilds.map(({ failureDomains }) => failureDomains), [2, 2]);
});

test("one operator too few refuses, for each platform", () => {
  const evidence = withRebuilds(lab, { alpha: alphas, beta: { "linux/amd64": betas["linux/amd64"] ?? [] } });
  assert.deepEqual(codes(policyOf(2, [alpha, beta]), evidence), ["REBUILD_QUORUM"]);
  assert.deepEqual(codes(policyOf(1, [alpha]), withRebuilds(lab, { alpha: {} })), ["REBUILD_QUORUM", "REBUILD_QUORUM"]);
});

test("T19: the same rebuilder twice (two runs) counts once; two rebuilders of one operator, too", async () => {
  const again = await rebuildStatement(lab, alpha, "linux/amd64", { run: { runId: "2" } });
  const twice = { ...alphas, "linux/amd64": [...(alphas["linux/amd64"] ?? []), again] };
  assert.deepEqual(codes(policyOf(2, [alpha, beta]), withRebuilds(lab, { alpha: twice, beta: {} })), [
    "REBUILD_QUORUM",
    "REBUILD_QUORUM",
  ]);
  const sister: RebuildRun = { ...beta, operator: "alpha" };
  const policy = policyOf(1, [alpha, sister]);
  const checked = lab.verify({ policy, evidence: withRebuilds(lab, { alpha: alphas, beta: betas }) });
  assert.deepEqual(checked.ok && checked.proof.data.rebuilds.map(({ operators }) => operators), [1, 1]);
  const faults = trustPolicySchema.safeParse(withValues(policy, { "rebuilds.perPlatform": 2 }));
  assert.deepEqual(
    faults.error?.issues.map(({ path }) => path.join(".")),
    ["rebuilds.perPlatform"],
  );
});

test("T19: another branch or a fork of the rebuilder's repository is not the rebuilder", async () => {
  for (const run of [
    { ref: "refs/heads/other" },
    { repository: "fork/rebuilds", repositoryId: "9", ownerId: "9" },
    { runner: "self-hosted" as const },
    { trigger: "workflow_dispatch" },
    { environment: "x" },
  ]) {
    const other = await rebuildStatement(lab, alpha, "linux/amd64", { run });
    const evidence = withRebuilds(lab, { alpha: { ...alphas, "linux/amd64": [other] } });
    assert.deepEqual(codes(policyOf(1, [alpha]), evidence), ["REBUILD_QUORUM"], JSON.stringify(run));
  }
});

test("T20: one rebuilder that got other bytes vetoes, whatever the quorum", async () => {
  const digest = `sha256:${"d".repeat(64)}` as const;
  const differs = await rebuildStatement(lab, beta, "linux/arm64", { facts: { digest } });
  const vetoed = { ...betas, "linux/arm64": [differs] };
  assert.deepEqual(codes(policyOf(1, [alpha, beta]), withRebuilds(lab, { alpha: alphas, beta: vetoed })), [
    "REBUILD_MISMATCH",
  ]);
  assert.deepEqual(codes(policyOf(0, [beta]), withRebuilds(lab, { beta: vetoed })), ["REBUILD_MISMATCH"]);
  // A good rebuild beside it does not take the veto back.
  const both = { ...betas, "linux/arm64": [...(betas["linux/arm64"] ?? []), differs] };
  assert.deepEqual(codes(policyOf(1, [beta]), withRebuilds(lab, { beta: both })), ["REBUILD_MISMATCH"]);
});

test("a rebuild whose image is equal and whose NAR is not vetoes", async () => {
  const narHash = `sha256-${Buffer.alloc(32, 7).toString("base64")}`;
  const differs = await rebuildStatement(lab, alpha, "linux/amd64", { facts: { narHash } });
  const evidence = withRebuilds(lab, { alpha: { ...alphas, "linux/amd64": [differs] } });
  assert.deepEqual(codes(policyOf(1, [alpha]), evidence), ["REBUILD_MISMATCH", "REBUILD_QUORUM"]);
});

const otherHash = `sha256-${Buffer.alloc(32, 1).toString("base64")}`;
const good = goodRebuild(lab, alpha, "linux/amd64");
for (const [what, change, code] of [
  [
    "from another commit of the flake",
    { facts: { flake: { ...good.flake, commit: "b".repeat(40) } } },
    "REBUILD_OTHER_INPUTS",
  ],
  [
    "from another repository",
    { facts: { flake: { ...good.flake, repository: "https://github.com/x/y" } } },
    "REBUILD_OTHER_INPUTS",
  ],
  [
    "with another lock",
    { facts: { flake: { ...good.flake, lock: `sha256:${"1".repeat(64)}` } } },
    "REBUILD_OTHER_INPUTS",
  ],
  ["of another source tree", { facts: { source: { ...good.source, narHash: otherHash } } }, "REBUILD_OTHER_INPUTS"],
  [
    "of another source commit",
    { facts: { source: { ...good.source, commit: "b".repeat(40) } } },
    "REBUILD_OTHER_INPUTS",
  ],
  ["of another platform", { facts: { platform: "linux/arm64" } }, "REBUILD_OTHER_INPUTS"],
  ["with another output", { facts: { storePath: `/nix/store/${"1".repeat(32)}-x` } }, "REBUILD_OTHER_INPUTS"],
  ["that took parts from the project's cache", { facts: { substituted: [good.storePath] } }, "REBUILD_SUBSTITUTED"],
] as const satisfies readonly (readonly [string, RebuildChange, string])[]) {
  test(`a rebuild ${what} does not count, and does not veto`, async () => {
    const differs = { facts: { digest: `sha256:${"d".repeat(64)}` as const, ...change.facts } };
    for (const one of code === "REBUILD_OTHER_INPUTS" ? [change, differs] : [change]) {
      const other = await rebuildStatement(lab, alpha, "linux/amd64", one);
      const published = { ...alphas, "linux/amd64": [other] };
      assert.deepEqual(codes(policyOf(1, [alpha]), withRebuilds(lab, { alpha: published })), ["REBUILD_QUORUM", code]);
      const evidence = withRebuilds(lab, { alpha: published, beta: betas });
      assert.deepEqual(codes(policyOf(1, [alpha, beta]), evidence), []);
    }
  });
}

for (const [what, change, code] of [
  [
    "names another builder than its certificate",
    { facts: { builderId: "https://github.com/x/y/.github/workflows/z.yml@refs/heads/main" } },
    "REBUILD_BUILDER_MISMATCH",
  ],
  [
    "names another run than its certificate",
    { facts: { invocationId: "https://github.com/alpha/rebuilds/actions/runs/9/attempts/9" } },
    "REBUILD_BUILDER_MISMATCH",
  ],
  [
    "says that it was not sandboxed",
    { predicate: { "buildDefinition.internalParameters.nix.sandbox": false } },
    "REBUILD_INVALID",
  ],
  ["holds a verdict of its own", { predicate: { "runDetails.verdict": "reproducible" } }, "REBUILD_INVALID"],
  ["lacks what came out", { predicate: { "runDetails.byproducts": [] } }, "REBUILD_INVALID"],
] as const satisfies readonly (readonly [string, RebuildChange, string])[]) {
  test(`a rebuilder's statement that ${what} refuses: it may be the one that vetoes`, async () => {
    const other = await rebuildStatement(lab, alpha, "linux/amd64", change);
    const evidence = withRebuilds(lab, { alpha: { ...alphas, "linux/amd64": [other] }, beta: betas });
    assert.deepEqual(codes(policyOf(1, [alpha, beta]), evidence), [code]);
  });
}

test("missing: refuse wants to hear from every rebuilder, for every platform", () => {
  const evidence = withRebuilds(lab, { alpha: alphas, beta: { "linux/amd64": betas["linux/amd64"] ?? [] } });
  assert.deepEqual(codes(policyOf(1, [alpha, beta]), evidence), []);
  assert.deepEqual(codes(policyOf(1, [alpha, beta], { missing: "refuse" }), evidence), ["REBUILD_MISSING"]);
  const all = withRebuilds(lab, { alpha: alphas, beta: betas });
  assert.deepEqual(codes(policyOf(1, [alpha, beta], { missing: "refuse" }), all), []);
});

test("a revoked rebuilder neither counts nor vetoes nor is missed", async () => {
  const digest = `sha256:${"d".repeat(64)}` as const;
  const differs = await rebuildStatement(lab, beta, "linux/amd64", { facts: { digest } });
  const evidence = withRebuilds(lab, { alpha: alphas, beta: { ...betas, "linux/amd64": [differs] } });
  assert.deepEqual(codes(policyOf(1, [alpha, beta], { missing: "refuse", revoked: ["beta"] }), evidence), []);
  const onlyBeta = withRebuilds(lab, { alpha: {}, beta: betas });
  assert.deepEqual(codes(policyOf(1, [alpha, beta], { revoked: ["beta"] }), onlyBeta), [
    "REBUILD_QUORUM",
    "REBUILD_QUORUM",
  ]);
});

test("a location that can't be read, or was not asked, is no absence of rebuilds", () => {
  const evidence = withRebuilds(lab, { alpha: alphas, beta: betas });
  const amd64 = lab.subject("sbom", "linux/amd64");
  for (const [kind, code] of [
    ["broken", "REGISTRY_BROKEN"],
    ["forbidden", "REGISTRY_FORBIDDEN"],
    ["throttled", "REGISTRY_THROTTLED"],
    ["too-large", "REGISTRY_TOO_LARGE"],
  ] as const) {
    const silent = new Map([...(evidence.rebuilds?.get("beta") ?? []), [amd64, { kind, detail: "x" } as const]]);
    const rebuilds = new Map([...(evidence.rebuilds ?? []), ["beta", silent]]);
    assert.deepEqual(codes(policyOf(1, [alpha, beta]), { ...evidence, rebuilds }), [code]);
    assert.deepEqual(codes(policyOf(2, [alpha, beta], { missing: "refuse" }), { ...evidence, rebuilds }), [code]);
  }
  assert.deepEqual(codes(policyOf(1, [alpha]), lab.evidence), ["REGISTRY_BROKEN", "REGISTRY_BROKEN"]);
});

test("a rebuild by a signer's owner, or two operators of one owner, is a fault of the policy", () => {
  const signers = lab.policy.signers.map(({ ownerId }) => Number(ownerId));
  const own = rebuilderOf({ name: "own", number: signers[0] ?? 0 });
  const twin = { ...rebuilderOf({ ...alpha, operator: "twin" }), id: "twin" };
  const faultsOf = (rebuilders: readonly unknown[], more: Readonly<Record<string, unknown>> = {}): string[] => {
    const policy = withValues(lab.policy, { rebuilds: { perPlatform: 1, rebuilders, missing: "allow" }, ...more });
    return (trustPolicySchema.safeParse(policy).error?.issues ?? []).map(({ path }) => path.join("."));
  };
  assert.deepEqual(faultsOf([rebuilderOf(alpha)]), []);
  assert.deepEqual(faultsOf([own]), ["rebuilds.rebuilders.0.identity.ownerId"]);
  assert.deepEqual(faultsOf([rebuilderOf(alpha), twin]), ["rebuilds.rebuilders.1.identity.ownerId"]);
  assert.deepEqual(faultsOf([rebuilderOf(alpha), rebuilderOf(alpha)]), ["rebuilds.rebuilders.1.id"]);
  assert.deepEqual(faultsOf([{ ...rebuilderOf(alpha), id: "release" }]), ["rebuilds.rebuilders.0.id"]);
  assert.deepEqual(faultsOf([]), ["rebuilds.perPlatform"]);
  assert.deepEqual(faultsOf([], { "rebuilds.perPlatform": 0, "rebuilds.missing": "refuse" }), ["rebuilds.missing"]);
});

test("a rebuild by a signer's owner refuses, also under a policy that nobody parsed", async () => {
  const { ownerId, repositoryId } = labRun;
  const own = { ...rebuilderOf(alpha), identity: { ...rebuilderOf(alpha).identity, ownerId, repositoryId } };
  const policy = { ...lab.policy, rebuilds: { perPlatform: 1, rebuilders: [own], missing: "allow" as const } };
  const published = await rebuildStatement(lab, alpha, "linux/amd64", {
    run: { ...rebuildRun(alpha), ownerId, repositoryId },
  });
  const evidence = withRebuilds(lab, { alpha: { ...alphas, "linux/amd64": [published] } });
  assert.deepEqual(codes(policy, evidence), ["REBUILD_NOT_INDEPENDENT", "REBUILD_QUORUM", "REBUILD_QUORUM"]);
});

test("a rebuild statement is no provenance of the release, and the signer's provenance no rebuild", async () => {
  const rebuild = await rebuildStatement(lab, alpha, "linux/amd64");
  const evidence = await lab.replacing("provenance", {
    bundle: rebuild.bundle.kind === "found" ? rebuild.bundle.value : new Uint8Array(),
  });
  assert.ok(codes(policyOf(0, []), evidence).every((code) => code.startsWith("IDENTITY_")));
  const provenance = await lab.signed("provenance");
  const published = { ...alphas, "linux/amd64": [provenance] };
  assert.deepEqual(codes(policyOf(1, [alpha]), withRebuilds(lab, { alpha: published })), ["REBUILD_QUORUM"]);
});

test("another id for a revoked rebuilder's identity does not undo the revocation", () => {
  const twin = { ...rebuilderOf(alpha), id: "twin" };
  const rebuilders = [rebuilderOf(alpha), twin, rebuilderOf(beta)];
  const policy = lab.policyWith({ rebuilds: { perPlatform: 1, rebuilders, missing: "allow" }, revoked: ["alpha"] });
  const evidence = withRebuilds(lab, { alpha: alphas, twin: alphas, beta: {} });
  assert.deepEqual(codes(policy, evidence), ["REBUILD_QUORUM", "REBUILD_QUORUM"]);
});

test("a rebuild that names one flake in its parameters and another in its dependencies refuses", async () => {
  const flake = { repository: "https://github.com/evil/x", commit: "b".repeat(40) };
  const change = { predicate: { "buildDefinition.externalParameters.flake": flake } };
  const other = await rebuildStatement(lab, alpha, "linux/amd64", change);
  const evidence = withRebuilds(lab, { alpha: { ...alphas, "linux/amd64": [other] }, beta: betas });
  assert.deepEqual(codes(policyOf(1, [alpha, beta]), evidence), ["REBUILD_INVALID"]);
});

test("faults of a policy: a rebuilder's reusable workflow by branch, nobody left to hear, one operator in two spellings", () => {
  const faultsOf = (rebuilds: unknown, revoked: readonly string[] = []): string[] => {
    const policy = withValues(lab.policy, { rebuilds, revoked });
    return (trustPolicySchema.safeParse(policy).error?.issues ?? []).map(({ path }) => path.join("."));
  };
  const own = rebuilderOf(alpha);
  const shared = { repository: "m1k1o/neko", path: ".github/workflows/shared-rebuild.yml" };
  const byBranch = { ...own, identity: { ...own.identity, signerWorkflow: { ...shared, ref: "refs/heads/main" } } };
  const byCommit = { ...own, identity: { ...own.identity, signerWorkflow: { ...shared, sha: "a".repeat(40) } } };
  const demand = { perPlatform: 1, missing: "allow" };
  assert.deepEqual(faultsOf({ ...demand, rebuilders: [byBranch] }), ["rebuilds.rebuilders.0.identity.signerWorkflow"]);
  assert.deepEqual(faultsOf({ ...demand, rebuilders: [byCommit] }), []);
  const all = { perPlatform: 0, rebuilders: [own], missing: "refuse" };
  assert.deepEqual(faultsOf(all, ["alpha"]), ["rebuilds.missing"]);
  const twice = [own, rebuilderOf({ ...beta, operator: " Alpha" })];
  assert.deepEqual(faultsOf({ ...demand, perPlatform: 2, rebuilders: twice }), ["rebuilds.perPlatform"]);
});

test("with a derivation in the manifest, another store path from the same inputs is a result, and vetoes", async () => {
  const derivation = `/nix/store/${"0".repeat(32)}-sample-image.drv`;
  const storePath = `/nix/store/${"1".repeat(32)}-x`;
  const platforms = lab.release.manifest.platforms.map((entry) => ({ ...entry, derivation }));
  const manifest = await lab.signed("manifest", { predicate: { platforms } });
  const index = lab.release.index.index.digest;
  const before = lab.without("manifest").referrers.get(index);
  assert.ok(before?.kind === "found");
  const referrers = new Map([
    ...lab.evidence.referrers,
    [index, { kind: "found", value: [...before.value, manifest] }] as const,
  ]);
  const differs = await rebuildStatement(lab, alpha, "linux/amd64", { facts: { storePath } });
  const { rebuilds } = withRebuilds(lab, { alpha: { ...alphas, "linux/amd64": [differs] }, beta: betas });
  const evidence = { ...lab.evidence, referrers, ...(rebuilds === undefined ? {} : { rebuilds }) };
  assert.deepEqual(codes(policyOf(1, [alpha, beta]), evidence), ["REBUILD_MISMATCH"]);
});
