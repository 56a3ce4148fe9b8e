import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { applyLocalOverlay, localOverlayPath, localOverlaySchema } from "../../../src/config/local-overlay.ts";
import { readYamlConfig } from "../../../src/config/read-config.ts";
import { withValue } from "../../support/documents.ts";
import { failureOf, localConfig, sampleOverlay, stackFiles } from "../../support/stack-files.ts";

test("lays the lab's address, root and release over the committed stack", (t) => {
  const files = stackFiles(t);
  files.write("local", localConfig());
  files.writeOverlay(sampleOverlay);
  const config = readYamlConfig("local", files.directories);
  assert.equal(config.policy.images[0]?.repository, "127.0.0.1:5001/m1k1o/neko/base");
  const { sha256, fetched, maxAge } = config.policy.roots.sigstore;
  assert.deepEqual([sha256, fetched, maxAge], ["a".repeat(64), "2026-11-01T00:00:00Z", "365d"]);
  assert.equal(config.trustedRoot, "/nonexistent/trusted_root.json");
  assert.deepEqual(config.releases, sampleOverlay.releases);
});

test("without a lab, says how to start it", (t) => {
  const files = stackFiles(t);
  files.write("local", localConfig());
  const failure = failureOf(() => readYamlConfig("local", files.directories));
  assert.equal(failure.code, "LAB_NOT_RUNNING");
  assert.equal(failure.kind, "unavailable");
  assert.equal(failure.remedy, "Start it with: make up");
});

for (const [what, content] of [
  ["not JSON", "{"],
  ["empty", ""],
  ["cut off", JSON.stringify(sampleOverlay).slice(0, 100)],
  ["a list", []],
  ["null", null],
  ["of another schema", { ...sampleOverlay, schema: 2 }],
  ["with an unknown key", { ...sampleOverlay, policy: {} }],
  [
    "with an address that is not on loopback",
    withValue(sampleOverlay, "hosts", { "registry.neko-lab.test": "10.0.0.1:80" }),
  ],
  ["with a tag for a digest", withValue(sampleOverlay, "releases.0.current", "latest")],
] as const) {
  test(`an overlay that is ${what} is told as damaged`, (t) => {
    const files = stackFiles(t);
    files.write("local", localConfig());
    files.writeOverlay(content);
    const failure = failureOf(() => readYamlConfig("local", files.directories));
    assert.equal(failure.code, "LAB_STATE_DAMAGED");
    assert.equal(failure.kind, "unavailable");
    assert.ok(failure.details.length > 0);
    assert.match(failure.remedy, /make down/);
  });
}

test("a folder in the overlay's place is told as damaged", (t) => {
  const files = stackFiles(t);
  files.write("local", localConfig());
  mkdirSync(localOverlayPath(files.directories.state));
  assert.equal(failureOf(() => readYamlConfig("local", files.directories)).code, "LAB_STATE_DAMAGED");
});

test("the overlay can't change what is trusted: signers, rules and ages stay the committed ones", (t) => {
  const files = stackFiles(t);
  files.write("local", localConfig());
  files.writeOverlay(sampleOverlay);
  const { policy } = readYamlConfig("local", files.directories);
  const committed = localConfig()["neko-trust:policy"] as Readonly<Record<string, unknown>>;
  for (const key of [
    "signers",
    "require",
    "provenance",
    "sbom",
    "rebuilds",
    "freshness",
    "revoked",
    "thirdParty",
  ] as const) {
    assert.deepEqual(policy[key], committed[key], key);
  }
});

test("is read for stack local only", (t) => {
  const files = stackFiles(t);
  files.writeOverlay(sampleOverlay);
  files.write("other", localConfig());
  const failure = failureOf(() => readYamlConfig("other", files.directories));
  assert.equal(failure.code, "CONFIG_INVALID");
});

test("leaves hosts alone that it does not name, also those that every object has as keys", () => {
  const overlay = localOverlaySchema.parse(sampleOverlay);
  const document = (repository: unknown) => ({ policy: { images: [{ repository }, "no record"] } });
  for (const repository of [
    "ghcr.io/a/b",
    "constructor/a",
    "__proto__/a",
    "registry.neko-lab.test",
    7,
    null,
    undefined,
  ]) {
    const applied = applyLocalOverlay(document(repository), overlay) as { policy: { images: unknown[] } };
    assert.deepEqual(applied.policy.images, [{ repository }, "no record"]);
  }
});

test("makes no fault of a damaged stack file worse: it is told as what it is", (t) => {
  const files = stackFiles(t);
  files.writeOverlay(sampleOverlay);
  for (const policy of [undefined, "text", [], { images: "x", roots: 3 }, { images: [null] }]) {
    files.write("local", { ...localConfig(), "neko-trust:policy": policy });
    assert.equal(failureOf(() => readYamlConfig("local", files.directories)).code, "CONFIG_INVALID");
  }
});
