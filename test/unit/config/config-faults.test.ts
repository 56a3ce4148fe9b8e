import assert from "node:assert/strict";
import { sampleTee } from "../../support/policies.ts";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readYamlConfig, stackNames } from "../../../src/config/read-config.ts";
import { failureOf, localConfig, stackFiles, stagingConfig } from "../../support/stack-files.ts";

test("reads a stack that is right", (t) => {
  const files = stackFiles(t);
  files.write("staging", stagingConfig());
  const config = readYamlConfig("staging", files.directories);
  assert.equal(config.policy.environment, "staging");
  assert.equal(config.clusters[0]?.kubeconfig, "kubeconfig");
});

test("lists five faults of one file at once: path, found and allowed", (t) => {
  const files = stackFiles(t);
  files.write(
    "staging",
    stagingConfig({
      "policy.roots.tlog": 0,
      "policy.signers.0.issuer": "http://token.example",
      "policy.mode": "warn",
      "policy.require.sbom": ["relaese"],
      releases: [{ image: "ghcr.io/m1k1o/neko/other", current: "v1.2.3", retained: [] }],
      "clusters.0.kubeconfig": undefined,
      "admissionPolicies.rollout": "off",
    }),
  );
  const failure = failureOf(() => readYamlConfig("staging", files.directories));
  assert.equal(failure.code, "CONFIG_INVALID");
  assert.equal(failure.kind, "usage");
  assert.equal(failure.message, "stacks/Pulumi.staging.yaml has 8 faults.");
  const { details } = failure;
  for (const expected of [
    "policy.roots.tlog: found 0; Too small: expected number to be >=1",
    'policy.signers.0.issuer: found "http://token.example"; must be an https URL without credentials, query or fragment',
    "policy.mode: found a string; no such key: remove it, or correct its name",
    'policy.require.sbom.0: found "relaese"; no signer has the id "relaese"',
    'releases.0.current: found "v1.2.3"; must be sha256: and 64 lower-case hex digits',
    'releases.0.image: found "ghcr.io/m1k1o/neko/other"; must be one of policy.images: registry.neko-lab.test/m1k1o/neko/base',
    "clusters.0.kubeconfig: found nothing; must be the path of a kubeconfig file",
  ]) {
    assert.ok(details.includes(expected), `${expected}\nis not among\n${details.join("\n")}`);
  }
  assert.ok(details.some((detail) => detail.startsWith('admissionPolicies.rollout: found "off"; ')));
  assert.equal(details.length, 8);
});

test("a stack without a configuration lacks everything that is needed, by name", (t) => {
  const files = stackFiles(t);
  for (const text of ["", "config:\n", "config: []\n", "- a\n", "null\n", "config: {other:key: 1}\n"]) {
    files.write("staging", text);
    const { code, details } = failureOf(() => readYamlConfig("staging", files.directories));
    assert.equal(code, "CONFIG_INVALID", text);
    const paths = details.map((detail) => detail.split(":")[0]);
    assert.deepEqual(paths, ["policy", "trustedRoot", "releases", "clusters"], text);
  }
});

test("names the stacks that there are when one is unknown", (t) => {
  const files = stackFiles(t);
  files.write("staging", "");
  files.write("local", "");
  for (const stack of ["production", "", "../staging", "Staging", "staging.yaml", "constructor"]) {
    const failure = failureOf(() => readYamlConfig(stack, files.directories));
    assert.equal(failure.code, "STACK_UNKNOWN");
    assert.equal(failure.kind, "usage");
    assert.equal(failure.remedy, "Name one of: local, staging.");
  }
});

test("says so when there is no stack at all, as in the npm package", (t) => {
  const files = stackFiles(t);
  const directories = { ...files.directories, checkout: join(files.directories.checkout, "nowhere") };
  assert.deepEqual(stackNames(directories.checkout), []);
  assert.equal(failureOf(() => readYamlConfig("local", directories)).code, "STACK_UNKNOWN");
});

