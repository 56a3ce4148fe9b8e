import { findProgram } from "../adapters/processes/find-program.ts";
import { runBounded } from "../adapters/processes/run-bounded.ts";
import { Failure } from "../core/failure.ts";
import { legible } from "../core/legible.ts";

/** Where a stack's state lies: a bucket with versions, and a key that encrypts its secrets. */
export interface StatePlace {
  readonly stack: string;
  readonly project: string;
  /** Of the bucket and the key: a region. */
  readonly location: string;
  readonly bucket: string;
  readonly keyRing: string;
}

/** One command of a tool that is not ours. */
export interface CommandLine {
  readonly program: "gcloud" | "pulumi";
  readonly args: readonly string[];
  /** Variables that it needs besides the environment's. */
  readonly variables?: Readonly<Record<string, string>>;
  /** What it reads from standard input: a secret, which is neither printed nor seen in a list of processes. */
  readonly input?: string;
}

export interface SetupStep {
  readonly title: string;
  /** Ends well when the step has been done before. */
  readonly check?: CommandLine;
  readonly run: CommandLine;
}

export type StepOutcome = { readonly step: SetupStep } & (
  | { readonly kind: "done" | "already" }
  /** Why: a program is absent, an earlier step failed, or nobody asked for it. */
  | { readonly kind: "not-run"; readonly why: string }
  | { readonly kind: "failed"; readonly why: string }
);

const bucketName = /^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$/;
const plainName = /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/i;

/** Throws STATE_PLACE_INVALID (usage), with every name that can't be one. */
export function assertStatePlace(place: StatePlace): void {
  const faults = [
    ...(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/.test(place.project) ? [] : ["project: 6 to 30 lower-case characters"]),
    ...(plainName.test(place.location) ? [] : ["location: a region, for example europe-west4"]),
    ...(bucketName.test(place.bucket) ? [] : ["bucket: 3 to 63 lower-case letters, digits, dashes and underscores"]),
    ...(plainName.test(place.keyRing) ? [] : ["key ring: letters, digits, dashes and underscores"]),
  ];
  if (faults.length === 0) return;
  throw new Failure({
    code: "STATE_PLACE_INVALID",
    kind: "usage",
    message: "The place for the stack's state can't be called that.",
    remedy: "Give other names.",
    details: faults,
  });
}

/** What makes the place, in order; each step may be done again. */
export function stateSteps(place: StatePlace): SetupStep[] {
  const { stack, project, location, bucket, keyRing } = place;
  const url = `gs://${bucket}`;
  const where = [`--project=${project}`, `--location=${location}`];
  const key = `projects/${project}/locations/${location}/keyRings/${keyRing}/cryptoKeys/${stack}`;
  const gcloud = (...args: readonly string[]): CommandLine => ({ program: "gcloud", args });
  const pulumi = (...args: readonly string[]): CommandLine => ({
    program: "pulumi",
    args: [...args, "--non-interactive"],
    variables: { PULUMI_BACKEND_URL: url },
  });
  return [
    {
      title: `bucket ${url}, closed to the public`,
      check: gcloud("storage", "buckets", "describe", url, `--project=${project}`),
      run: gcloud(
        "storage",
        "buckets",
        "create",
        url,
        ...where,
        "--uniform-bucket-level-access",
        "--public-access-prevention",
      ),
    },
    {
      // An earlier state can be had back only from an earlier version: docs/operations.md.
      title: "earlier versions of the state are kept",
      run: gcloud("storage", "buckets", "update", url, "--versioning"),
    },
    {
      title: `key ring ${keyRing} (it can never be deleted)`,
      check: gcloud("kms", "keyrings", "describe", keyRing, ...where),
      run: gcloud("kms", "keyrings", "create", keyRing, ...where),
    },
    {
      title: `key ${stack}, for the stack's secrets`,
      check: gcloud("kms", "keys", "describe", stack, `--keyring=${keyRing}`, ...where),
      run: gcloud("kms", "keys", "create", stack, `--keyring=${keyRing}`, ...where, "--purpose=encryption"),
    },
    {
      title: `stack ${stack} in the bucket`,
      check: pulumi("stack", "--stack", stack, "--show-name"),
      run: pulumi("stack", "init", stack, `--secrets-provider=gcpkms://${key}`),
    },
    {
      // Every update looks for this object. Who may see only some of a bucket's objects may be told "forbidden" of one that
      // is not there, where others are told "absent": so it has to be there.
      title: `tags of stack ${stack}, an object that CI's identities can read`,
      run: pulumi("stack", "tag", "set", "neko-trust:stack", stack, "--stack", stack),
    },
  ];
}

