import { placeholderPath } from "../../config/placeholders.ts";
import { neededSecrets } from "../../config/needed-secrets.ts";
import { stackDocuments } from "../../config/singletons.ts";
import type { StackConfig } from "../../config/stack-config.ts";
import { Failure, reasonOf } from "../../core/failure.ts";
import { isRecord } from "../../core/is-record.ts";
import { openStackFile, writeStackFile } from "../../operations/edit-stack-file.ts";
import type { OpenStackFile } from "../../operations/edit-stack-file.ts";
import { fillPlaceholders, placeholderQuestions, suggestedAnswer } from "../../operations/fill-placeholders.ts";
import type { PlaceholderAnswer } from "../../operations/fill-placeholders.ts";
import { assertStatePlace, commandText, runSteps, secretStep, stateSteps } from "../../operations/prepare-state.ts";
import type { SetupStep, StatePlace, StepOutcome } from "../../operations/prepare-state.ts";
import { readDocumentFile } from "../../operations/read-file.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { terminalQuestions } from "../questions.ts";
import type { Questions } from "../questions.ts";

export interface InitOptions {
  readonly stack: string;
  readonly set: readonly string[];
  readonly project?: string;
  readonly location?: string;
  readonly bucket?: string;
  readonly keyRing: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** The action of `init`; `questions` asks somebody else than the terminal. */
export async function initAction(
  options: InitOptions,
  context: CommandContext,
  questions: Questions | undefined = options.json === true ? undefined : terminalQuestions(context.signal),
): Promise<Outcome> {
  const { stack } = options;
  if (stack === "local") throw localNeedsNothing();
  try {
    const { directories } = context;
    const open = openStackFile(stack, directories);
    const answers = await askPlaceholders(open, readSettings(options.set), context, questions);
    const edited = fillPlaceholders(open, answers, directories);
    const written = options.dryRun !== true && edited.text !== open.text;
    if (written) writeStackFile(open, edited);
    const left = placeholderQuestions(edited.config).flatMap(({ places }) => places);
    const place = await placeOf(options, { ...open, config: edited.config }, directories.checkout, questions);
    const outcomes = place === undefined ? [] : await setUp(place, open, options, context, questions);
    const failed = outcomes.some(({ kind }) => kind === "failed");
    const absent = outcomes.some((outcome) => outcome.kind === "not-run" && outcome.why.includes("not on PATH"));
    const incomplete = left.length > 0 || place === undefined;
    return {
      exitCode: incomplete ? exitCodes.usage : failed || absent ? exitCodes.unavailable : exitCodes.done,
      lines: [
        ...answers.map(({ path, value }) => `✓ ${path}: ${value}`),
        ...(written ? [`${open.file} was written: review it with git diff ${open.file}, and commit it.`] : []),
        ...left.map((found) => `✗ ${placeholderPath(found)}: ${found.value} is a placeholder; ${found.description}`),
        ...(left.length > 0 ? [`to do: set each in ${open.file}, or run again with --set <path>=<value>.`] : []),
        ...(place === undefined ? ["✗ no project and location for the state: give --project and --location."] : []),
        ...outcomes.flatMap(outcomeLines),
        ...(place === undefined ? [] : closing(place)),
      ],
      document: {
        ok: !incomplete && !failed && !absent,
        stack,
        written,
        answers,
        left: left.map(({ path, value, description }) => ({ path: path.join("."), value, description })),
        steps: outcomes.map(({ step, ...outcome }) => ({
          title: step.title,
          command: commandText(step.run),
          ...outcome,
        })),
      },
    };
  } finally {
    questions?.close();
  }
}

function localNeedsNothing(): Failure {
  return new Failure({
    code: "INIT_LOCAL",
    kind: "usage",
    message: "Stack local is whole as it is: its state, secrets and releases are the lab's.",
    remedy: "Name another stack, or run: make up",
  });
}

/** `path=value`; the value may have further equal signs. */
function readSettings(given: readonly string[]): PlaceholderAnswer[] {
  return given.map((text) => {
    const at = text.indexOf("=");
    if (at > 0 && at < text.length - 1) return { path: text.slice(0, at), value: text.slice(at + 1) };
    throw new Failure({
      code: "SETTING_INVALID",
      kind: "usage",
      message: `--set takes path=value, not ${JSON.stringify(text.slice(0, 80))}.`,
      remedy: "Write for example: --set githubOwner=acme",
    });
  });
}

/** The answers that were given, those that follow from them, and those that somebody on the terminal gives. */
async function askPlaceholders(
  open: OpenStackFile,
  given: readonly PlaceholderAnswer[],
  context: CommandContext,
  questions: Questions | undefined,
): Promise<PlaceholderAnswer[]> {
  const answers = [...given];
  // Throws for a path that has no placeholder, and for a value that the schema does not allow.
  fillPlaceholders(open, answers, context.directories);
  const answered = new Map<string, string>();
  for (const question of placeholderQuestions(open.config)) {
    const paths = question.places.map(placeholderPath);
    const known = answers.find(({ path }) => paths.includes(path));
    const [first = ""] = paths;
    const value =
      known?.value ??
      (await answerFor(open, answers, question, suggestedAnswer(question, answered), context, questions));
    if (value === undefined) continue;
    if (known === undefined) answers.push({ path: first, value });
    answered.set(question.places[0]?.value ?? "", value);
  }
  return answers;
}

async function answerFor(
  open: OpenStackFile,
  answers: readonly PlaceholderAnswer[],
  { places, description }: ReturnType<typeof placeholderQuestions>[number],
  suggestion: string | undefined,
  context: CommandContext,
  questions: Questions | undefined,
): Promise<string | undefined> {
  if (questions === undefined) return suggestion;
  const [path = ""] = places.map(placeholderPath);
  const more = places.length === 1 ? "" : ` (and ${places.length - 1} more)`;
  for (;;) {
    const offered = suggestion === undefined ? "empty to leave it" : `empty for ${suggestion}`;
    const typed = await questions.ask(`${path}${more}: ${description}\n  [${offered}] `);
    const value = typed === "" ? suggestion : typed;
    if (value === undefined) return undefined;
    try {
      fillPlaceholders(open, [...answers, { path, value }], context.directories);
      return value;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      context.progress(`  not that: ${[error.message, ...error.details].join(" ")}`);
      if (typed === "") return undefined;
    }
  }
}

async function placeOf(
  options: InitOptions,
  { config }: OpenStackFile,
  checkout: string,
  questions: Questions | undefined,
): Promise<StatePlace | undefined> {
  const ask = async (text: string): Promise<string | undefined> => {
    const answer = await questions?.ask(text);
    return answer === "" ? undefined : answer;
  };
  const own = (value: string | undefined): string | undefined =>
    value?.includes("placeholder") === true ? undefined : value;
  const project = options.project ?? own(config.gcp?.project) ?? (await ask("Google Cloud project for the state: "));
  const location = options.location ?? own(config.gcp?.region) ?? (await ask("its region, as europe-west4: "));
  if (project === undefined || location === undefined) return undefined;
  // One bucket for all, beside the platform's: each stack's identities are held to its own objects (CiSecrets).
  const bucket = options.bucket ?? `${own(platformProject(config, checkout)) ?? project}-neko-trust-state`;
  const place = { stack: options.stack, project, location, bucket, keyRing: options.keyRing };
  assertStatePlace(place);
  return place;
}

/** The project of the stack that publishes what was approved for this one, where this checkout has its file. */
function platformProject({ approvals }: StackConfig, checkout: string): string | undefined {
  if (approvals === undefined) return undefined;
  for (const { ciSecrets, gcp } of stackDocuments(checkout).values()) {
    const published = valueAt(ciSecrets, "workloadIdentity", "approvals", "bucket");
    if (published !== approvals.bucket) continue;
    const project = valueAt(gcp, "project");
    if (typeof project === "string") return project;
  }
  return undefined;
}

function valueAt(document: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce((part, key) => (isRecord(part) && Object.hasOwn(part, key) ? part[key] : undefined), document);
}

async function setUp(
  place: StatePlace,
  open: OpenStackFile,
  options: InitOptions,
  context: CommandContext,
  questions: Questions | undefined,
): Promise<StepOutcome[]> {
  const steps = stateSteps(place);
  const notRun = (list: readonly SetupStep[], why: string): StepOutcome[] =>
    list.map((step) => ({ step, kind: "not-run", why }));
  const unset = neededSecrets(open.config).filter(({ key }) => !open.text.includes(`neko-trust:${key}:`));
  const typed = unset.map(({ key }) => secretStep(place, key));
  if (options.dryRun === true) return notRun([...steps, ...typed], "--dry-run");
  if (options.yes !== true) {
    for (const { run } of steps) context.progress(`  ${commandText(run)}`);
    const answer = await questions?.ask("Run these now? [y/N] ");
    if (answer === undefined || !/^y(?:es)?$/i.test(answer)) {
      return notRun([...steps, ...typed], "not confirmed (--yes runs them)");
    }
  }
  const secrets: SetupStep[] = [];
  const later: SetupStep[] = [];
  for (const { key, description } of unset) {
    const asked = `secret ${key}: ${description}\n  (not shown; @path for a file's content; empty to set it later) `;
    const value = await questions?.ask(asked, { hidden: true });
    if (value === undefined || value === "") later.push(secretStep(place, key));
    else secrets.push(secretStep(place, key, value.startsWith("@") ? fileContent(value.slice(1)) : value));
  }
  const { directories, environment, signal, progress } = context;
  const ran = await runSteps([...steps, ...secrets], { environment, checkout: directories.checkout, signal, progress });
  return [...ran, ...notRun(later, "its value was not given")];
}

/** What does not fit a line, as a key. */
function fileContent(path: string): string {
  try {
    return Buffer.from(readDocumentFile(path)).toString("utf8");
  } catch (error) {
    throw new Failure(
      {
        code: "SECRET_FILE_UNREADABLE",
        kind: "usage",
        message: `${path} can't be read: ${reasonOf(error)}.`,
        remedy: "Name a file that you may read, and run the same command again: what was done is not done twice.",
      },
      { cause: error },
    );
  }
}

function outcomeLines(outcome: StepOutcome): string[] {
  const { step, kind } = outcome;
  const command = `    ${commandText(step.run)}`;
  switch (kind) {
    case "done":
      return [`✓ ${step.title}`];
    case "already":
      return [`✓ ${step.title}: there already`];
    case "not-run":
      return [`○ ${step.title}: not run, ${outcome.why}`, command];
    case "failed":
      return [`✗ ${step.title}: ${outcome.why}`, command];
  }
}

function closing({ bucket, stack }: StatePlace): string[] {
  return [
    `to do: in each shell (and in CI) that changes the stack: export PULUMI_BACKEND_URL=gs://${bucket}`,
    `then: make doctor STACK=${stack}, and pulumi preview --stack ${stack}`,
  ];
}