test("says so when a stack's file can't be read", (t) => {
  const files = stackFiles(t);
  mkdirSync(join(files.directories.checkout, "stacks", "Pulumi.staging.yaml"));
  const failure = failureOf(() => readYamlConfig("staging", files.directories));
  assert.equal(failure.code, "CONFIG_UNREADABLE");
  assert.match(failure.message, /^stacks\/Pulumi\.staging\.yaml can't be read: EISDIR/);
});

for (const [what, text, place] of [
  ["an open bracket", "config: [a", /^line 1, column \d+: /],
  ["a key twice", "config:\n  neko-trust:trustedRoot: a\n  neko-trust:trustedRoot: b\n", /^line 3, column 3: /],
  ["a tab for an indent", "config:\n\tneko-trust:trustedRoot: a\n", /^line 2, column \d+: /],
  ["two documents", "a: 1\n---\nb: 2\n", /^line 2, column 1: /],
  ["an unknown tag", "config: !!js/function x\n", /^line 1, column 9: Unresolved tag/],
  ["an alias to nothing", "config: *nothing\n", /^Unresolved alias/],
  [
    "aliases that multiply",
    `a: &a [x,x,x]\nb: &b [${Array(9).fill("*a").join()}]\nc: [${Array(9).fill("*b").join()}]\n`,
    /^Excessive alias count/,
  ],
  ["nesting without end", `config: ${"[".repeat(20_000)}`, /^line 1, column \d+: /],
] as const) {
  test(`tells where a file is not YAML: ${what}`, (t) => {
    const files = stackFiles(t);
    files.write("staging", text);
    const failure = failureOf(() => readYamlConfig("staging", files.directories));
    assert.equal(failure.code, "CONFIG_NOT_YAML");
    assert.equal(failure.message, "stacks/Pulumi.staging.yaml is not valid YAML.");
    assert.match(failure.details[0] ?? "", place);
    assert.ok(failure.details.length <= 11);
  });
}

const secret = "hunter2-is-not-shown";

function everyWord(failure: { message: string; remedy: string; details: readonly string[] }): string {
  return [failure.message, failure.remedy, ...failure.details].join("\n");
}

test("never shows the value of a key that names a secret, nor of one that is misspelt", (t) => {
  const files = stackFiles(t);
  for (const changes of [
    { githubToken: { secure: secret }, trustedRoot: [] },
    { gitHubToken: secret },
    { githubTokn: secret },
    { "policy.registryPassword": secret },
    { "policy.signers.0.clientSecret": [secret] },
    { clusters: { token: secret } },
    { clusters: [{ name: "a", kubeconfig: "b", context: { user: { "client-private-key": secret } } }] },
    { githubOwner: { credentials: { deep: secret } } },
    { githubOwner: [{ apiKey: secret }] },
  ]) {
    files.write("staging", stagingConfig(changes));
    const failure = failureOf(() => readYamlConfig("staging", files.directories));
    assert.equal(failure.code, "CONFIG_INVALID");
    assert.ok(failure.details.length > 0);
    assert.ok(!everyWord(failure).includes(secret), everyWord(failure));
  }
});

test("a secret in plain text is refused by its name, and not shown", (t) => {
  const files = stackFiles(t);
  for (const key of ["githubToken", "runnersAppKey", "brokerCredential"]) {
    files.write("staging", stagingConfig({ [key]: secret }));
    const failure = failureOf(() => readYamlConfig("staging", files.directories));
    assert.equal(failure.code, "SECRET_IN_PLAIN_TEXT");
    assert.deepEqual(failure.details, [key]);
    assert.ok(!everyWord(failure).includes(secret), everyWord(failure));
  }
});

test("never shows what has the form of a token or key, wherever it was put", (t) => {
  const files = stackFiles(t);
  const tokens = [
    `ghp_${"a1".repeat(18)}`,
    `github_pat_${"a1".repeat(20)}`,
    `glpat-${"a1".repeat(10)}`,
    `AKIA${"A1".repeat(8)}`,
    `eyJ${"a1".repeat(10)}.eyJ${"a1".repeat(10)}.${"a1".repeat(10)}`,
    "-----BEGIN PRIVATE KEY-----",
  ];
  for (const token of tokens) {
    files.write(
      "staging",
      stagingConfig({ "policy.name": token, "policy.images": [token], "policy.signers.0.id": token }),
    );
    const failure = failureOf(() => readYamlConfig("staging", files.directories));
    assert.ok(failure.details.length >= 3, everyWord(failure));
    assert.ok(!everyWord(failure).includes(token.slice(0, 20)), everyWord(failure));
  }
});

test("never shows a line of a file that is not YAML: it may be a secret's", (t) => {
  const files = stackFiles(t);
  for (const text of [
    `config:\n  neko-trust:githubToken: "${secret}\n  neko-trust:trustedRoot: a\n`,
    `config:\n  neko-trust:githubToken: ${secret}: ${secret}\n`,
    `config:\n  neko-trust:githubToken: *${secret}\n`,
    `config:\n  neko-trust:githubToken: !${secret} x\n`,
    `config: {neko-trust:githubToken: ${secret}\n${secret}`,
    `${secret}\n  - ${secret}\n : ${secret}`,
  ]) {
    files.write("staging", text);
    const failure = failureOf(() => readYamlConfig("staging", files.directories));
    assert.equal(failure.code, "CONFIG_NOT_YAML", text);
    assert.ok(!everyWord(failure).includes(secret), everyWord(failure));
  }
});

test("lab releases are for stack local in environment local alone", (t) => {
  const files = stackFiles(t);
  files.write("staging", stagingConfig({ release: "lab" }));
  const staging = failureOf(() => readYamlConfig("staging", files.directories));
  assert.deepEqual(staging.details, ['release: found "lab"; only environment local may use lab releases']);
  files.write("staging", stagingConfig({ release: "lab", "policy.environment": "local" }));
  const disguised = failureOf(() => readYamlConfig("staging", files.directories));
  assert.deepEqual(
    disguised.details.filter((line) => !line.startsWith("clusters")),
    [
      'release: found "lab"; only stack local takes its releases from the lab',
      'policy.environment: found "local"; only stack local may be local',
    ],
  );
});

test("stack local is environment local: nothing else may borrow its stand-ins, nor it a real cluster", (t) => {
  const files = stackFiles(t);
  files.write("local", stagingConfig({ clusters: [{ name: "a", kubeconfig: "c" }] }));
  assert.deepEqual(failureOf(() => readYamlConfig("local", files.directories)).details, [
    'policy.environment: found "staging"; must be local: stack local is the lab\'s',
  ]);
  const clusters = [{ name: "a", kubeconfig: "c" }];
  files.write("local", stagingConfig({ "policy.environment": "local", clusters }));
  assert.deepEqual(failureOf(() => readYamlConfig("local", files.directories)).details, [
    "clusters.0.kubeconfig: found a path; must be left out in environment local: its endpoint is dead",
  ]);
});

test("a policy's tee is read strictly: what no policy may allow is a fault where it is read", (t) => {
  const files = stackFiles(t);
  files.write("staging", stagingConfig({ "policy.tee": sampleTee, releases: [] }));
  assert.deepEqual(failureOf(() => readYamlConfig("staging", files.directories)).details, [
    "policy.tee: found a demand; needs signerRelease: whose machines sign, and under which policy",
  ]);
  const weak = { ...sampleTee, statuses: ["Revoked"], mrtd: ["0".repeat(96)], rtmr0: [], policyDigests: [] };
  files.write("staging", stagingConfig({ "policy.tee": weak, releases: [] }));
  assert.deepEqual(
    failureOf(() => readYamlConfig("staging", files.directories)).details.map((line) => line.split(":")[0]),
    ["policy.tee.mrtd.0", "policy.tee.rtmr0", "policy.tee.policyDigests", "policy.tee.statuses.0", "policy.tee"],
  );
});

test("what one key needs of another is told: an owner of the repository, a cluster's kubeconfig", (t) => {
  const files = stackFiles(t);
  files.write(
    "staging",
    stagingConfig({ githubOwner: undefined, clusters: [{ name: "a" }, { name: "b", kubeconfig: "c" }] }),
  );
  assert.deepEqual(failureOf(() => readYamlConfig("staging", files.directories)).details, [
    "githubOwner: found nothing; needed by ghcrRepository",
    "clusters.0.kubeconfig: found nothing; must be the path of a kubeconfig file",
  ]);
});

test("a stack that is called after an environment has that one's policy: another's would ask for less", (t) => {
  const files = stackFiles(t);
  files.write("production", stagingConfig());
  const { details } = failureOf(() => readYamlConfig("production", files.directories));
  assert.ok(details.some((line) => line.startsWith('policy.environment: found "staging"; must be production')));
});

test("runners without the repository that they are for are told, not left out", (t) => {
  const files = stackFiles(t);
  files.write("staging", stagingConfig({ ghcrRepository: undefined, buildRunners: {} }));
  const { details } = failureOf(() => readYamlConfig("staging", files.directories));
  assert.ok(details.includes("ghcrRepository: found nothing; needed by buildRunners"), details.join("\n"));
});

test("a stack that reads approvals has a project to read them with, and none of what exists once", (t) => {
  const files = stackFiles(t);
  files.write("staging", stagingConfig({ approvals: { bucket: "acme-approvals" }, gcp: undefined }));
  const { details } = failureOf(() => readYamlConfig("staging", files.directories));
  assert.deepEqual(details, [
    "ghcrRepository: found settings; exists once: it belongs to the stack that publishes the approvals",
    "gcp: found nothing; needed by approvals",
  ]);
  for (const bucket of ["", "gs://acme-approvals", "acme-approvals/staging", "*", 7]) {
    files.write("staging", stagingConfig({ approvals: { bucket }, ghcrRepository: undefined }));
    const faults = failureOf(() => readYamlConfig("staging", files.directories)).details;
    assert.ok(faults[0]?.startsWith("approvals.bucket: "), String(bucket));
  }
  files.write("staging", stagingConfig({ platformStack: "organization/neko-trust/platform" }));
  const old = failureOf(() => readYamlConfig("staging", files.directories)).details;
  assert.ok(
    old.some((line) => line.startsWith("platformStack: ")),
    old.join("\n"),
  );
});

test("a stack that grants CI its own state is refused: only people change what says who may change", (t) => {
  const files = stackFiles(t);
  const { "neko-trust:ciSecrets": ciSecrets } = localConfig();
  files.write("staging", stagingConfig({ ciSecrets }));
  const { details } = failureOf(() => readYamlConfig("staging", files.directories));
  assert.equal(details.length, 2);
  for (const use of ["plan", "apply"]) {
    const place = `ciSecrets.workloadIdentity.deployments.0.${use}.grants.9.on.stack`;
    const told = `${place}: found "organization/neko-trust/staging"; must be another stack`;
    assert.ok(
      details.some((line) => line.startsWith(told)),
      details.join("\n"),
    );
  }
  files.write("platform", stagingConfig({ ciSecrets }));
  readYamlConfig("platform", files.directories);
});
