import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import { compile as compileKeyBroker } from "../../../src/core/compile/key-broker/compile.ts";
import { compileTargetNames } from "../../../src/core/compile/target-names.ts";
import { compileTargets } from "../../../src/core/compile/targets.ts";
import { policyYaml } from "../../../src/core/compile/write-policy.ts";
import { casesPlacement } from "../../support/admission.ts";
import { codeThrown } from "../../support/failures.ts";
import { caseReleases, caseSettings, signerPolicy } from "../../support/key-broker.ts";
import { enginePolicy } from "../../support/engine-roots.ts";
import { runInProcess } from "../../support/command-line.ts";

const policy = join(import.meta.dirname, "../../../policy/example-trust-policy.yaml");
const root = join(import.meta.dirname, "../../../stacks/roots/public-good.json");
const release = `ghcr.io/m1k1o/neko/base@sha256:${"a".repeat(64)}`;
const call = (...args: string[]) => runInProcess(["compile-policy", ...args]);

interface Document {
  kind: string;
  metadata: { name: string };
}

for (const target of compileTargetNames.filter((name) => compileTargets[name].kind === "admission")) {
  test(`--target ${target}: prints YAML that says what made it, with the objects' names as asked for`, async () => {
    const { code, stdout, stderr } = await call(
      "--target",
      target,
      "--policy",
      policy,
      "--trusted-root",
      root,
      "--name",
      "mine",
    );
    assert.equal(stderr, "");
    assert.equal(code, 0);
    assert.ok(stdout.startsWith(`# ${compileTargets[target].title}: `), stdout.slice(0, 200));
    const documents = parseAllDocuments(stdout).map((document) => document.toJS() as Document);
    assert.ok(documents.length > 0);
    for (const { kind, metadata } of documents) {
      assert.ok(kind === "ConstraintTemplate" || metadata.name.startsWith("mine"), metadata.name);
    }
  });
}

