import { isCollection, isMap, isNode, isPair, isScalar, isSeq, stringify } from "yaml";
import type { Document, Pair, YAMLMap, YAMLSeq } from "yaml";

/** Keys and positions that lead from a document's root to one of its nodes. */
export type YamlPath = readonly (string | number)[];

/** A part of a text and what stands in its place afterwards; `start` and `end` are equal where something is put in. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A document with the text that its ranges are of. */
export interface ReadYaml {
  readonly text: string;
  readonly document: Document.Parsed;
  /** The line break that the text has. */
  readonly eol: string;
}

/** Why a node can't be edited in place, as the end of a sentence. */
export class NotEditable extends Error {}

/** Applies splices that don't overlap, given in any order. */
export function applySplices(text: string, splices: readonly Splice[]): string {
  // From the end, so that no splice moves another; where two begin, what is taken away goes before what is put in.
  const ordered = splices.toSorted((a, b) => b.start - a.start || b.end - a.end);
  return ordered.reduce(
    (changed, { start, end, text: put }) => changed.slice(0, start) + put + changed.slice(end),
    text,
  );
}

/** A scalar gets another text, and its quotes stay; or a number or boolean, which has none. */
export function setScalar(yaml: ReadYaml, path: YamlPath, value: string | number | boolean): Splice[] {
  const node = nodeAt(yaml, path);
  if (!isScalar(node)) throw new NotEditable(`${path.join(".")} is no plain value`);
  const [start, end] = rangeOf(node);
  const quote = yaml.text[start];
  if (quote === "|" || quote === ">") throw new NotEditable(`${path.join(".")} is written over several lines`);
  if (typeof value !== "string") return [{ start, end, text: String(value) }];
  return [{ start, end, text: quote === '"' ? JSON.stringify(value) : quote === "'" ? `'${value}'` : plain(value) }];
}

/** A list of texts gets others in front, and loses some; what stays keeps its place, form and comments. */
export function changeTexts(
  yaml: ReadYaml,
  path: YamlPath,
  change: { readonly putInFront: readonly string[]; readonly remove: readonly number[] },
): Splice[] {
  const list = listAt(yaml, path);
  const { putInFront, remove } = change;
  if (list.flow !== true) return changeBlock(yaml, list, pairAt(yaml, path), change);
  const [start, end] = rangeOf(list);
  const source = yaml.text.slice(start, end);
  if (source.includes("\n")) return changeFlowLines(yaml, list, change);
  const kept = list.items.filter((_item, index) => !remove.includes(index)).map((item) => sourceOf(yaml, item));
  const pad = source.startsWith("[ ") && kept.length + putInFront.length > 0 ? " " : "";
  return [{ start, end, text: `[${pad}${[...putInFront.map(plain), ...kept].join(", ")}${pad}]` }];
}

/** A list gets further entries, mappings of texts and lists of texts, at its end: in the form that the list has. */
export function appendEntries(
  yaml: ReadYaml,
  path: YamlPath,
  entries: readonly Readonly<Record<string, string | readonly string[]>>[],
): Splice[] {
  const list = listAt(yaml, path);
  const [start, end] = rangeOf(list);
  const flow = entries.map(
    (entry) =>
      `{ ${Object.entries(entry)
        .map(([key, value]) => `${key}: ${shortForm(value)}`)
        .join(", ")} }`,
  );
  const last = list.items.at(-1);
  const asBlock = (indent: number): string =>
    entries
      .map((entry) =>
        Object.entries(entry)
          .map(([key, value], index) => `${" ".repeat(indent)}${index === 0 ? "- " : "  "}${key}: ${shortForm(value)}`)
          .join(yaml.eol),
      )
      .join(yaml.eol);
  if (list.flow === true && last !== undefined) {
    const after = endOf(last);
    return [{ start: after, end: after, text: flow.map((entry) => `, ${entry}`).join("") }];
  }
  if (list.flow === true) {
    const pair = pairAt(yaml, path);
    if (insideFlow(yaml, path)) return [{ start, end, text: `[${flow.join(", ")}]` }];
    // An empty list is written `[]`: it makes way, and the entries follow on lines of their own.
    const keyStart = rangeOf(pair.key)[0];
    const colon = yaml.text.indexOf(":", rangeOf(pair.key)[1]) + 1;
    return [{ start: colon, end, text: "" }, onNewLines(yaml, end, asBlock(columnOf(yaml.text, keyStart) + 2))];
  }
  return [onNewLines(yaml, endOf(last), asBlock(columnOf(yaml.text, start)))];
}

