import { isCollection, isMap, isNode, isPair, isScalar, isSeq } from "yaml";
import type { Document, Pair, YAMLMap, YAMLSeq } from "yaml";
import { inOneLine, itemLines, plain } from "./plain-value.ts";
import type { PlainValue } from "./plain-value.ts";

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

/** What becomes of a list: items in front, and the positions of those that go. */
export interface ItemsChange {
  readonly putInFront: readonly PlainValue[];
  readonly remove: readonly number[];
}

/** Where a list would make a line longer than this it goes on lines of its own. */
const lineWidth = 120;

/** A list gets items in front, and loses some; what stays keeps its place, form and comments. */
export function changeItems(yaml: ReadYaml, path: YamlPath, change: ItemsChange): Splice[] {
  const list = listAt(yaml, path);
  const { putInFront, remove } = change;
  if (list.flow !== true) return changeBlock(yaml, list, pairAt(yaml, path), change);
  const [start, end] = rangeOf(list);
  const source = yaml.text.slice(start, end);
  if (source.includes("\n")) return changeFlowLines(yaml, list, change);
  const kept = list.items.filter((_item, index) => !remove.includes(index)).map((item) => sourceOf(yaml, item));
  const pad = source.startsWith("[ ") && kept.length + putInFront.length > 0 ? " " : "";
  const text = `[${pad}${[...putInFront.map(inOneLine), ...kept].join(", ")}${pad}]`;
  if (insideFlow(yaml, path) || columnOf(yaml.text, start) + text.length <= lineWidth) return [{ start, end, text }];
  return onLines(yaml, path, (indent) => [
    ...putInFront.flatMap((value) => itemLines(value, indent)),
    ...kept.map((item) => `${indent}- ${item}`),
  ]);
}

/** A list gets further entries at its end, in the form that the list has. */
export function appendEntries(yaml: ReadYaml, path: YamlPath, entries: readonly PlainValue[]): Splice[] {
  const list = listAt(yaml, path);
  const [start, end] = rangeOf(list);
  const flow = entries.map(inOneLine);
  const last = list.items.at(-1);
  const asBlock = (indent: string): string[] => entries.flatMap((entry) => itemLines(entry, indent));
  if (list.flow === true && last !== undefined) {
    const after = endOf(last);
    return [{ start: after, end: after, text: flow.map((entry) => `, ${entry}`).join("") }];
  }
  if (list.flow === true) {
    if (insideFlow(yaml, path)) return [{ start, end, text: `[${flow.join(", ")}]` }];
    return onLines(yaml, path, asBlock);
  }
  return [onNewLines(yaml, endOf(last), asBlock(" ".repeat(columnOf(yaml.text, start))).join(yaml.eol))];
}

/** A list in brackets behind its key makes way, and its items follow on lines of their own. */
function onLines(yaml: ReadYaml, path: YamlPath, lines: (indent: string) => string[]): Splice[] {
  const [, end] = rangeOf(listAt(yaml, path));
  const [keyStart, keyEnd] = rangeOf(pairAt(yaml, path).key);
  const colon = yaml.text.indexOf(":", keyEnd) + 1;
  const indent = " ".repeat(columnOf(yaml.text, keyStart) + 2);
  return [{ start: colon, end, text: "" }, onNewLines(yaml, end, lines(indent).join(yaml.eol))];
}

function changeBlock(yaml: ReadYaml, list: YAMLSeq, pair: Pair, { putInFront, remove }: ItemsChange): Splice[] {
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
  const put = putInFront.flatMap((value) => itemLines(value, indent).map((line) => `${line}${eol}`)).join("");
  if (putInFront.length > 0) return [...removed, { start: at, end: at, text: put }];
  if (remove.length < list.items.length) return removed;
  const colon = text.indexOf(":", rangeOf(pair.key)[1]) + 1;
  return [...removed, { start: colon, end: colon, text: " []" }];
}

/** A flow list over several lines, perhaps with comments in it. */
function changeFlowLines({ text, eol }: ReadYaml, list: YAMLSeq, { putInFront, remove }: ItemsChange): Splice[] {
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
  return [...removed, { start: at, end: at, text: putInFront.map((value) => inOneLine(value) + between).join("") }];
}

/** What is put on lines of its own after the line that `offset` is on. */
export function onNewLines({ text, eol }: ReadYaml, offset: number, lines: string): Splice {
  const at = startOfNextLine(text, offset);
  return { start: at, end: at, text: text[at - 1] === "\n" ? `${lines}${eol}` : `${eol}${lines}` };
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
