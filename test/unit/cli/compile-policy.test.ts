import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import { compileTargetNames } from "../../../src/core/compile/target-names.ts";
import { compileTargets } from "../../../src/core/compile/targets.ts";
import { policyYaml } from "../../../src/core/compile/write-policy.ts";
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

const wrong: readonly [string, string, ...string[]][] = [
  ["no target", "COMPILE_POLICY_MISUSED", "--policy", policy],
  ["an unknown target", "USAGE_INVALID", "--target", "opa", "--policy", policy],
  ["no policy", "COMPILE_POLICY_MISUSED", "--target", "vap"],
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
