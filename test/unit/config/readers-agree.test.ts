import assert from "node:assert/strict";
import { test } from "node:test";
import { readPulumiConfig, readYamlConfig } from "../../../src/config/read-config.ts";
import { failureOf, localConfig, sampleOverlay, stackFiles, stagingConfig } from "../../support/stack-files.ts";

/** What the engine makes of a stack's `config`: text for scalars, JSON text for the rest (sdk/v3, config/map.go). */
function asEngineGives(config: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key,
      typeof value === "object" && value !== null ? JSON.stringify(value) : String(value),
    ]),
  );
}

test("stacks/Pulumi.local.yaml reads the same as plain YAML and as Pulumi's configuration", (t) => {
  const files = stackFiles(t);
  files.write("local", localConfig());
  files.writeOverlay(sampleOverlay);
  const fromYaml = readYamlConfig("local", files.directories);
  const fromPulumi = readPulumiConfig(asEngineGives(localConfig()), "local", files.directories);
  assert.deepEqual(fromPulumi, fromYaml);
  assert.ok(fromYaml.policy.signers.length > 0);
});

test("another stack reads the same, with a secret in it that neither reader takes in", (t) => {
  const files = stackFiles(t);
  const config = stagingConfig({ githubToken: { secure: "v1:x" }, githubOwner: 1000 });
  files.write("staging", config);
  const fromYaml = readYamlConfig("staging", files.directories);
  const given = {
    ...asEngineGives(config),
    "neko-trust:githubToken": "decrypted",
    "aws:region": "x",
    "github:owner": "y",
  };
  const fromPulumi = readPulumiConfig(given, "staging", files.directories);
  assert.deepEqual(fromPulumi, fromYaml);
  assert.equal(fromYaml.githubOwner, "1000");
  assert.ok(!JSON.stringify(fromPulumi).includes("decrypted"));
});

test("a time that stands unquoted in YAML reads the same, though the engine hands it on in Go's words", (t) => {
  const files = stackFiles(t);
  const config = stagingConfig({ "policy.roots.sigstore.fetched": "2026-11-01T10:20:30Z" });
  files.write("staging", config);
  const given = asEngineGives(config);
  const policy = given["neko-trust:policy"] ?? "";
  const inGo = policy.replace("2026-11-01T10:20:30Z", "2026-11-01 10:20:30 +0000 UTC");
  assert.notEqual(inGo, policy);
  const fromPulumi = readPulumiConfig({ ...given, "neko-trust:policy": inGo }, "staging", files.directories);
  assert.deepEqual(fromPulumi, readYamlConfig("staging", files.directories));
});

test("faults are the same, word for word", (t) => {
  const files = stackFiles(t);
  const config = stagingConfig({
    "policy.roots.tlog": 0,
    "policy.more": [1],
    trustedRoot: undefined,
    clusters: {},
    "policy.require.sbom": ["x"],
  });
  files.write("staging", config);
  const fromYaml = failureOf(() => readYamlConfig("staging", files.directories));
  const fromPulumi = failureOf(() => readPulumiConfig(asEngineGives(config), "staging", files.directories));
  assert.equal(fromPulumi.code, "CONFIG_INVALID");
  assert.deepEqual(fromPulumi.details, fromYaml.details);
  assert.equal(fromPulumi.message, fromYaml.message);
});

test("text that looks like JSON and is none is told as the text that it is", (t) => {
  const files = stackFiles(t);
  const given = { ...asEngineGives(stagingConfig()), "neko-trust:policy": "{not json" };
  const failure = failureOf(() => readPulumiConfig(given, "staging", files.directories));
  assert.match(failure.details[0] ?? "", /^policy: found "\{not json"/);
});

test("a stack without any configuration is refused by both", (t) => {
  const files = stackFiles(t);
  files.write("staging", "config: {}\n");
  const empty = failureOf(() => readPulumiConfig({}, "staging", files.directories));
  assert.deepEqual(empty.details, failureOf(() => readYamlConfig("staging", files.directories)).details);
});
