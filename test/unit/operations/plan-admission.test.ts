import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../../src/adapters/registry/client.ts";
import type { StackConfig } from "../../../src/config/stack-config.ts";
import { Failure } from "../../../src/core/failure.ts";
import type { Digest } from "../../../src/core/oci/digest.ts";
import { parseReference } from "../../../src/core/release/reference.ts";
import type { UsableRelease } from "../../../src/core/release/verified-release.ts";
import type { Evidence } from "../../../src/core/verify/evidence.ts";
import { planAdmission } from "../../../src/operations/plan-admission.ts";
import type { PlannedAdmission } from "../../../src/operations/plan-admission.ts";
import { verifyImage } from "../../../src/operations/verify-image.ts";
import { planReleases } from "../../../src/operations/verify-releases.ts";
import { servePods } from "../../support/pods-api.ts";
import { sampleDigest } from "../../support/policies.ts";
import { startReleaseLab } from "../../support/release-lab.ts";
import { serveRelease } from "../../support/release-registry.ts";
import { scanStatement, withScans } from "../../support/scans.ts";
import type { ScanChange } from "../../support/scans.ts";

const lab = await startReleaseLab();
const { digest } = lab.evidence;
const [amd = assert.fail(), arm = assert.fail()] = lab.release.platforms.map(({ image }) => image.manifest.digest);
const otherRelease = sampleDigest("c");
const mirror = "127.0.0.1:5009/mirror/base";

interface Situation {
  readonly evidence?: Evidence;
  /** Changes of the policy. */
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly settings?: Partial<NonNullable<StackConfig["admissionPolicies"]>>;
  /** What each cluster's pods name, by the repository's address; the lab's release in one cluster unless given. */
  readonly clusters?: Readonly<Record<string, (repository: string) => readonly string[]>>;
  /** Whether the stack's current release is the lab's; else it is one that the registry doesn't have. */
  readonly current?: "lab";
  readonly silent?: (url: string) => boolean;
  readonly unread?: boolean;
}

interface Outcome {
  readonly plans: ReadonlyMap<string, PlannedAdmission>;
  readonly failure: Failure | undefined;
  /** What the registry was asked for. */
  readonly asked: readonly string[];
  readonly repository: string;
}

/** What the program plans for clusters that run something, with the lab's release in a registry. */
async function plan(t: TestContext, situation: Situation): Promise<Outcome> {
  const { settings, silent, unread = false } = situation;
  const served = await serveRelease(t, lab, {
    ...(situation.evidence === undefined ? {} : { evidence: situation.evidence }),
    instead: (request, next) => (silent?.(request.url) === true ? { status: 403 } : next(request)),
  });
  const { repository } = served;
  const policy = lab.policyWith({
    "images.0.repository": repository,
    "images.0.mirrors": [mirror],
    ...situation.policy,
  });
  const running = situation.clusters ?? { europe: (place) => [`${place}@${digest}`] };
  const clusters = [];
  for (const [name, images] of Object.entries(running)) {
    clusters.push({ name, kubeconfig: await servePods(t, images(repository)) });
  }
  const config: StackConfig = {
    ...lab.config,
    policy,
    clusters,
    releases: [{ image: repository, current: otherRelease, retained: [] }],
    admissionPolicies: {
      name: "neko",
      namespace: "neko",
      rollout: "enforce",
      scope: { kind: "all-except", exempt: [] },
      ...settings,
    },
  };
  const client = createRegistryClient();
  let releases: { current: UsableRelease; retained: readonly UsableRelease[] }[] = planReleases(config);
  if (situation.current === "lab") {
    const reference = parseReference(served.reference);
    const terms = { policy, trustedRoot: lab.evidence.trustedRoot, now: new Date(), tee: undefined };
    const { result } = await verifyImage(client, { reference, ...terms });
    assert.ok(result.ok);
    releases = [{ current: result.proof, retained: [] }];
  }
  const before = served.server.seen.length;
  let plans: ReadonlyMap<string, PlannedAdmission> = new Map();
  let failure: Failure | undefined;
  try {
    plans = await planAdmission(config, releases, { client, checkout: "/", now: new Date(), unread });
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    failure = error;
  }
  return { plans, failure, asked: served.server.seen.slice(before).map(({ url }) => url), repository };
}

function planOf({ plans, failure }: Outcome, cluster = "europe"): PlannedAdmission {
  assert.equal(failure, undefined, failure?.details.join("\n"));
  return plans.get(cluster) ?? assert.fail(`no plan for ${cluster}`);
}

const listed = (outcome: Outcome, cluster?: string): readonly Digest[] =>
  planOf(outcome, cluster).releases.flatMap(({ running }) => running);

