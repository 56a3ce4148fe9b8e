import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { evaluate, interpolate } from "./expression.ts";
import type { Contexts } from "./expression.ts";
import type { RunningJob, WorkflowRunner } from "./run-workflow.ts";

export const texts = z.record(z.string(), z.string());

export const stepSchema = z.strictObject({
  name: z.string().optional(),
  id: z.string().optional(),
  if: z.string().optional(),
  uses: z.string().optional(),
  with: z.record(z.string(), z.union([z.string(), z.boolean(), z.number()])).optional(),
  env: texts.optional(),
  shell: z.literal("bash").optional(),
  run: z.string().optional(),
});
export type Step = z.infer<typeof stepSchema>;

const actionSchema = z.looseObject({
  inputs: z.record(z.string(), z.looseObject({ default: z.string().optional() })).optional(),
  runs: z.strictObject({ using: z.literal("composite"), steps: z.array(stepSchema) }),
});

export interface RanStep {
  readonly job: string;
  readonly step: string;
  /** `ran`: its script was executed; `stubbed`: an action of somebody else, of which only the effect is here. */
  readonly how: "ran" | "stubbed";
}

export interface StepsResult {
  readonly steps: readonly RanStep[];
  readonly outputs: Readonly<Record<string, { readonly outputs: Readonly<Record<string, string>> }>>;
  readonly failed?: { readonly job: string; readonly step: string; readonly output: string };
}

/** Where steps run: in a job, or in an action of this repository that one of its steps uses. */
export interface StepScope {
  readonly runner: WorkflowRunner;
  readonly job: RunningJob;
  /** The job's name with its matrix. */
  readonly label: string;
  readonly contexts: Contexts;
  /** What workflow and job set. */
  readonly env: Readonly<Record<string, string>>;
  /** A folder for files that GitHub would give a step. */
  readonly files: string;
}

/**
 * Runs steps in order, each script by bash with -e and pipefail as GitHub does, until one fails. Actions of this repository
 * are run as the job's checkout has them, those of others are stubbed.
 */
export async function runSteps(steps: readonly Step[], scope: StepScope): Promise<StepsResult> {
  const { runner, job, label } = scope;
  const outputs: Record<string, { outputs: Record<string, string> }> = {};
  const ran: RanStep[] = [];
  for (const [position, step] of steps.entries()) {
    const contexts: Contexts = { ...scope.contexts, env: scope.env, steps: outputs };
    const value = (text: string): string => interpolate(text, contexts);
    const title = step.name ?? step.uses ?? `step ${position + 1}`;
    if (step.if !== undefined && evaluate(step.if, contexts) !== "true") continue;
    const given = mapped(step.with ?? {}, (one) => value(String(one)));
    const files = join(scope.files, String(position));
    mkdirSync(files, { recursive: true });
    if (step.uses?.startsWith("./") === true) {
      const action = actionSchema.parse(parse(readFileSync(join(job.workspace, step.uses, "action.yml"), "utf8")));
      const inputs = { ...mapped(action.inputs ?? {}, (input) => value(input.default ?? "")), ...given };
      const undeclared = Object.keys(given).find((name) => action.inputs?.[name] === undefined);
      if (undeclared !== undefined) throw new Error(`${step.uses} has no input ${undeclared}`);
      const within = { github: runner.github, inputs };
      const done = await runSteps(action.runs.steps, { ...scope, contexts: within, files });
      ran.push(...done.steps);
      if (done.failed !== undefined) return { steps: ran, outputs, failed: done.failed };
      continue;
    }
    if (step.uses !== undefined) {
      stub(step.uses, given, job, runner);
      ran.push({ job: label, step: title, how: "stubbed" });
      continue;
    }
    const output = join(files, "output");
    writeFileSync(output, "");
    const environment = {
      ...runner.environmentOf(job),
      ...scope.env,
      ...mapped(step.env ?? {}, value),
      ...{ GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: join(files, "summary"), GITHUB_PATH: join(files, "path") },
    };
    const script = join(files, "script.sh");
    writeFileSync(script, step.run ?? "");
    const done = await execute(runner.shell(script), job.workspace, environment);
    if (done.code !== 0) return { steps: ran, outputs, failed: { job: label, step: title, output: done.output } };
    ran.push({ job: label, step: title, how: "ran" });
    if (step.id !== undefined) outputs[step.id] = { outputs: outputsIn(output) };
  }
  return { steps: ran, outputs };
}

function outputsIn(file: string): Record<string, string> {
  const lines = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

export function mapped<T>(record: Readonly<Record<string, T>>, change: (value: T) => string): Record<string, string> {
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
  if (action === "actions/download-artifact") download(shelf, given, workspace);
}

/** One artifact by its name; or those of a pattern, each in a folder of its own unless they are to be merged. */
function download(shelf: string, given: Readonly<Record<string, string>>, workspace: string): void {
  const { name, pattern = "" } = given;
  if (name !== undefined && !existsSync(join(shelf, name))) throw new Error(`there is no artifact ${name}`);
  const prefix = pattern.slice(0, pattern.indexOf("*"));
  const names = name === undefined ? readdirSync(shelf).filter((one) => one.startsWith(prefix)) : [name];
  const target = join(workspace, given["path"] ?? ".");
  for (const one of names) {
    const own = name === undefined && given["merge-multiple"] !== "true";
    cpSync(join(shelf, one), own ? join(target, one) : target, { recursive: true });
  }
}

/** Runs a program to its end. Never by waiting in one piece: what the registry logs has to be read meanwhile. */
export function execute(
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
