import { isAlias, isCollection, isScalar, parseDocument, visit } from "yaml";
import { Failure } from "../failure.ts";
import type { PlainValue } from "./plain-value.ts";
import { putKey, replaceValue } from "./put-key.ts";
import { appendEntries, applySplices, changeItems, NotEditable, setScalar } from "./yaml-splices.ts";
import type { ReadYaml, Splice, YamlPath } from "./yaml-splices.ts";

export type { PlainValue, YamlPath };

/** One change of a document, where the paths lead in the document as it was. */
export type YamlChange =
  /** A scalar becomes another. */
  | { readonly kind: "set"; readonly path: YamlPath; readonly value: string | number | boolean }
  /** A mapping or list in braces or brackets becomes another value. */
  | { readonly kind: "replace"; readonly path: YamlPath; readonly value: PlainValue }
  /** A mapping gets a key that it has not, as its last one. */
  | { readonly kind: "put"; readonly path: YamlPath; readonly key: string; readonly value: PlainValue }
  /** A list loses the items at these positions and gets others in front. */
  | {
      readonly kind: "items";
      readonly path: YamlPath;
      readonly putInFront: readonly PlainValue[];
      readonly remove: readonly number[];
    }
  /** A list gets further entries at its end. */
  | { readonly kind: "append"; readonly path: YamlPath; readonly entries: readonly PlainValue[] };

/**
 * Changes a YAML text in place: all that lies outside of the changed values stays byte for byte, comments, order, quotes
 * and line breaks too. The result is read again and must be the old document with exactly these changes; where that
 * can't be had (anchors, which make one place mean another; values written in a form that isn't known here) it throws
 * FILE_NOT_EDITABLE (usage). `source` names the file.
 */
export function editYaml(text: string, changes: readonly YamlChange[], source: string): string {
  const yaml = read(text);
  const refuse = (why: string): Failure =>
    new Failure({
      code: "FILE_NOT_EDITABLE",
      kind: "usage",
      message: `${source} can't be edited without touching more than the change: ${why}.`,
      remedy: `Make the change in ${source} by hand.`,
      details: changes.map(changeLine),
    });
  if (yaml.document.errors.length > 0) throw refuse("it is not valid YAML");
  const anchored = anchorLine(yaml);
  if (anchored !== undefined) {
    throw refuse(`line ${anchored} has an anchor or alias, so that a change in one place may be one in another, too`);
  }
  let edited: string;
  try {
    edited = applySplices(
      text,
      changes.flatMap((change) => splicesOf(yaml, change)),
    );
  } catch (error) {
    if (error instanceof NotEditable) throw refuse(error.message);
    throw error;
  }
  const after = read(edited);
  const expected = JSON.stringify(changes.reduce<unknown>(changed, yaml.document.toJS()));
  // An alias that was not there is a text that came out as one.
  const sound = after.document.errors.length === 0 && anchorLine(after) === undefined;
  if (sound && JSON.stringify(after.document.toJS()) === expected) return edited;
  throw refuse("what is to change is written in a form that is not known here");
}

function read(text: string): ReadYaml {
  const document = parseDocument(text, { strict: true, uniqueKeys: true, keepSourceTokens: true, logLevel: "error" });
  return { text, document, eol: /\r?\n/.exec(text)?.[0] ?? "\n" };
}

/** The line of the first anchor or alias. */
function anchorLine({ document, text }: ReadYaml): number | undefined {
  let line: number | undefined;
  visit(document, (_key, node) => {
    if (!isAlias(node) && !((isCollection(node) || isScalar(node)) && node.anchor !== undefined)) return undefined;
    line = text.slice(0, node.range?.[0] ?? 0).split("\n").length;
    return visit.BREAK;
  });
  return line;
}

function splicesOf(yaml: ReadYaml, change: YamlChange): Splice[] {
  switch (change.kind) {
    case "set":
      return setScalar(yaml, change.path, change.value);
    case "replace":
      return replaceValue(yaml, change.path, change.value);
    case "put":
      return putKey(yaml, change.path, change.key, change.value);
    case "items":
      return changeItems(yaml, change.path, change);
    case "append":
      return appendEntries(yaml, change.path, change.entries);
  }
}

/** The plain document with one change, to compare with. */
function changed(document: unknown, change: YamlChange): unknown {
  const [key, ...rest] = change.path;
  if (key === undefined) return changedValue(document, change);
  const inner = { ...change, path: rest };
  if (Array.isArray(document)) {
    return document.map((item: unknown, index) => (index === key ? changed(item, inner) : item));
  }
  if (typeof document !== "object" || document === null) return document;
  return Object.fromEntries(
    Object.entries(document).map(([name, value]) => [name, name === key ? changed(value, inner) : value]),
  );
}

function changedValue(value: unknown, change: YamlChange): unknown {
  if (change.kind === "set" || change.kind === "replace") return change.value;
  if (change.kind === "put") {
    const before = typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
    return { ...before, [change.key]: change.value };
  }
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  if (change.kind === "append") return [...list, ...change.entries];
  return [...change.putInFront, ...list.filter((_item, index) => !change.remove.includes(index))];
}

/** What to do by hand, where it can't be done here. */
function changeLine(change: YamlChange): string {
  const place = change.path.join(" → ");
  switch (change.kind) {
    case "set":
      return `${place}: set it to ${change.value}`;
    case "replace":
      return `${place}: set it to ${JSON.stringify(change.value)}`;
    case "put":
      return `${place}: add ${change.key}: ${JSON.stringify(change.value)}`;
    case "items": {
      const put = change.putInFront.map(
        (value) => `put ${typeof value === "string" ? value : JSON.stringify(value)} in front`,
      );
      const remove = change.remove.map((index) => `remove item ${index + 1} of what is there`);
      return `${place}: ${[...put, ...remove].join(", ")}`;
    }
    case "append":
      return `${place}: add ${JSON.stringify(change.entries)}`;
  }
}
