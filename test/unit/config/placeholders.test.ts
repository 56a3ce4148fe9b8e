import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findPlaceholders, placeholderPath, refusePlaceholders } from "../../../src/config/placeholders.ts";
import { failureOf } from "../../support/stack-files.ts";

const zeros = "0".repeat(64);
const paths = (document: unknown): string[] => findPlaceholders(document).map(placeholderPath);

test("finds placeholder texts, digests of zeros and ids that are 0, each with its path and what belongs there", () => {
  const document = {
    githubOwner: "placeholder-owner",
    policy: {
      signers: [
        { id: "release", repositoryId: "0", ownerId: 0, refs: ["refs/tags/v*"] },
        { id: "placeholder", repositoryId: "1001" },
      ],
      revoked: [`sha256:${zeros}`],
      roots: { sigstore: { sha256: zeros } },
    },
    ciSecrets: { reviewers: { teamIds: [0, 12], teams: [7, 0] }, project: "my-placeholder-project" },
    confidentialSigner: { project: { number: "0" } },
    commit: "0".repeat(40),
  };
  assert.deepEqual(paths(document), [
    "githubOwner",
    "policy.signers.0.repositoryId",
    "policy.signers.0.ownerId",
    "policy.signers.1.id",
    "policy.revoked.0",
    "policy.roots.sigstore.sha256",
    "ciSecrets.reviewers.teamIds.0",
    "ciSecrets.reviewers.teams.1",
    "ciSecrets.project",
    "confidentialSigner.project.number",
    "commit",
  ]);
  const described = Object.fromEntries(
    findPlaceholders(document).map((found) => [placeholderPath(found), found.description]),
  );
  assert.match(described["policy.signers.0.repositoryId"] ?? "", /gh api repos/);
  assert.match(described["ciSecrets.project"] ?? "", /gcloud projects list/);
  assert.match(described["policy.roots.sigstore.sha256"] ?? "", /root update/);
});

test("addresses and ranges that are kept for documentation are placeholders, wherever they are written", () => {
  const kept = [
    "192.0.2.0/24",
    "192.0.2.7",
    "198.51.100.8/32",
    "203.0.113.0/25",
    "2001:db8::/32",
    "2001:DB8::1",
    "3fff::/20",
  ];
  const real = ["192.0.0.0/16", "192.0.3.0/24", "10.0.0.0/8", "2001:db9::/32", "3fff:1000::/20", "::/0", "0.0.0.0/0"];
  const texts = ["192.0.2", "192.0.2.1.nip.io", "1.192.0.2.1", "v192.0.2.1", "a:b:c", "2026-11-05T00:19:12Z", "::", ""];
  assert.deepEqual(
    paths({ cidrs: [...kept, ...real, ...texts] }),
    kept.map((_, index) => `cidrs.${index}`),
  );
  const [found] = findPlaceholders({ buildRunners: { arc: { apiServer: { cidrs: ["192.0.2.0/32"] } } } });
  assert.match(found?.description ?? "", /kubectl get endpointslices/);
});

test("an address that is kept for documentation is one within a URL or a list, too", () => {
  const kept = [
    "http://192.0.2.1:80",
    "https://user@198.51.100.7/path?x=1",
    "https://[2001:db8::1]:443/",
    "[3fff::1]:443",
    "203.0.113.9:5432",
    "10.0.0.0/8,192.0.2.0/24",
    "postgres://192.0.2.1.",
    "192.0.2.1/24",
    "192.0.2.0/33",
    "::ffff:192.0.2.1",
  ];
  const real = ["http://192.0.3.1:80", "https://[2001:db9::1]:443", "http://192.0.20.1", "10.0.0.0/8,10.1.0.0/16"];
  assert.deepEqual(
    paths({ urls: [...kept, ...real] }),
    kept.map((_, index) => `urls.${index}`),
  );
});

test("zeros are a placeholder within a reference or a name, too", () => {
  const kept = [
    `ghcr.io/acme/neko/signer-disk@sha256:${zeros}`,
    `nix-runner-${"0".repeat(32)}`,
    "0".repeat(32),
    `git+https://github.com/acme/neko?rev=${"0".repeat(40)}`,
    `/nix/store/${"0".repeat(32)}-image`,
  ];
  const real = [
    `ghcr.io/acme/neko@sha256:${"0".repeat(63)}1`,
    `nix-runner-a${"0".repeat(32)}`,
    `nix-runner-${"0".repeat(31)}`,
    "0".repeat(96),
    `sha256:${"0".repeat(65)}`,
  ];
  assert.deepEqual(
    paths({ texts: [...kept, ...real] }),
    kept.map((_, index) => `texts.${index}`),
  );
});

test("a long text takes no longer than its length", () => {
  for (const text of ["1.".repeat(100_000), ":".repeat(100_000), "0".repeat(100_000), "a:".repeat(100_000)]) {
    const start = performance.now();
    findPlaceholders({ text });
    assert.ok(performance.now() - start < 2_000);
  }
});

test("counts, versions, measurements of zeros, other texts and ciphertexts are no placeholders", () => {
  assert.deepEqual(
    paths({
      rebuilds: { perPlatform: 0 },
      minRunners: 0,
      paid: 0,
      version: "0",
      rtmr3: "0".repeat(96),
      hint: "Placeholder",
      short: `sha256:${"0".repeat(63)}`,
      githubToken: { secure: "v1:placeholder" },
      nothing: null,
      on: false,
    }),
    [],
  );
});

test("a secret that is still a placeholder is told without what it is", () => {
  const [found] = findPlaceholders({ githubToken: "ghp_placeholder" });
  assert.equal(found?.value, "(a secret, not shown)");
});

test("an update is refused with every path; a preview gets a warning for each; none is no matter", () => {
  const document = { githubOwner: "placeholder-owner", policy: { signers: [{ ownerId: "0" }] } };
  const failure = failureOf(() => refusePlaceholders(document, { stack: "staging", dryRun: false }));
  assert.deepEqual([failure.code, failure.kind], ["PLACEHOLDERS_LEFT", "usage"]);
  assert.match(failure.remedy, /make init STACK=staging/);
  assert.deepEqual(
    failure.details.map((detail) => detail.split(";")[0]),
    ['githubOwner: found "placeholder-owner"', 'policy.signers.0.ownerId: found "0"'],
  );
  assert.equal(refusePlaceholders(document, { stack: "staging", dryRun: true }).length, 2);
  assert.deepEqual(refusePlaceholders({}, { stack: "staging", dryRun: false }), []);
});

test("whatever the document, each path leads to the value that was found", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom("placeholder-x", `sha256:${zeros}`), (other, value) => {
      const document = { a: [other, { b: value }] };
      const found = findPlaceholders(document).filter(({ path }) => path.join(".") === "a.1.b");
      assert.equal(found.length, 1);
      for (const { path, value: told } of findPlaceholders(document)) {
        const there = path.reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], document);
        assert.equal(String(there), told);
      }
    }),
  );
});
