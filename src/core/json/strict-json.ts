/**
 * JSON for documents that somebody signed or that a digest names: two readers must never see two meanings. Stricter
 * than RFC 8259 and `JSON.parse`: refused are invalid UTF-8, a byte order mark, duplicate keys, the key `__proto__`,
 * lone surrogates, deep nesting, and numbers that a double can't hold (integers beyond 2^53 - 1, infinities).
 */

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export interface JsonLimits {
  /** Nested arrays and objects; 64 unless given. */
  readonly maxDepth?: number;
  /** Bytes of the document; 16 MiB unless given. */
  readonly maxBytes?: number;
}

/** Why a document was refused, and where: line and column count from 1, in characters. */
export interface JsonProblem {
  readonly reason: string;
  readonly line: number;
  readonly column: number;
}

export type StrictJson =
  { readonly ok: true; readonly value: JsonValue } | { readonly ok: false; readonly problem: JsonProblem };

/** `unexpected character "x" at line 1, column 7`. */
export function describeJsonProblem(problem: JsonProblem): string {
  return `${problem.reason} at line ${problem.line}, column ${problem.column}`;
}

const defaultDepth = 64;
const defaultBytes = 16 * 1024 * 1024;

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** Parses a whole document; never throws. */
export function parseStrictJson(bytes: Uint8Array, limits: JsonLimits = {}): StrictJson {
  const maxBytes = limits.maxBytes ?? defaultBytes;
  if (bytes.length > maxBytes) return refused(`${bytes.length} bytes are more than the ${maxBytes} allowed`, "", 0);
  let text: string;
  try {
    // ignoreBOM keeps a byte order mark as a character, which no JSON value starts with: it is refused below.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refused("the bytes are not valid UTF-8", "", 0);
  }
  const maxDepth = limits.maxDepth ?? defaultDepth;
  return parsePlain(text, maxDepth) ?? parseText(text, maxDepth);
}

/** JSON.parse builds what is nested without end before anybody can object: of so much text that is some 20 MiB. */
const plainCharactersMost = 512 * 1024;

/**
 * Most documents are written as JSON.stringify writes them. One that JSON.parse and JSON.stringify give back to the letter
 * has no key twice, no number that a double can't hold and no second spelling of anything; what else is strict about
 * this reader is looked at here. Undefined for all others, which is no refusal: they are read below, and told what is wrong.
 */
