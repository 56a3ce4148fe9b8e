import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { evaluate, interpolate } from "./expression.ts";
import type { Contexts } from "./expression.ts";

const texts = z.record(z.string(), z.string());
const stepSchema = z.strictObject({
  name: z.string().optional(),
  id: z.string().optional(),
  uses: z.string().optional(),
  with: z.record(z.string(), z.union([z.string(), z.boolean(), z.number()])).optional(),
  env: texts.optional(),
  run: z.string().optional(),
});
const jobSchema = z.looseObject({
  if: z.string().optional(),
  needs: z.union([z.string(), z.array(z.string())]).optional(),
  environment: z.string().optional(),
  env: texts.optional(),
  outputs: texts.optional(),
  strategy: z.looseObject({ matrix: z.strictObject({ include: z.array(texts) }) }).optional(),
  permissions: texts,
  steps: z.array(stepSchema),
});
const workflowSchema = z.looseObject({ env: texts.optional(), jobs: z.record(z.string(), jobSchema) });
type Job = z.infer<typeof jobSchema>;

/** What stands in for GitHub: the run's facts, and where its jobs work. */
export interface WorkflowRunner {
  /** `github.*`. */
  readonly github: Contexts & { readonly token: string; readonly repository: string };
  /** `vars.*` */
  readonly vars: Readonly<Record<string, string>>;
  /** What the workflow's own `env` would be elsewhere, for example the image's registry. */
  readonly env: Readonly<Record<string, string>>;
  /** A folder of the runner's, for artifacts and jobs. */
  readonly folder: string;
  /** The environment of a job's processes: PATH, HOME, GITHUB_*. */
  readonly environmentOf: (job: RunningJob) => Readonly<Record<string, string>>;
  /** Puts the commit that the run is about into a folder: what actions/checkout does. */
  readonly checkOut: (folder: string) => void;
  /** The only jobs to run, when not all are: what needs another one is skipped. */
  readonly only?: readonly string[];
  /** The program and arguments that run a script: bash, perhaps in a namespace of its own. */
  readonly shell: (script: string) => readonly [program: string, ...args: string[]];
}

export interface RunningJob {
  readonly name: string;
  readonly matrix: Readonly<Record<string, string>>;
  readonly environment: string | undefined;
  readonly permissions: Readonly<Record<string, string>>;
  /** Where its steps work. */
  readonly workspace: string;
}

export interface RanStep {
  readonly job: string;
  readonly step: string;
  /** `ran`: its script was executed; `stubbed`: an action, of which only the effect is here. */
  readonly how: "ran" | "stubbed";
}

export interface WorkflowResult {
  readonly steps: readonly RanStep[];
  /** The step that failed, with what it printed; jobs that need its job were not run. */
  readonly failed?: { readonly job: string; readonly step: string; readonly output: string };
  /** Jobs whose condition did not hold, or that need one of those. */
  readonly skipped: readonly string[];
}

/**
 * Runs a workflow's jobs in order, each step's script by bash with -e and pipefail as GitHub does, until one fails.
 * Actions are stubbed: a checkout gives the commit, artifacts go through a folder, anything else has no effect.
 */
export async function runWorkflow(file: string, runner: WorkflowRunner): Promise<WorkflowResult> {
  const workflow = workflowSchema.parse(parse(readFileSync(file, "utf8")));
  const steps: RanStep[] = [];
  const skipped: string[] = [];
  const needs: Record<string, { outputs: Record<string, string> }> = {};
  for (const [name, job] of Object.entries(workflow.jobs)) {
    const contexts = { github: runner.github, vars: runner.vars, needs, inputs: {} };
    const isWanted = runner.only?.includes(name) ?? true;
    const needsSkipped = [job.needs ?? []].flat().some((needed) => skipped.includes(needed));
    if (!isWanted || needsSkipped || (job.if !== undefined && evaluate(job.if, contexts) !== "true")) {
      skipped.push(name);
      continue;
    }
    const outputs: Record<string, string> = {};
    for (const include of job.strategy?.matrix.include ?? [{}]) {
      const matrix = mapped(include, (value) => interpolate(value, contexts));
      const label = [name, ...(matrix["arch"] === undefined ? [] : [matrix["arch"]])].join("-");
      const workspace = join(runner.folder, "jobs", label, basename(runner.github.repository));
      mkdirSync(workspace, { recursive: true });
      const { environment, permissions } = job;
      const running: RunningJob = { name, matrix, environment, permissions, workspace };
      const done = await runJob(job, running, { ...contexts, matrix }, workflow.env ?? {}, runner, label);
      steps.push(...done.steps);
      if (done.failed !== undefined) return { steps, failed: done.failed, skipped };
      for (const [key, value] of Object.entries(done.outputs)) if (value !== "") outputs[key] = value;
    }
    needs[name] = { outputs };
  }
  return { steps, skipped };
}

