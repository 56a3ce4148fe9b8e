import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { initAction } from "../../../src/cli/actions/init.ts";
import type { InitOptions } from "../../../src/cli/actions/init.ts";
import type { Questions } from "../../../src/cli/questions.ts";
import { parseYamlConfig } from "../../../src/config/read-config.ts";
import { failureCodeOf } from "../../support/failures.ts";
import { operateRig, stagingText } from "../../support/operate-rig.ts";
import type { OperateRig } from "../../support/operate-rig.ts";

const options = (given: Partial<InitOptions> = {}): InitOptions => ({
  stack: "staging",
  set: [],
  keyRing: "neko-trust-state",
  ...given,
});

/** A stack with a placeholder that stands at three places (once as part of another), and two ids that are 0. */
function withPlaceholders(t: TestContext): OperateRig {
  const rig = operateRig(t);
  const text = stagingText({
    githubToken: undefined,
    githubOwner: "placeholder-owner",
    gcp: { project: "placeholder-project", region: "europe-west4", zone: "europe-west4-b" },
    "clusters.0.kubeconfig": "kubeconfigs/placeholder-project.yaml",
    "ghcrRepository.description": "placeholder-owner",
    "ghcrRepository.adopt": { repository: true },
    "policy.signers.0.repositoryId": "0",
    "ghcrRepository.defaultBranch.checks": [{ context: "checks" }],
  });
  rig.write("staging", `# ours\n${text}`);
  return rig;
}

/** Somebody who answers by what a question begins with, and whose questions are kept. */
function somebody(answers: Readonly<Record<string, string | readonly string[]>>): Questions & { asked: string[] } {
  const asked: string[] = [];
  const counts = new Map<string, number>();
  return {
    asked,
    ask: (text, { hidden } = {}) => {
      asked.push(hidden === true ? `hidden ${text}` : text);
      const key = Object.keys(answers).find((start) => text.startsWith(start)) ?? "";
      const answer = answers[key];
      const count = counts.get(key) ?? 0;
      counts.set(key, count + 1);
      return Promise.resolve(typeof answer === "string" ? answer : (answer?.[count] ?? ""));
    },
    close: () => undefined,
  };
}

const configOf = (rig: OperateRig) => parseYamlConfig(rig.stackText("staging"), "staging", rig.directories);

test("asks for each placeholder once, again where the answer is not allowed, and fills every place", async (t) => {
  const rig = withPlaceholders(t);
  const asking = somebody({
    githubOwner: "acme",
    "gcp.project": ["No Project", "acme-staging"],
    "policy.signers.0.repositoryId": ["12a", "4711"],
    Run: "n",
  });
  const outcome = await initAction(options(), rig.context(), asking);
  assert.equal(outcome.exitCode, 0);
  const config = configOf(rig);
  assert.equal(config.githubOwner, "acme");
  assert.equal(config.ghcrRepository?.description, "acme");
  assert.equal(config.gcp?.project, "acme-staging");
  assert.equal(config.clusters[0]?.kubeconfig, "kubeconfigs/acme-staging.yaml");
  assert.equal(config.policy.signers[0]?.repositoryId, "4711");
  assert.ok(rig.stackText("staging").startsWith("# ours\n"));
  const about = (start: string): number => asking.asked.filter((text) => text.startsWith(start)).length;
  assert.deepEqual(["githubOwner", "gcp.project", "policy.signers.0.repositoryId"].map(about), [1, 2, 2]);
  assert.equal(about("ghcrRepository"), 0);
  assert.match(asking.asked.find((text) => text.startsWith("clusters")) ?? "", /acme-staging\.yaml/);
});

test("without a terminal: what --set gives is written, the rest is listed, and it exits 2", async (t) => {
  const rig = withPlaceholders(t);
  const set = ["gcp.project=acme-staging", "githubOwner=acme"];
  const outcome = await initAction(options({ set }), rig.context());
  assert.equal(outcome.exitCode, 2);
  const { left, steps, written } = outcome.document as {
    left: { path: string }[];
    steps: { command: string; kind: string }[];
    written: boolean;
  };
  assert.deepEqual(
    left.map(({ path }) => path),
    ["policy.signers.0.repositoryId"],
  );
  assert.ok(written);
  assert.equal(configOf(rig).clusters[0]?.kubeconfig, "kubeconfigs/acme-staging.yaml");
  assert.ok(steps.every(({ kind }) => kind === "not-run"));
  assert.deepEqual(
    steps.map(({ command }) => command.split(" ").slice(0, 4).join(" ")),
    [
      "gcloud storage buckets create",
      "gcloud storage buckets update",
      "gcloud kms keyrings create",
      "gcloud kms keys create",
      "PULUMI_BACKEND_URL=gs://acme-staging-neko-trust-state pulumi stack init",
      "PULUMI_BACKEND_URL=gs://acme-staging-neko-trust-state pulumi stack tag",
      "PULUMI_BACKEND_URL=gs://acme-staging-neko-trust-state pulumi config set",
    ],
  );
});