function parsePlain(text: string, maxDepth: number): StrictJson | undefined {
  // Half a surrogate pair is written as such an escape; `__proto__` is a key like any other to both.
  if (text.length > plainCharactersMost || text.includes('"__proto__"') || text.includes("\\ud")) return undefined;
  try {
    const value = JSON.parse(text) as JsonValue;
    return isWithin(value, maxDepth) && JSON.stringify(value) === text ? { ok: true, value } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether nothing is nested deeper, and no whole number is beyond 2^53 - 1. */
function isWithin(value: JsonValue, depth: number): boolean {
  if (typeof value === "number") return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((part) => isWithin(part, depth - 1));
}

function refused(reason: string, text: string, offset: number): StrictJson {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return { ok: false, problem: { reason, line, column: offset - before.lastIndexOf("\n") } };
}

function parseText(text: string, maxDepth: number): StrictJson {
  let at = 0;
  let problem: { reason: string; offset: number } | undefined;

  // Unwinds the recursion; caught below, never seen by a caller.
  const fail = (reason: string, offset = at): never => {
    problem = { reason, offset };
    throw new SyntaxError(reason);
  };
  const unexpected = (): never =>
    fail(at >= text.length ? "unexpected end" : `unexpected character ${JSON.stringify(text.charAt(at))}`);

  const skipSpace = (): void => {
    for (;;) {
      const code = text.charCodeAt(at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      at += 1;
    }
  };

  const plainCharacters = /[^"\\\u0000-\u001f]*/y; // control characters: RFC 8259, section 7
  const readString = (): string => {
    const start = at;
    at += 1;
    let value = "";
    let escaped = false;
    for (;;) {
      plainCharacters.lastIndex = at;
      plainCharacters.test(text);
      value += text.slice(at, plainCharacters.lastIndex);
      at = plainCharacters.lastIndex;
      const next = text.charAt(at);
      if (next === '"') break;
      if (next !== "\\") return unexpected();
      escaped = true;
      value += readEscape();
    }
    at += 1;
    // Decoded UTF-8 is well formed; only \u escapes can leave half a pair.
    if (escaped && !value.isWellFormed()) fail("a string holds a lone surrogate", start);
    return value;
  };

  const readEscape = (): string => {
    const letter = text.charAt(at + 1);
    if (letter === "u") {
      const hex = text.slice(at + 2, at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) fail("a \\u escape needs four hex digits");
      at += 6;
      return String.fromCharCode(Number.parseInt(hex, 16));
    }
    const simple = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
    if (simple === undefined) return fail("unknown escape in a string");
    at += 2;
    return simple;
  };

  const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
  const readNumber = (): number => {
    numberPattern.lastIndex = at;
    const match = numberPattern.exec(text);
    if (match === null) return unexpected();
    const value = Number(match[0]);
    if (!Number.isFinite(value)) fail("a number is too large");
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) fail("an integer is beyond 2^53 - 1");
    at += match[0].length;
    return value;
  };

  const readWord = <T>(word: string, value: T): T => {
    if (!text.startsWith(word, at)) return unexpected();
    at += word.length;
    return value;
  };

  const readArray = (depth: number): JsonValue[] => {
    const values: JsonValue[] = [];
    at += 1;
    skipSpace();
    if (text.charAt(at) === "]") {
      at += 1;
      return values;
    }
    for (;;) {
      values.push(readValue(depth));
      const next = text.charAt(at);
      if (next !== "," && next !== "]") return unexpected();
      at += 1;
      if (next === "]") return values;
    }
  };

  const readObject = (depth: number): JsonObject => {
    const object: Record<string, JsonValue> = {};
    at += 1;
    skipSpace();
    if (text.charAt(at) === "}") {
      at += 1;
      return object;
    }
    for (;;) {
      skipSpace();
      if (text.charAt(at) !== '"') return unexpected();
      const keyAt = at;
      const key = readString();
      if (key === "__proto__") fail('the key "__proto__" is not allowed', keyAt);
      if (Object.hasOwn(object, key)) fail(`the key ${JSON.stringify(key.slice(0, 100))} appears twice`, keyAt);
      skipSpace();
      if (text.charAt(at) !== ":") return unexpected();
      at += 1;
      object[key] = readValue(depth);
      const next = text.charAt(at);
      if (next !== "," && next !== "}") return unexpected();
      at += 1;
      if (next === "}") return object;
    }
  };

  /** One value and the space around it. */
  const readValue = (depth: number): JsonValue => {
    skipSpace();
    const value = readBareValue(depth);
    skipSpace();
    return value;
  };

  const readBareValue = (depth: number): JsonValue => {
    switch (text.charAt(at)) {
      case "{":
      case "[":
        if (depth >= maxDepth) return fail(`nesting is deeper than ${maxDepth}`);
        return text.charAt(at) === "{" ? readObject(depth + 1) : readArray(depth + 1);
      case '"':
        return readString();
      case "t":
        return readWord("true", true);
      case "f":
        return readWord("false", false);
      case "n":
        return readWord("null", null);
      default:
        return readNumber();
    }
  };

  try {
    const value = readValue(0);
    if (at < text.length) unexpected();
    return { ok: true, value };
  } catch (error) {
    const seen = problem as { reason: string; offset: number } | undefined;
    if (seen === undefined) throw error;
    return refused(seen.reason, text, seen.offset);
  }
}