test("--planned lists digests that nobody verified, and says so on top", async () => {
  const { code, stdout } = await call("--target", "vap", "--policy", policy, "--release", release, "--planned");
  assert.equal(code, 0);
  assert.match(stdout, /^# Note: These digests were NOT verified/m);
  assert.match(stdout, /sha256-a{64}: ghcr\.io\/m1k1o\/neko\/base/);
});

test("--output writes the same text, --json gives the objects", async () => {
  const folder = await mkdtemp(join(tmpdir(), "neko-trust-compile-"));
  try {
    const path = join(folder, "policy.yaml");
    const args = ["--target", "kyverno", "--policy", policy, "--trusted-root", root];
    const printed = await call(...args);
    const written = await call(...args, "--output", path);
    assert.match(written.stdout, /^wrote .*: 1 objects\nNote: Provenance/);
    assert.equal(await readFile(path, "utf8"), printed.stdout);
    const json = JSON.parse((await call(...args, "--json")).stdout) as { ok: boolean; documents: Document[] };
    assert.equal(json.ok, true);
    assert.equal(json.documents[0]?.kind, "ImageValidatingPolicy");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a private instance of Sigstore is named with both of its options", async () => {
  const folder = await mkdtemp(join(tmpdir(), "neko-trust-compile-"));
  try {
    const tufRoot = join(folder, "root.json");
    await writeFile(tufRoot, "{}");
    const args = [
      "--policy",
      policy,
      "--trusted-root",
      root,
      "--tuf-mirror",
      "https://tuf.example",
      "--tuf-root",
      tufRoot,
    ];
    const kyverno = await call("--target", "kyverno", ...args);
    assert.match(kyverno.stdout, /mirror: https:\/\/tuf\.example\n\s+root:\n\s+data: e30=\n/);
    const controller = await call("--target", "policy-controller", ...args);
    assert.match(controller.stdout, /kind: ConfigMap[\s\S]+trustRootRef: neko-trust/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

const signer = `ghcr.io/m1k1o/neko/base@sha256:${"b".repeat(64)}`;
const teeRules = {
  mrtd: ["1".repeat(96)],
  rtmr0: ["2".repeat(96)],
  tdAttributes: ["0000001000000000"],
  xfam: ["e700060000000000"],
  statuses: ["UpToDate"],
  advisoriesAllowed: [],
  minTcbDate: "2025-08-13T00:00:00Z",
  minEvaluation: 19,
  platforms: [],
};

test("--target key-broker: policies, reference values and the requests that post them, from files or from a stack", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "neko-trust-compile-"));
  t.after(() => rm(folder, { recursive: true }));
  const tee = join(folder, "tee.yaml");
  await writeFile(tee, JSON.stringify(teeRules));
  const from = ["--policy", policy, "--release", signer, "--planned", "--resource", "credential/registry"];
  const { code, stdout } = await call("--target", "key-broker", ...from, "--tee-rules", tee, "--json");
  assert.equal(code, 0);
  const { documents, notes } = JSON.parse(stdout) as {
    documents: { name: string; rego?: string; values?: object; request: { path: string; body: string } }[];
    notes: string[];
  };
  const [attestation, resource, values] = documents;
  assert.deepEqual(
    documents.map(({ name, request }) => `${name} ${request.path}`),
    [
      "attestation-policy /kbs/v0/attestation-policy",
      "resource-policy /kbs/v0/resource-policy",
      "reference-values /kbs/v0/reference-value",
    ],
  );
  const posted = (text: string | undefined, key: string): string =>
    Buffer.from((JSON.parse(text ?? "") as Record<string, string>)[key] ?? "", "base64url").toString("utf8");
  assert.equal(posted(attestation?.request.body, "policy"), attestation?.rego);
  assert.equal(posted(resource?.request.body, "policy"), resource?.rego);
  assert.deepEqual(JSON.parse(posted(values?.request.body, "payload")), values?.values);
  assert.match(resource?.rego ?? "", /registry/);
  assert.match(notes.join("\n"), /NOT verified[\s\S]+platforms is empty[\s\S]*/);
  assert.match(notes.join("\n"), /measurements are placeholders/);
  const stack = await call("--target", "key-broker", "--stack", "production", "--planned");
  assert.equal(stack.code, 0, stack.stderr);
  assert.deepEqual(
    parseAllDocuments(stack.stdout).map((document) => (document.toJS() as { name: string }).name),
    documents.map(({ name }) => name),
  );
  // Little-endian: the first byte has DEBUG.
  await writeFile(tee, JSON.stringify({ ...teeRules, tdAttributes: ["0100001000000000"], extra: 1 }));
  const debug = await call("--target", "key-broker", ...from, "--tee-rules", tee);
  assert.match(debug.stderr, /tdAttributes[\s\S]+\(code TEE_RULES_INVALID\)/);
  const gone = await call("--target", "key-broker", ...from, "--tee-rules", join(folder, "none.yaml"));
  assert.match(gone.stderr, /\(code TEE_RULES_UNREADABLE\)/);
  await writeFile(tee, JSON.stringify(teeRules));
  const none = ["--policy", policy, "--resource", "credential/registry", "--tee-rules", tee];
  assert.match((await call("--target", "key-broker", ...none)).stderr, /\(code KBS_NO_RELEASE\)/);
  const slashes = [...from.slice(0, -1), "credential/registry/x", "--tee-rules", tee];
  assert.match((await call("--target", "key-broker", ...slashes)).stderr, /type\/tag[\s\S]+COMPILE_POLICY_MISUSED/);
  const two = [...from, "--release", `ghcr.io/m1k1o/neko/other@sha256:${"c".repeat(64)}`, "--tee-rules", tee];
  assert.match((await call("--target", "key-broker", ...two)).stderr, /one image[\s\S]+COMPILE_POLICY_MISUSED/);
});

test("the broker's target compiles what the component compiles, and refuses to compile from nothing", () => {
  const input = { policy: signerPolicy(), releases: [], now: new Date(0), placement: casesPlacement };
  const { tee, resources } = caseSettings;
  const target = compileTargets["key-broker"];
  const { documents } = target.compile({ ...input, broker: { tee, resources, releases: caseReleases } });
  const whole = compileKeyBroker(signerPolicy(), caseReleases, caseSettings);
  assert.deepEqual(
    documents.map((document) => (document as { digest: string }).digest),
    [whole.attestationPolicyDigest, whole.resourcePolicyDigest, whole.referenceValuesDigest],
  );
  assert.equal(
    codeThrown(() => target.compile(input), "none"),
    "COMPILE_BROKER_MISSING",
  );
});

const wrong: readonly [string, string, ...string[]][] = [
  ["no target", "COMPILE_POLICY_MISUSED", "--policy", policy],
  ["an unknown target", "USAGE_INVALID", "--target", "opa", "--policy", policy],
  ["no policy", "COMPILE_POLICY_MISUSED", "--target", "vap"],
  ["the broker without rules", "COMPILE_POLICY_MISUSED", "--target", "key-broker", "--policy", policy],
  [
    "the broker's rules for another",
    "COMPILE_POLICY_MISUSED",
    "--target",
    "vap",
    "--policy",
    policy,
    "--resource",
    "a/b",
  ],
  ["a stack without a broker", "KEY_BROKER_NOT_SET", "--target", "key-broker", "--stack", "platform"],
  ["a stack and rules", "COMPILE_POLICY_MISUSED", "--target", "key-broker", "--stack", "staging", "--tee-rules", "x"],
  ["a stack and a policy", "COMPILE_POLICY_MISUSED", "--target", "vap", "--stack", "local", "--policy", policy],
  ["a stack that is not there", "STACK_UNKNOWN", "--target", "vap", "--stack", "nowhere"],
  ["a cluster without a stack", "COMPILE_POLICY_MISUSED", "--target", "vap", "--policy", policy, "--cluster", "x"],
  ["an unknown rollout", "COMPILE_POLICY_MISUSED", "--target", "vap", "--policy", policy, "--rollout", "deny"],
  ["a bad name", "COMPILE_POLICY_MISUSED", "--target", "vap", "--policy", policy, "--name", "Mine"],
  ["a bad namespace", "COMPILE_POLICY_MISUSED", "--target", "vap", "--policy", policy, "--exempt", "kube_system"],
  [
    "a release by tag",
    "REFERENCE_NEEDS_DIGEST",
    "--target",
    "vap",
    "--policy",
    policy,
    "--release",
    "ghcr.io/m1k1o/neko/base:1",
  ],
  [
    "a release without a root to verify it",
    "COMPILE_POLICY_MISUSED",
    "--target",
    "vap",
    "--policy",
    policy,
    "--release",
    release,
  ],
  [
    "a mirror without its root",
    "COMPILE_POLICY_MISUSED",
    "--target",
    "kyverno",
    "--policy",
    policy,
    "--tuf-mirror",
    "https://x.example",
  ],
  ["no root where one is needed", "COMPILE_ROOT_MISSING", "--target", "kyverno", "--policy", policy],
  [
    "a root that is not there",
    "ROOT_UNREADABLE",
    "--target",
    "kyverno",
    "--policy",
    policy,
    "--trusted-root",
    "/nowhere",
  ],
  [
    "another root than the pinned",
    "ENGINE_ROOT_MISMATCH",
    "--target",
    "kyverno",
    "--policy",
    policy,
    "--trusted-root",
    policy,
  ],
  ["a policy that is none", "POLICY_INVALID", "--target", "vap", "--policy", root],
  ["a place that can't be written", "FILE_NOT_WRITTEN", "--target", "vap", "--policy", policy, "--output", tmpdir()],
];
for (const [what, expected, ...args] of wrong) {
  test(`refuses ${what}`, async () => {
    const { code, stdout, stderr } = await call(...args);
    assert.ok(stderr.endsWith(`(code ${expected})\n`), stderr);
    assert.equal(stdout, "");
    assert.ok(code === 1 || code === 2);
  });
}

test("no text of a policy can end a comment", () => {
  const target = compileTargets.vap;
  const text = policyYaml(
    enginePolicy(),
    target,
    { documents: [], notes: ["one\nkind: Secret\r\n two"] },
    { madeBy: "a\nb" },
  );
  for (const line of text.split("\n").filter((each) => each !== "" && each !== "---")) assert.match(line, /^# /);
});
