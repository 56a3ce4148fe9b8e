import { LineCounter, parseDocument } from "yaml";
import { reasonOf } from "../failure.ts";
import { parseStrictJson } from "../json/strict-json.ts";

/** Faults that are told of one document; the rest is counted. */
const most = 10;

export type StrictYaml =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly faults: readonly [string, ...string[]] };

/**
 * Reads one YAML 1.2 document: no duplicate keys, no unknown tags, hardly any aliases. Never throws. Faults say where
 * and what, and never quote the document: a line of it may hold a secret.
 */
export function parseStrictYaml(text: string): StrictYaml {
  // JSON is YAML, and is read as what it is in a tenth of the time. What is wrong with it is told as of any YAML.
  const json = text.startsWith("{") ? parseStrictJson(new TextEncoder().encode(text)) : undefined;
  if (json?.ok === true) return { ok: true, value: json.value };
  const lines = new LineCounter();
  const document = parseDocument(text, {
    strict: true,
    uniqueKeys: true,
    prettyErrors: false,
    logLevel: "error",
    lineCounter: lines,
  });
  // An unknown tag is a warning to the library; here it would be a value of another meaning than its author's.
  const [first, ...rest] = [...document.errors, ...document.warnings].map(({ message, pos }) => {
    const { line, col } = lines.linePos(pos[0]);
    return `line ${line}, column ${col}: ${withoutQuote(message)}`;
  });
  if (first !== undefined) {
    const more = rest.length - (most - 1);
    return { ok: false, faults: [first, ...rest.slice(0, most - 1), ...(more > 0 ? [`and ${more} more`] : [])] };
  }
  try {
    return { ok: true, value: document.toJS({ maxAliasCount: 10 }) };
  } catch (error) {
    return { ok: false, faults: [withoutQuote(reasonOf(error))] };
  }
}

/** The library quotes the document after a colon. */
function withoutQuote(message: string): string {
  return message.replace(/: .*$/s, "");
}
