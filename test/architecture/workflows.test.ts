import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { z } from "zod";
import { readPins } from "../../src/config/read-pins.ts";
import { checkout } from "../support/engine/engine-under-test.ts";

const permissions = z.record(z.string(), z.enum(["read", "write", "none"]));
const workflowSchema = z.looseObject({
  on: z.record(z.string(), z.unknown()),
  permissions: z.strictObject({}),
  jobs: z.record(
    z.string(),
    z.looseObject({
      permissions,
      environment: z.string().optional(),
      "timeout-minutes": z.int(),
      steps: z.array(
        z.looseObject({
          run: z.string().optional(),
          uses: z.string().optional(),
          with: z.record(z.string(), z.unknown()).optional(),
        }),
      ),
    }),
  ),
});

const folder = join(checkout, ".github", "workflows");
const files = readdirSync(folder).filter((name) => name.endsWith(".yml"));
const textOf = (file: string): string => readFileSync(join(folder, file), "utf8");
const workflows = new Map(files.map((file) => [file, workflowSchema.parse(parse(textOf(file)))]));
const jobs = [...workflows].flatMap(([file, { jobs }]) =>
  Object.entries(jobs).map(([name, job]) => ({ name: `${file}: ${name}`, job })),
);

test("no workflow has rights of its own: each job lists what it needs, and has an end", () => {
  // The schema demands it; this is what it was held against.
  assert.deepEqual(files, ["deploy.yml", "drift.yml", "nix-build-sign.yml", "pr.yml", "rebuild.yml"]);
});

test("every action is pinned to the commit in pins.yaml, with its version beside it, and every pin is used", () => {
  const pins = readPins(checkout).actions.map(({ uses, version, commit }) => `${uses}@${commit} # ${version}`);
  const used = files.flatMap((file) =>
    [...textOf(file).matchAll(/^\s*(?:- )?uses: (.+)$/gm)].map(([, uses = ""]) => uses),
  );
  assert.deepEqual([...new Set(used)].toSorted(), pins.toSorted());
});

test("an identity token goes only to the job that signs, to who rebuilds, and to those that a cloud account waits for", () => {
  const holders = jobs.filter(({ job }) => job.permissions["id-token"] === "write").map(({ name }) => name);
  assert.deepEqual(holders, [
    "deploy.yml: plan-staging",
    "deploy.yml: apply-staging",
    "deploy.yml: plan-production",
    "deploy.yml: apply-production",
    "drift.yml: drift",
    "nix-build-sign.yml: publish",
    "rebuild.yml: rebuild",
  ]);
});

test("the job that signs runs in the environment that the policies demand of its certificate", () => {
  for (const stack of ["platform", "staging", "production"]) {
    const document = parse(readFileSync(join(checkout, "stacks", `Pulumi.${stack}.yaml`), "utf8")) as {
      config: Record<string, { signers: { id: string; environment: string; signerWorkflow: { path: string } }[] }>;
    };
    for (const { environment, signerWorkflow } of document.config["neko-trust:policy"]?.signers ?? []) {
      const file = signerWorkflow.path.slice(".github/workflows/".length);
      assert.equal(workflows.get(file)?.jobs["publish"]?.environment, environment, `${stack}: ${file}`);
    }
  }
});

test("a pull request gets no credentials: rights to read, no environment, no secret, no variable, no token", () => {
  const text = textOf("pr.yml");
  assert.deepEqual(Object.keys(workflows.get("pr.yml")?.on ?? {}), ["pull_request", "workflow_dispatch"]);
  for (const { name, job } of jobs.filter(({ name }) => name.startsWith("pr.yml"))) {
    assert.deepEqual(job.permissions, { contents: "read" }, name);
    assert.equal(job.environment, undefined, name);
  }
  assert.doesNotMatch(text, /\b(?:secrets|vars)\.|github\.token|pull_request_target/);
});

test("no checkout leaves its token behind", () => {
  for (const { name, job } of jobs) {
    for (const step of job.steps.filter(({ uses }) => uses?.startsWith("actions/checkout@") === true)) {
      assert.equal(step.with?.["persist-credentials"], false, name);
    }
  }
});

test("a script takes what it is given from the environment: no expression is pasted into one", () => {
  for (const [file, { jobs }] of workflows) {
    for (const [name, { steps }] of Object.entries(jobs)) {
      for (const step of steps) assert.doesNotMatch(step.run ?? "", /\$\{\{/, `${file}: ${name}`);
    }
  }
});
