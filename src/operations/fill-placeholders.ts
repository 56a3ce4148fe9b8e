import type { Directories } from "../adapters/directories/directories.ts";
import { findPlaceholders, isPlaceholderText, placeholderPath, standsForNothing } from "../config/placeholders.ts";
import type { Placeholder } from "../config/placeholders.ts";
import { projectName } from "../config/read-config.ts";
import type { StackConfig } from "../config/stack-config.ts";
import { Failure } from "../core/failure.ts";
import type { YamlChange } from "../core/yaml/edit-yaml.ts";
import { editStackFile } from "./edit-stack-file.ts";
import type { EditedStackFile, OpenStackFile } from "./edit-stack-file.ts";

/** One thing to ask for: a placeholder text stands for the same at every place; an id or digest of zeros does not. */
export interface PlaceholderQuestion {
  readonly places: readonly Placeholder[];
  readonly description: string;
}

/** An answer, by the dotted path of one of the places. */
export interface PlaceholderAnswer {
  readonly path: string;
  readonly value: string;
}

/** What has to be asked: in the schema's order, but what another one is part of comes after it. */
export function placeholderQuestions(config: StackConfig): PlaceholderQuestion[] {
  const questions = new Map<string, Placeholder[]>();
  for (const found of findPlaceholders(config)) {
    const key = hasOneAnswer(found) ? found.value : placeholderPath(found);
    questions.set(key, [...(questions.get(key) ?? []), found]);
  }
  const found = [...questions.values()].map((places) => ({ places, value: places[0]?.value ?? "" }));
  const texts = found.map(({ value }) => value).filter((value) => value.includes("placeholder"));
  const entries = found.map(({ places, value }) => ({
    later: texts.some((text) => text !== value && value.includes(text)),
    question: { places, description: places[0]?.description ?? "" },
  }));
  return [...entries.filter(({ later }) => !later), ...entries.filter(({ later }) => later)].map(
    ({ question }) => question,
  );
}

/** Whether a placeholder stands for the same wherever its text is. */
function hasOneAnswer({ value }: Placeholder): boolean {
  return value.includes("placeholder") && !standsForNothing(value);
}

/**
 * What a question's answer would be if it only differs by what was answered already: with `placeholder-project` known,
 * `placeholder-project-state` is no secret. Undefined where a placeholder would be left in it, zeros and addresses of nobody
 * too.
 */
export function suggestedAnswer(
  { places }: PlaceholderQuestion,
  answered: ReadonlyMap<string, string>,
): string | undefined {
  const value = places[0]?.value ?? "";
  if (!value.includes("placeholder")) return undefined;
  // The longest first: placeholder-project is part of placeholder-project-state.
  const known = [...answered]
    .filter(([old]) => old.includes("placeholder") && !standsForNothing(old))
    .sort(([a], [b]) => b.length - a.length);
  const text = known.reduce((changed, [old, given]) => changed.replaceAll(old, given), value);
  return isPlaceholderText(text) ? undefined : text;
}

/**
 * The file with the answers in it, not written yet: comments and everything else stay. Throws PLACEHOLDER_UNKNOWN
 * (usage) for a path that has none, FILE_NOT_EDITABLE, or CONFIG_INVALID where an answer is not what the schema allows.
 */
export function fillPlaceholders(
  open: OpenStackFile,
  answers: readonly PlaceholderAnswer[],
  directories: Directories,
): EditedStackFile {
  const questions = placeholderQuestions(open.config);
  const changes = answers.flatMap(({ path, value }): YamlChange[] => {
    const question = questions.find(({ places }) => places.some((place) => placeholderPath(place) === path));
    if (question === undefined) throw unknownPlaceholder(open, path, questions);
    return question.places.map((place) => ({
      kind: "set",
      path: inFile(place.path),
      value: typed(open, place, value),
    }));
  });
  return editStackFile(open, changes, directories);
}

/** Where a path of the configuration stands in the stack's file. */
export function inFile([first, ...rest]: readonly (string | number)[]): (string | number)[] {
  return ["config", `${projectName}:${String(first)}`, ...rest];
}

/** A number where the placeholder is one: an id in the form that the schema has. */
function typed({ config }: OpenStackFile, { path }: Placeholder, value: string): string | number {
  const before = path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null ? (at as Readonly<Record<string | number, unknown>>)[key] : at),
    config,
  );
  return typeof before === "number" && /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
}

function unknownPlaceholder({ file }: OpenStackFile, path: string, questions: readonly PlaceholderQuestion[]): Failure {
  return new Failure({
    code: "PLACEHOLDER_UNKNOWN",
    kind: "usage",
    message: `${file} has no placeholder at ${JSON.stringify(path)}.`,
    remedy: "Name one of those below; what is no placeholder is changed in the file itself.",
    details: questions.flatMap(({ places }) => places.map(placeholderPath)),
  });
}
