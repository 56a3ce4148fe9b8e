import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { z } from "zod";
import { readPins } from "../../src/config/read-pins.ts";
import { checkout } from "../support/engine/engine-under-test.ts";
import { deliveredStacks, skipOwn } from "../support/own-stacks.ts";

const permissions = z.record(z.string(), z.enum(["read", "write", "none"]));
const workflowSchema = z.looseObject({
  on: z.record(z.string(), z.unknown()),
  permissions: z.strictObject({}),
  jobs: z.record(
    z.string(),
    z.looseObject({
      permissions,
      environment: z.string().optional(),
      if: z.string().optional(),
      needs: z.union([z.string(), z.array(z.string())]).optional(),
      "timeout-minutes": z.int(),
      strategy: z
        .looseObject({ matrix: z.looseObject({ include: z.array(z.looseObject({ name: z.string() })).optional() }) })
        .optional(),
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
const actions = readdirSync(join(checkout, ".github", "actions")).map((name) => `actions/${name}/action.yml`);
const textOfAction = (file: string): string => readFileSync(join(checkout, ".github", file), "utf8");
const releaseWorkflow = workflowSchema.parse(parse(textOf("nix-build-sign.yml")));
const jobs = [...workflows].flatMap(([file, { jobs }]) =>
  Object.entries(jobs).map(([name, job]) => ({ name: `${file}: ${name}`, job })),
);

test("no workflow has rights of its own: each job lists what it needs, and has an end", () => {
  // The schema demands it; this is what it was held against.
  assert.deepEqual(files, ["deploy.yml", "drift.yml", "nix-build-sign.yml", "pr.yml", "rebuild.yml"]);
});

test("every action is pinned to the commit in pins.yaml, with its version beside it, and every pin is used", () => {
  const pins = readPins(checkout).actions.map(({ uses, version, commit }) => `${uses}@${commit} # ${version}`);
  const used = [...files.map(textOf), ...actions.map(textOfAction)].flatMap((text) =>
    [...text.matchAll(/^\s*(?:- )?uses: (.+)$/gm)].map(([, uses = ""]) => uses),
  );
  const own = actions.map((file) => `./.github/${file.replace("/action.yml", "")}`);
  assert.deepEqual([...new Set(used)].toSorted(), [...pins, ...own].toSorted());
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
    "nix-build-sign.yml: publish-signer",
    "rebuild.yml: rebuild",
  ]);
});

interface PolicyWithSigners {
  readonly signers: readonly { readonly environment: string; readonly signerWorkflow: { readonly path: string } }[];
}

for (const stack of deliveredStacks) {
  const skip = skipOwn([stack], "the release workflow verifies what it signed under its policies");
  test(`a job that signs runs in the environment that ${stack} demands of its certificate`, { skip }, () => {
    const document = parse(readFileSync(join(checkout, "stacks", `Pulumi.${stack}.yaml`), "utf8")) as {
      config: {
        readonly "neko-trust:policy"?: PolicyWithSigners;
        readonly "neko-trust:signerRelease"?: { readonly policy: PolicyWithSigners };
      };
    };
    const { "neko-trust:policy": own, "neko-trust:signerRelease": signer } = document.config;
    for (const [job, policy] of [
      ["publish", own],
      ["publish-signer", signer?.policy],
    ] as const) {
      for (const { environment, signerWorkflow } of policy?.signers ?? []) {
        const file = signerWorkflow.path.slice(".github/workflows/".length);
        assert.equal(workflows.get(file)?.jobs[job]?.environment, environment, file);
      }
    }
  });
}

test("only a tag releases a signer, and nothing gets a tag unless every image is proven", () => {
  const released = releaseWorkflow.jobs;
  for (const name of ["build", "build-signer"]) assert.equal(released[name]?.needs, "check", name);
  assert.equal(released["reproduce"]?.needs, "build");
  assert.deepEqual(released["publish"]?.needs, ["build", "reproduce"]);
  assert.equal(released["verify"]?.needs, "publish");
  for (const name of ["build-signer", "tag"]) assert.equal(released[name]?.if, "github.ref_type == 'tag'", name);
  assert.deepEqual(released["reproduce-signer"]?.needs, "build-signer");
  assert.deepEqual(released["publish-signer"]?.needs, ["build-signer", "reproduce-signer"]);
  assert.deepEqual(released["verify-signer"]?.needs, "publish-signer");
  assert.deepEqual(released["tag"]?.needs, ["check", "publish", "verify", "publish-signer", "verify-signer"]);
});

test("a change of what stacks run, or of text, releases nothing: a merged proposal would bring the next one", () => {
  const { push } = releaseWorkflow.on as { push: Readonly<Record<string, readonly string[]>> };
  assert.deepEqual(push["branches"], ["master"]);
  assert.deepEqual(push["tags"], ["v*"]);
  for (const path of ["stacks/**", "kubeconfigs/**", "docs/**", "**.md"])
    assert.ok(push["paths-ignore"]?.includes(path), path);
});

for (const stack of ["staging", "production"]) {
  const skip = skipOwn([stack], "it may run fewer images, or others");
  test(`every image of the policy of ${stack} is built, reproduced, published and verified`, { skip }, () => {
    const matrixOf = (job: string): string[] => {
      const included = releaseWorkflow.jobs[job]?.strategy?.matrix.include ?? [];
      return [...new Set(included.map(({ name }) => name))];
    };
    const { config } = parse(readFileSync(join(checkout, "stacks", `Pulumi.${stack}.yaml`), "utf8")) as {
      config: { readonly "neko-trust:policy": { readonly images: readonly { readonly repository: string }[] } };
    };
    const names = config["neko-trust:policy"].images.map(({ repository }) => repository.split("/").at(-1));
    for (const job of ["build", "reproduce", "publish", "verify"]) assert.deepEqual(matrixOf(job), names, job);
  });
}

test("a pull request gets no credentials: rights to read, no environment, no secret, no variable, no token", () => {
  const text = textOf("pr.yml");
  assert.deepEqual(Object.keys(workflows.get("pr.yml")?.on ?? {}), ["pull_request", "workflow_dispatch"]);
  for (const { name, job } of jobs.filter(({ name }) => name.startsWith("pr.yml"))) {
    assert.deepEqual(job.permissions, { contents: "read" }, name);
    assert.equal(job.environment, undefined, name);
  }
  assert.doesNotMatch(text, /\b(?:secrets|vars)\.|github\.token|pull_request_target/);
  // Nor by the actions of this repository that it uses.
  for (const [, file = ""] of text.matchAll(/uses: \.\/\.github\/(.+)/g)) {
    assert.doesNotMatch(textOfAction(`${file}/action.yml`), /github\.token|inputs\./, file);
  }
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
  for (const file of actions) {
    const { runs } = parse(textOfAction(file)) as { runs: { steps: { run?: string }[] } };
    for (const step of runs.steps) assert.doesNotMatch(step.run ?? "", /\$\{\{/, file);
  }
});