/** Asserts that what runs refuses the update for these codes, and that the settings turn it into a warning. */
async function assertRefused(t: TestContext, codes: string, situation: Situation): Promise<void> {
  const { failure, repository } = await plan(t, situation);
  assert.equal(failure?.code, "RUNNING_WOULD_BE_REFUSED");
  assert.equal(failure.kind, "refused");
  const [line = "", ...more] = failure.details;
  assert.deepEqual(more, []);
  assert.ok(line.startsWith(`shop/web-0 (main): ${repository}@sha256:`), line);
  assert.ok(line.includes(`(unverified). It does not verify: ${codes}. `), line);
  for (const settings of [{ rollout: "warn" }, { refuseRunning: "accept" }] as const) {
    const told = await plan(t, { ...situation, settings });
    assert.deepEqual(listed(told), []);
    const [warning = "", ...others] = planOf(told).warnings;
    assert.deepEqual(others, []);
    assert.ok(warning.startsWith("cluster europe runs what its policies refuse: shop/web-0 (main): "), warning);
    assert.ok(warning.includes(`It does not verify: ${codes}. `), warning);
  }
}

test("a running release that verifies stays on the list, and is verified once for all clusters", async (t) => {
  const pods = (place: string) => [`${place}@${digest}`, `${place}@${digest}`, `${mirror}@${digest}`];
  const outcome = await plan(t, { clusters: { europe: pods, asia: pods } });
  for (const cluster of ["europe", "asia"]) {
    assert.deepEqual(listed(outcome, cluster), [digest]);
    assert.deepEqual(planOf(outcome, cluster).warnings, []);
  }
  assert.equal(outcome.asked.filter((url) => url.endsWith(`/manifests/${digest}`)).length, 1);
});

test("a running digest that nobody signed is not listed: it refuses to enforce, unless that is accepted", async (t) => {
  await assertRefused(t, "STATEMENT_MISSING", { evidence: lab.without("signature") });
});

test("a running digest that another identity signed is not listed", async (t) => {
  const evidence = await lab.replacing("signature", { run: { repository: "evil/neko" } });
  const { failure } = await plan(t, { evidence });
  assert.equal(failure?.code, "RUNNING_WOULD_BE_REFUSED");
  assert.match(failure.details.join(), /\(unverified\)\. It does not verify: .*IDENTITY_/);
});

test("a running digest that the registry does not have is not listed: absence is an answer", async (t) => {
  await assertRefused(t, "REGISTRY_ABSENT", {
    clusters: { europe: (place) => [`${place}@${sampleDigest("e")}`] },
  });
});

test("a proven release stays admitted however old it is, and is told with the codes", async (t) => {
  const ended = { digest, reason: "x", approvedBy: "y", expires: "2026-01-01T00:00:00Z" };
  await new Promise((resolve) => setTimeout(resolve, 1100));
  for (const [freshness, codes] of [
    [{ minVersion: "1.0.0", maxAge: "1s" }, "RELEASE_TOO_OLD"],
    [{ minVersion: "9.0.0", maxAge: "90d" }, "VERSION_TOO_OLD"],
    [{ minVersion: "9.0.0", maxAge: "90d", rollback: ended }, "VERSION_TOO_OLD, ROLLBACK_EXPIRED"],
  ] as const) {
    const outcome = await plan(t, { policy: { freshness } });
    assert.deepEqual(listed(outcome), [digest]);
    assert.deepEqual(planOf(outcome).warnings, [
      `cluster europe runs ${outcome.repository}@${digest}, none of the stack's releases: it is proven, but would not pass as a new one (${codes}). It stays admitted until it has drained; revoke it in the policy to end that.`,
    ]);
  }
});

test("age excuses nothing else: an old digest without a signature is not listed", async (t) => {
  await assertRefused(t, "STATEMENT_MISSING, VERSION_TOO_OLD", {
    evidence: lab.without("signature"),
    policy: { freshness: { minVersion: "9.0.0", maxAge: "90d" } },
  });
});

test("what a newer scan found does not hold up the release that mends it; a release without any scan is unproven", async (t) => {
  const policy = { vulnerabilities: { signers: ["release"], maxAge: "7d", refuse: "high", vex: "ignore" } };
  const scanned = async (change: ScanChange): Promise<Evidence> =>
    withScans(
      lab,
      withScans(lab, lab.evidence, "linux/arm64", [await scanStatement(lab, "linux/arm64")]),
      "linux/amd64",
      [await scanStatement(lab, "linux/amd64", change)],
    );
  const high = { id: "CVE-2026-0001", severity: "high", package: "zlib", version: "1.3" } as const;
  const old = "2026-01-01T00:00:00.000Z";
  for (const [change, code] of [
    [{ predicate: { vulnerabilities: [high] } }, "VULNERABILITY_REFUSED"],
    [{ predicate: { database: { updated: old } } }, "SCAN_TOO_OLD"],
  ] satisfies [ScanChange, string][]) {
    const outcome = await plan(t, { policy, evidence: await scanned(change) });
    assert.deepEqual(listed(outcome), [digest]);
    assert.match(planOf(outcome).warnings.join(), new RegExp(`would not pass as a new one \\(${code}\\)`));
  }
  await assertRefused(t, "STATEMENT_MISSING", { policy });
});

