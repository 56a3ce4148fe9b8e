import { stringify } from "yaml";

/** What can be written as a value: no nulls, as a key without a value is left out. */
export type PlainValue = string | number | boolean | readonly PlainValue[] | { readonly [key: string]: PlainValue };

/** A text as YAML has it: without quotes where they aren't needed. */
export function plain(value: string): string {
  return stringify(value, { lineWidth: 0 }).trimEnd();
}

/** A value in one line, mappings and lists in braces and brackets. */
export function inOneLine(value: PlainValue): string {
  if (typeof value !== "object") return typeof value === "string" ? flowText(value) : String(value);
  if (isList(value)) return `[${value.map(inOneLine).join(", ")}]`;
  const entries = entriesOf(value);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

/** An item of a list on lines of its own: a mapping has one for each of its keys. */
export function itemLines(value: PlainValue, indent: string): string[] {
  const entries = typeof value !== "object" || isList(value) ? [] : entriesOf(value);
  if (entries.length === 0) return [`${indent}- ${inOneLine(value)}`];
  return entries.map((entry, index) => `${indent}${index === 0 ? "- " : "  "}${entry}`);
}

function entriesOf(value: { readonly [key: string]: PlainValue }): string[] {
  return Object.entries(value).map(([key, item]) => `${flowText(key)}: ${inOneLine(item)}`);
}

/** A text that may stand in braces and brackets: what has some of its own, or commas, is quoted. */
function flowText(value: string): string {
  return /[,[\]{}]/.test(value) ? JSON.stringify(value) : plain(value);
}

function isList(value: PlainValue): value is readonly PlainValue[] {
  return Array.isArray(value);
}