function changeBlock(
  yaml: ReadYaml,
  list: YAMLSeq,
  pair: Pair,
  { putInFront, remove }: { readonly putInFront: readonly string[]; readonly remove: readonly number[] },
): Splice[] {
  const { text, eol } = yaml;
  const dashes = dashesOf(list);
  const lineStarts = dashes.map((dash) => startOfLine(text, dash));
  dashes.forEach((dash, index) => {
    const before = text.slice(lineStarts[index], dash);
    if (before.trim() !== "") throw new NotEditable("a list begins behind something else on its line");
  });
  const removed = remove.map((index): Splice => {
    const end = startOfNextLine(text, endOf(list.items[index]));
    return { start: lineStarts[index] ?? 0, end, text: "" };
  });
  const [first = 0] = lineStarts;
  const indent = text.slice(first, dashes[0]);
  // Comments right above the first item speak of it: they stay with it.
  let at = first;
  while (/^[ \t]*#/.test(text.slice(startOfLine(text, at - 1), at))) at = startOfLine(text, at - 1);
  const put = putInFront.map((value) => `${indent}- ${plain(value)}${eol}`).join("");
  if (putInFront.length > 0) return [...removed, { start: at, end: at, text: put }];
  if (remove.length < list.items.length) return removed;
  const colon = text.indexOf(":", rangeOf(pair.key)[1]) + 1;
  return [...removed, { start: colon, end: colon, text: " []" }];
}

/** A flow list over several lines, perhaps with comments in it. */
function changeFlowLines(
  { text, eol }: ReadYaml,
  list: YAMLSeq,
  { putInFront, remove }: { readonly putInFront: readonly string[]; readonly remove: readonly number[] },
): Splice[] {
  const removed = remove.map((index): Splice => {
    const [start, end] = rangeOf(list.items[index]);
    // Its comma goes with it, when it stands right behind it; one that is left over at the end is no fault in YAML.
    const comma = /^\s*,/.exec(text.slice(end))?.[0].length ?? 0;
    return { start, end: end + comma, text: "" };
  });
  const [first] = list.items;
  if (putInFront.length === 0) return removed;
  if (first === undefined) throw new NotEditable("an empty list is written over several lines");
  const [at] = rangeOf(first);
  const own = text.slice(startOfLine(text, at), at);
  const between = own.trim() === "" ? `,${eol}${own}` : ", ";
  return [...removed, { start: at, end: at, text: putInFront.map((value) => plain(value) + between).join("") }];
}

/** What is put on lines of its own after the line that `offset` is on. */
export function onNewLines({ text, eol }: ReadYaml, offset: number, lines: string): Splice {
  const at = startOfNextLine(text, offset);
  return { start: at, end: at, text: text[at - 1] === "\n" ? `${lines}${eol}` : `${eol}${lines}` };
}

function shortForm(value: string | readonly string[]): string {
  return typeof value === "string" ? plain(value) : `[${value.map(plain).join(", ")}]`;
}

/** A text as YAML has it: without quotes where they aren't needed. */
export function plain(value: string): string {
  return stringify(value, { lineWidth: 0 }).trimEnd();
}

export function nodeAt({ document }: ReadYaml, path: YamlPath): unknown {
  return document.getIn(path, true);
}

function listAt(yaml: ReadYaml, path: YamlPath): YAMLSeq {
  const node = nodeAt(yaml, path);
  if (isSeq(node)) return node;
  throw new NotEditable(`${path.join(".")} is no list`);
}

/** The key and value that a path ends in. */
function pairAt(yaml: ReadYaml, path: YamlPath): Pair {
  const key = path.at(-1);
  const parent = path.length === 1 ? yaml.document.contents : nodeAt(yaml, path.slice(0, -1));
  const found = isMap(parent)
    ? pairsOf(parent).find((pair) => isScalar(pair.key) && pair.key.value === key)
    : undefined;
  if (found !== undefined) return found;
  throw new NotEditable(`${path.join(".")} is not written as key and value`);
}

export function pairsOf(map: YAMLMap): Pair[] {
  return map.items.filter((item) => isPair(item));
}

function insideFlow(yaml: ReadYaml, path: YamlPath): boolean {
  return path.some((_key, length) => {
    const node = length === 0 ? yaml.document.contents : nodeAt(yaml, path.slice(0, length));
    return isCollection(node) && node.flow === true;
  });
}

export function rangeOf(node: unknown): readonly [number, number] {
  const range = isNode(node) ? node.range : undefined;
  if (range === undefined || range === null) throw new NotEditable("a part of it has no place in the text");
  return [range[0], range[1]];
}

function sourceOf({ text }: ReadYaml, node: unknown): string {
  return text.slice(...rangeOf(node));
}

/** Where a node's last word ends: a block collection's own range reaches to the next node. */
export function endOf(node: unknown): number {
  if (isSeq(node) && node.flow !== true) return endOf(node.items.at(-1));
  if (isMap(node) && node.flow !== true) {
    const last = pairsOf(node).at(-1);
    return last?.value === null || last?.value === undefined ? rangeOf(last?.key)[1] : endOf(last.value);
  }
  return rangeOf(node)[1];
}

/** Where each item's dash stands. */
function dashesOf(list: YAMLSeq): number[] {
  const token = list.srcToken;
  if (token?.type !== "block-seq") throw new NotEditable("a list has no place in the text");
  return token.items.map(({ start }) => {
    const dash = start.find(({ type }) => type === "seq-item-ind");
    if (dash === undefined) throw new NotEditable("a list has no place in the text");
    return dash.offset;
  });
}

function startOfLine(text: string, offset: number): number {
  return offset <= 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
}

function startOfNextLine(text: string, offset: number): number {
  // A block scalar's range ends behind its line break.
  if (text[offset - 1] === "\n") return offset;
  const end = text.indexOf("\n", offset);
  return end < 0 ? text.length : end + 1;
}

export function columnOf(text: string, offset: number): number {
  return offset - startOfLine(text, offset);
}