test("a revoked digest is not asked for, and holds nothing up", async (t) => {
  const outcome = await plan(t, { policy: { revoked: [digest] } });
  assert.deepEqual(outcome.asked, []);
  // The compiler leaves it out, and says so.
  assert.deepEqual(listed(outcome), [digest]);
  assert.match(planOf(outcome).warnings.join(), /\(revoked\)\. Deploy a release that is not revoked\.$/);
});

test("a digest whose platform or signer is revoked is not listed, and holds nothing up", async (t) => {
  for (const revoked of [amd, "release"]) {
    const outcome = await plan(t, { policy: { revoked: [revoked] } });
    assert.deepEqual(listed(outcome), []);
    const [warning = "", ...more] = planOf(outcome).warnings;
    assert.deepEqual(more, []);
    assert.match(
      warning,
      /\(revoked\)\. The policy revoked it, or its signer: deploy a release that is not revoked\.$/,
    );
  }
});

test("a revoked signer that is not the one who signed excuses nothing", async (t) => {
  const { policy } = lab;
  const [signer = assert.fail()] = policy.signers;
  await assertRefused(t, "STATEMENT_MISSING", {
    evidence: lab.without("signature"),
    policy: {
      signers: [...policy.signers, { ...signer, id: "former", triggers: ["schedule"] }],
      revoked: ["former"],
    },
  });
});

test("a registry that can't be asked is neither a proof nor a refusal: the update stops, also where it only warns", async (t) => {
  for (const rollout of ["enforce", "warn"] as const) {
    for (const silent of [
      () => true,
      (url: string) => url.includes("/referrers/"),
      // All that is known is that it is old.
      (url: string) => url.includes(`/referrers/${arm}`),
      (url: string) => url.includes("/manifests/"),
    ]) {
      const { failure, repository } = await plan(t, {
        silent,
        settings: { rollout },
        policy: { freshness: { minVersion: "9.0.0", maxAge: "90d" } },
      });
      assert.equal(failure?.code, "EVIDENCE_UNAVAILABLE");
      assert.equal(failure.kind, "unavailable");
      assert.ok(failure.details[0]?.startsWith(`${repository}@${digest} in cluster europe: `), failure.details[0]);
    }
  }
});

test("a platform's digest is listed while pods name it, when its release is the stack's or runs and verifies", async (t) => {
  const ofCurrent = await plan(t, {
    current: "lab",
    clusters: { europe: (place) => [`${place}@${arm}`] },
  });
  assert.deepEqual(listed(ofCurrent), [arm]);
  assert.deepEqual(ofCurrent.asked, []);
  const ofRunning = await plan(t, {
    clusters: { europe: (place) => [`${place}@${arm}`], asia: (place) => [`${place}@${digest}`] },
  });
  assert.deepEqual(listed(ofRunning), [arm]);
  assert.deepEqual(planOf(ofRunning).warnings, []);
});

test("a platform's digest of no release that is known is not listed", async (t) => {
  const situation = { clusters: { europe: (place: string) => [`${place}@${arm}`] } };
  await assertRefused(t, "INDEX_INVALID", situation);
  const { failure } = await plan(t, situation);
  assert.match(failure?.details.join() ?? "", /Name a release's image index; where this is a platform's manifest/);
});

test("a pod that names a mirror is judged by the release's own repository", async (t) => {
  const { failure } = await plan(t, {
    evidence: lab.without("signature"),
    clusters: { europe: () => [`${mirror}@${digest}`] },
  });
  assert.equal(failure?.code, "RUNNING_WOULD_BE_REFUSED");
  assert.ok(failure.details[0]?.startsWith(`shop/web-0 (main): ${mirror}@${digest} (unverified).`));
});

test("too many distinct digests are not verified, and say in which cluster they run", async (t) => {
  const pods = (place: string) =>
    Array.from({ length: 501 }, (_, number) => `${place}@sha256:${String(number).padStart(64, "0")}`);
  const { failure, asked } = await plan(t, { clusters: { europe: pods } });
  assert.equal(failure?.code, "RUNNING_TOO_MANY");
  assert.deepEqual(failure.details, ["cluster europe runs 501 of them"]);
  assert.deepEqual(asked, []);
});

test("where clusters are not read, nothing is asked", async (t) => {
  const outcome = await plan(t, { unread: true });
  assert.deepEqual(outcome.asked, []);
  assert.deepEqual(listed(outcome), []);
});