test("--dry-run writes nothing and runs nothing", async (t) => {
  const rig = withPlaceholders(t);
  rig.program("gcloud", "exit 0");
  const before = rig.stackText("staging");
  const outcome = await initAction(
    options({ set: ["gcp.project=acme-staging"], dryRun: true, yes: true }),
    rig.context(),
  );
  assert.equal(outcome.exitCode, 2);
  assert.equal(rig.stackText("staging"), before);
  assert.deepEqual(rig.calls("gcloud"), []);
});

const gcp = { project: "acme-staging", region: "europe-west4", zone: "europe-west4-b" };

test("runs what has not been done, in order; a secret goes by standard input and is nowhere else", async (t) => {
  const rig = operateRig(t);
  rig.write("staging", stagingText({ gcp, githubToken: undefined }));
  // The bucket is there; the key ring and the stack are not.
  rig.program("gcloud", 'case "$*" in *describe*bucket*|*buckets\\ describe*) exit 0;; *describe*) exit 1;; esac');
  rig.program(
    "pulumi",
    `case "$*" in *--show-name*) exit 1;; config*) /bin/cat > '${join(rig.checkout, "secret")}';; *) echo "$PULUMI_BACKEND_URL" > '${join(rig.checkout, "backend")}';; esac`,
  );
  const asking = somebody({ "secret githubToken": "ghp_secret", Run: "y" });
  const outcome = await initAction(options(), rig.context(), asking);
  assert.equal(outcome.exitCode, 0, outcome.lines.join("\n"));
  const { steps } = outcome.document as { steps: { title: string; kind: string }[] };
  assert.deepEqual(
    steps.map(({ kind }) => kind),
    ["already", "done", "done", "done", "done", "done", "done"],
  );
  assert.equal(readFileSync(join(rig.checkout, "secret"), "utf8"), "ghp_secret");
  assert.equal(readFileSync(join(rig.checkout, "backend"), "utf8"), "gs://acme-staging-neko-trust-state\n");
  assert.ok(asking.asked.some((text) => text.startsWith("hidden secret githubToken")));
  assert.ok(!JSON.stringify([outcome, rig.calls("pulumi"), rig.stackText("staging")]).includes("ghp_secret"));
  const ran = rig.calls("gcloud").filter((call) => !call.includes("describe"));
  assert.deepEqual(
    ran.map((call) => call.split(" ").slice(0, 3).join(" ")),
    ["storage buckets update", "kms keyrings create", "kms keys create"],
  );
});

test("a step that fails stops the rest, with the tool's own word; an absent tool is no failure of it", async (t) => {
  const rig = operateRig(t);
  rig.write("staging", stagingText({ gcp }));
  const absent = await initAction(options({ yes: true }), rig.context());
  assert.equal(absent.exitCode, 3);
  assert.ok(absent.lines.some((line) => line.includes("not run, gcloud is not on PATH")));
  rig.program("gcloud", 'case "$*" in *describe*) exit 1;; esac; echo "ERROR: (gcloud.storage) 403: no" >&2; exit 1');
  const failed = await initAction(options({ yes: true }), rig.context());
  assert.equal(failed.exitCode, 3);
  const { steps } = failed.document as { steps: { kind: string; why: string }[] };
  assert.deepEqual(
    steps.map(({ kind }) => kind),
    ["failed", "not-run", "not-run", "not-run", "not-run", "not-run"],
  );
  assert.match(steps[0]?.why ?? "", /403: no/);
});

test("refuses stack local, a path without a placeholder, a value that is not allowed, and names that are none", async (t) => {
  const rig = withPlaceholders(t);
  const code = (given: Partial<InitOptions>) => failureCodeOf(initAction(options(given), rig.context()));
  const before = rig.stackText("staging");
  assert.equal(await code({ stack: "local" }), "INIT_LOCAL");
  assert.equal(await code({ stack: "other" }), "STACK_UNKNOWN");
  assert.equal(await code({ set: ["githubOwner"] }), "SETTING_INVALID");
  assert.equal(await code({ set: ["policy.name=x"] }), "PLACEHOLDER_UNKNOWN");
  assert.equal(await code({ set: ["gcp.project=No Project"] }), "CONFIG_INVALID");
  assert.equal(rig.stackText("staging"), before);
  assert.equal(await code({ bucket: "No Bucket", project: "acme-staging" }), "STATE_PLACE_INVALID");
});