/** Sets one secret of a stack; without a value it is to be typed in. */
export function secretStep(place: Pick<StatePlace, "stack" | "bucket">, key: string, value?: string): SetupStep {
  return {
    title: `secret ${key}`,
    run: {
      program: "pulumi",
      args: ["config", "set", "--secret", `neko-trust:${key}`, "--stack", place.stack],
      variables: { PULUMI_BACKEND_URL: `gs://${place.bucket}` },
      ...(value === undefined ? {} : { input: value }),
    },
  };
}

export interface RunStepsContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly checkout: string;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

const stepMilliseconds = 180_000;

/** Runs steps in order until one fails or its program is absent; the rest is then not run, as it needs those before. */
export async function runSteps(steps: readonly SetupStep[], context: RunStepsContext): Promise<StepOutcome[]> {
  const outcomes: StepOutcome[] = [];
  let stopped: string | undefined;
  for (const step of steps) {
    const outcome = stopped === undefined ? await runStep(step, context) : ({ kind: "not-run", why: stopped } as const);
    if (outcome.kind === "failed") stopped = "an earlier step failed";
    if (outcome.kind === "not-run") stopped = outcome.why;
    outcomes.push({ step, ...outcome });
  }
  return outcomes;
}

type Outcome = { kind: "done" | "already" } | { kind: "not-run" | "failed"; why: string };

async function runStep(step: SetupStep, context: RunStepsContext): Promise<Outcome> {
  if (findProgram(step.run.program, context.environment) === undefined) {
    return { kind: "not-run", why: `${step.run.program} is not on PATH` };
  }
  if (step.check !== undefined && (await execute(step.check, context)) === undefined) return { kind: "already" };
  context.progress(`  ${step.title} …`);
  const why = await execute(step.run, context);
  return why === undefined ? { kind: "done" } : { kind: "failed", why };
}

/** Undefined when it ended well, else why not, in its own last words. */
async function execute(command: CommandLine, context: RunStepsContext): Promise<string | undefined> {
  const { environment, checkout, signal } = context;
  const program = findProgram(command.program, environment) ?? command.program;
  const ended = await runBounded({
    program,
    args: command.args,
    folder: checkout,
    environment: {
      ...environment,
      ...command.variables,
      CLOUDSDK_CORE_DISABLE_PROMPTS: "1",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    },
    maxOutputBytes: 1024 * 1024,
    signal: AbortSignal.any([signal, AbortSignal.timeout(stepMilliseconds)]),
    ...(command.input === undefined ? {} : { input: command.input }),
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    return { code: null, lastLines: [error instanceof Error ? error.message : String(error)] };
  });
  if (ended.code === 0) return undefined;
  const said = ended.lastLines.find((line) => /^error:|^ERROR:/i.test(line)) ?? ended.lastLines.at(-1);
  return legible(said ?? `it ended with ${String(ended.code)}`);
}

/** The command as a shell takes it. A secret is read from the terminal there: it has no place in a history. */
export function commandText({ program, args, variables }: CommandLine): string {
  const set = Object.entries(variables ?? {}).map(([name, value]) => `${name}=${quoted(value)}`);
  return [...set, program, ...args.filter((arg) => arg !== "--non-interactive").map(quoted)].join(" ");
}

function quoted(text: string): string {
  return /^[A-Za-z0-9_./:=@,+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
