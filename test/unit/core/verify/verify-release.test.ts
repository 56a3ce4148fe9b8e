import assert from "node:assert/strict";
import { test } from "node:test";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import {
  PlannedRelease,
  VerifiedRelease,
  assertUsable,
  assertVerified,
} from "../../../../src/core/release/verified-release.ts";
import { labRepository, startReleaseLab } from "../../../support/release-lab.ts";
import { codeThrown } from "../../../support/failures.ts";

const lab = await startReleaseLab();

function proof(): VerifiedRelease {
  const checked = lab.verify();
  assert.ok(checked.ok, JSON.stringify(checked));
  return checked.proof;
}

const codeOf = (call: () => unknown): string => codeThrown(call, "none");

test("proves a release that is all that the policy demands, with everything that counted", () => {
  const { data } = proof();
  assert.equal(data.repository, labRepository);
  assert.equal(data.digest, lab.release.index.index.digest);
  assert.deepEqual(data.manifest, lab.release.manifest);
  assert.equal(data.policyName, "neko-lab");
  assert.equal(data.environment, "local");
  const [amd64, arm64] = lab.release.platforms.map(({ image }) => image.manifest.digest);
  assert.deepEqual(
    data.statements.map(({ kind, subject, predicateType }) => [kind, subject, predicateType]),
    [
      ["signature", data.digest, predicateTypes.signature],
      ["manifest", data.digest, predicateTypes.release],
      ["provenance", amd64, predicateTypes.provenance],
      ["sbom", amd64, predicateTypes.spdx23],
      ["provenance", arm64, predicateTypes.provenance],
      ["sbom", arm64, predicateTypes.spdx23],
    ],
  );
  const listed = [...lab.evidence.referrers.values()].flatMap((answer) =>
    answer.kind === "found" ? answer.value : [],
  );
  assert.deepEqual(data.statements.map(({ referrer }) => referrer).sort(), listed.map(({ digest }) => digest).sort());
  for (const { signer, identity, signedAt, logs } of data.statements) {
    assert.equal(signer, "release");
    assert.equal(identity, "https://github.com/m1k1o/neko/.github/workflows/nix-build-sign.yml@refs/tags/v1.2.3");
    assert.ok(Math.abs(Date.parse(signedAt) - lab.now.getTime()) < 60_000, signedAt);
    assert.equal(logs.length, 1);
  }
  assert.equal(data.claimed.length, 2);
});

test("is a function of its arguments: the same evidence gives the same data", () => {
  assert.deepEqual(proof().data, proof().data);
});

test("proves it at a mirror that the policy names", () => {
  const mirror = "127.0.0.1:5002/mirror/base";
  const evidence = { ...lab.evidence, repository: mirror };
  const checked = lab.verify({ evidence, policy: lab.policyWith({ "images.0.mirrors": [mirror] }) });
  assert.equal(checked.ok && checked.proof.data.repository, mirror);
});

test("assertVerified takes the proof itself and returns its data", () => {
  const release = proof();
  assert.equal(assertVerified(release), release.data);
  assert.equal(assertUsable(release, { dryRun: false }), release.data);
});

test("refuses whatever else looks like a proof: copies, casts, clones, prototypes", () => {
  const release = proof();
  const forged: unknown[] = [
    JSON.parse(JSON.stringify(release)),
    structuredClone(release),
    { data: release.data },
    Object.assign({}, release),
    Object.assign(Object.create(VerifiedRelease.prototype) as object, { other: true }),
    new Proxy(release, {}),
    release.data,
    undefined,
    "release",
  ];
  for (const value of forged) {
    assert.equal(
      codeOf(() => assertVerified(value)),
      "RELEASE_NOT_VERIFIED",
    );
    assert.equal(
      codeOf(() => assertUsable(value, { dryRun: true })),
      "RELEASE_NOT_VERIFIED",
    );
  }
});

test("nobody makes a proof with the class alone", () => {
  const Constructor = VerifiedRelease as new (...args: unknown[]) => VerifiedRelease;
  assert.throws(() => new Constructor(proof().data, Symbol("mint")), TypeError);
});

test("what was proven can't be changed afterwards", () => {
  const release = proof();
  const before = structuredClone(release.data);
  const { manifest, statements } = release.data as unknown as {
    manifest: { platforms: { digest: string }[] };
    statements: unknown[];
  };
  assert.throws(() => statements.pop(), TypeError);
  assert.throws(() => {
    manifest.platforms[0]!.digest = `sha256:${"0".repeat(64)}`;
  }, TypeError);
  assert.throws(() => Object.defineProperty(release, "data", { value: {} }), TypeError);
  assert.deepEqual(assertVerified(release), before);
});

test("a planned release is for previews only, and proves nothing", () => {
  const { repository, digest, policyName, policyDigest, environment } = proof().data;
  const planned = new PlannedRelease({ repository, digest, policyName, policyDigest, environment });
  assert.equal(assertUsable(planned, { dryRun: true }).digest, digest);
  assert.equal(
    codeOf(() => assertUsable(planned, { dryRun: false })),
    "RELEASE_ONLY_PLANNED",
  );
  assert.equal(
    codeOf(() => assertVerified(planned)),
    "RELEASE_NOT_VERIFIED",
  );
  for (const copy of [structuredClone(planned), { data: planned.data }]) {
    assert.equal(
      codeOf(() => assertUsable(copy, { dryRun: true })),
      "RELEASE_NOT_VERIFIED",
    );
  }
});
