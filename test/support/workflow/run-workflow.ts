import { mkdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { evaluate, interpolate } from "./expression.ts";
import type { Contexts } from "./expression.ts";
import { mapped, runSteps, stepSchema, texts } from "./run-steps.ts";
import type { RanStep, StepsResult } from "./run-steps.ts";

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
  /** What the workflow's own `env` would be elsewhere, for example the images' registry. */
  readonly env: Readonly<Record<string, string>>;
  /** A folder of the run's, for artifacts and jobs. */
  readonly folder: string;
  /** The environment of a job's processes: PATH, HOME, GITHUB_*. */
  readonly environmentOf: (job: RunningJob) => Readonly<Record<string, string>>;
  /** Puts the commit that the run is about into a folder: what actions/checkout does. */
  readonly checkOut: (folder: string) => void;
  /** The only jobs to run, when not all are: what needs another one is skipped. */
  readonly only: readonly string[] | undefined;
  /** Jobs without outputs that are taken for done. */
  readonly assumed: readonly string[];
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

export interface WorkflowResult {
  readonly steps: readonly RanStep[];
  /** The step that failed, with what it printed; jobs that need its job were not run. */
  readonly failed?: NonNullable<StepsResult["failed"]>;
  /** Jobs whose condition did not hold, or that need one of those. */
  readonly skipped: readonly string[];
}

/** Runs a workflow's jobs in order, until a step fails. */
export async function runWorkflow(file: string, runner: WorkflowRunner): Promise<WorkflowResult> {
  const workflow = workflowSchema.parse(parse(readFileSync(file, "utf8")));
  const steps: RanStep[] = [];
  const skipped: string[] = [];
  const needs: Record<string, { outputs: Record<string, string> }> = {};
  for (const [name, job] of Object.entries(workflow.jobs)) {
    const contexts = { github: runner.github, vars: runner.vars, needs, inputs: {} };
    const env = { ...mapped(workflow.env ?? {}, (value) => interpolate(value, contexts)), ...runner.env };
    const isWanted = runner.only?.includes(name) ?? true;
    const needsSkipped = [job.needs ?? []].flat().some((needed) => skipped.includes(needed));
    if (!isWanted || needsSkipped || (job.if !== undefined && evaluate(job.if, contexts) !== "true")) {
      skipped.push(name);
      continue;
    }
    const outputs: Record<string, string> = {};
    needs[name] = { outputs };
    if (runner.assumed.includes(name)) continue;
    for (const include of job.strategy?.matrix.include ?? [{}]) {
      const done = await runJob(name, job, { runner, contexts, include, env });
      steps.push(...done.steps);
      if (done.failed !== undefined) return { steps, failed: done.failed, skipped };
      // As GitHub puts a matrix's together: an empty one takes nothing away.
      for (const [key, value] of Object.entries(done.outputs)) if (value !== "") outputs[key] = value;
    }
  }
  return { steps, skipped };
}

interface JobScope {
  readonly runner: WorkflowRunner;
  readonly contexts: Contexts;
  /** The matrix's entry. */
  readonly include: Readonly<Record<string, string>>;
  /** What the workflow sets. */
  readonly env: Readonly<Record<string, string>>;
}

async function runJob(
  name: string,
  job: Job,
  { runner, contexts: outside, include, env }: JobScope,
): Promise<Omit<StepsResult, "outputs"> & { readonly outputs: Readonly<Record<string, string>> }> {
  const matrix = mapped(include, (value) => interpolate(value, outside));
  const label = [name, matrix["name"], matrix["arch"]].filter((part) => part !== undefined).join("-");
  const workspace = join(runner.folder, "jobs", label, basename(runner.github.repository));
  mkdirSync(workspace, { recursive: true });
  const contexts = { ...outside, matrix };
  const value = (text: string): string => interpolate(text, contexts);
  const done = await runSteps(job.steps, {
    runner,
    job: { name, matrix, environment: job.environment, permissions: job.permissions, workspace },
    label,
    contexts,
    env: { ...env, ...mapped(job.env ?? {}, value) },
    files: join(runner.folder, "files", label),
  });
  const within = { ...contexts, steps: done.outputs };
  return { ...done, outputs: mapped(job.outputs ?? {}, (text) => interpolate(text, within)) };
}