async function runJob(
  job: Job,
  running: RunningJob,
  contexts: Contexts,
  workflowEnv: Readonly<Record<string, string>>,
  runner: WorkflowRunner,
  label: string,
): Promise<WorkflowResult & { readonly outputs: Readonly<Record<string, string>> }> {
  const stepOutputs: Record<string, { outputs: Record<string, string> }> = {};
  const steps: RanStep[] = [];
  const files = join(runner.folder, "files", label);
  mkdirSync(files, { recursive: true });
  for (const [position, step] of job.steps.entries()) {
    const known: Contexts = { ...contexts, steps: stepOutputs };
    const title = step.name ?? step.uses ?? `step ${position + 1}`;
    if (step.uses !== undefined) {
      stub(
        step.uses,
        mapped(step.with ?? {}, (value) => interpolate(String(value), known)),
        running,
        runner,
      );
      steps.push({ job: label, step: title, how: "stubbed" });
      continue;
    }
    const output = join(files, `output-${position}`);
    writeFileSync(output, "");
    const own = mapped({ ...workflowEnv, ...job.env, ...step.env }, (value) => interpolate(value, known));
    const environment = {
      ...runner.environmentOf(running),
      ...own,
      ...runner.env,
      ...{ GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: join(files, "summary"), GITHUB_PATH: join(files, "path") },
    };
    const script = join(files, `script-${position}.sh`);
    writeFileSync(script, step.run ?? "");
    const ran = await execute(runner.shell(script), running.workspace, environment);
    if (ran.code !== 0)
      return { steps, skipped: [], outputs: {}, failed: { job: label, step: title, output: ran.output } };
    steps.push({ job: label, step: title, how: "ran" });
    if (step.id !== undefined) stepOutputs[step.id] = { outputs: outputsIn(output) };
  }
  const outputs = mapped(job.outputs ?? {}, (value) => interpolate(value, { ...contexts, steps: stepOutputs }));
  return { steps, skipped: [], outputs };
}

function outputsIn(file: string): Record<string, string> {
  const lines = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

function mapped<T>(record: Readonly<Record<string, T>>, change: (value: T) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

function stub(
  uses: string,
  given: Readonly<Record<string, string>>,
  { workspace }: RunningJob,
  { folder, checkOut }: WorkflowRunner,
): void {
  const [action = ""] = uses.split("@");
  const shelf = join(folder, "artifacts");
  if (action === "actions/checkout") checkOut(workspace);
  if (action === "actions/upload-artifact") {
    for (const path of (given["path"] ?? "").split("\n").filter((line) => line !== "")) {
      const target = join(shelf, given["name"] ?? "", path);
      mkdirSync(dirname(target), { recursive: true });
      cpSync(join(workspace, path), target);
    }
  }
  if (action === "actions/download-artifact") {
    const names = given["name"] === undefined ? ["release-amd64", "release-arm64"] : [given["name"]];
    for (const name of names.filter((one) => existsSync(join(shelf, one)))) {
      cpSync(join(shelf, name), join(workspace, given["path"] ?? "."), { recursive: true });
    }
  }
}

function execute(
  [program, ...args]: readonly [string, ...string[]],
  folder: string,
  environment: Readonly<Record<string, string>>,
): Promise<{ code: number; output: string }> {
  const child = spawn(program, args, { cwd: folder, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      resolve({ code: code ?? 1, output });
    });
  });
}
