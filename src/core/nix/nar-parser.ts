import { narFailure } from "./nar-failure.ts";
import { maximumDepth } from "./nar.ts";
import { isEntryName } from "./nar-writer.ts";
import type { NarNode } from "./tree.ts";

/**
 * Reads a Nix Archive strictly: only bytes that the writer would make for the same tree are accepted, so that one tree
 * has one archive. (Nix's own reader is laxer: it accepts a file without contents, for example.)
 *
 * Throws a Failure with a NAR_ code. File contents are views of `bytes`, not copies.
 */
export function parseNar(bytes: Uint8Array, options: { readonly maximumDepth?: number } = {}): NarNode {
  const reader = createReader(bytes);
  if (!reader.accept("nix-archive-1")) throw narFailure("NAR_MAGIC", "The bytes do not begin as a Nix archive does.");
  const node = parseNode(reader, options.maximumDepth ?? maximumDepth);
  if (reader.remaining() > 0) {
    throw narFailure("NAR_TRAILING_BYTES", `${reader.remaining()} bytes follow the end of the archive.`);
  }
  return node;
}

function parseNode(reader: Reader, levels: number): NarNode {
  reader.expect("(");
  reader.expect("type");
  const type = reader.oneOf(["regular", "symlink", "directory"]);
  switch (type) {
    case "regular": {
      const executable = reader.accept("executable");
      if (executable) reader.expect("");
      reader.expect("contents");
      const contents = reader.string();
      reader.expect(")");
      return { kind: "file", executable, contents };
    }
    case "symlink": {
      reader.expect("target");
      const target = reader.string();
      const text = target.length === 0 || target.includes(0) ? undefined : decodeUtf8(target);
      if (text === undefined) {
        throw narFailure("NAR_TARGET", "A symbolic link's target is empty, not UTF-8, or holds a NUL byte.");
      }
      reader.expect(")");
      return { kind: "symlink", target: text };
    }
    case "directory":
      if (levels <= 0) throw narFailure("NAR_TOO_DEEP", "The archive has more levels of directories than are allowed.");
      return parseDirectory(reader, levels - 1);
  }
}

function parseDirectory(reader: Reader, levels: number): NarNode {
  const entries = new Map<string, NarNode>();
  let previous: Uint8Array | undefined;
  while (reader.oneOf([")", "entry"]) === "entry") {
    reader.expect("(");
    reader.expect("name");
    const name = reader.string();
    const text = isEntryName(name) ? decodeUtf8(name) : undefined;
    if (text === undefined) {
      throw narFailure("NAR_NAME", `An entry's name is no name: ${JSON.stringify(shown(name))}.`);
    }
    const order = previous === undefined ? -1 : Buffer.compare(previous, name);
    if (order === 0) throw narFailure("NAR_DUPLICATE", `A directory has ${JSON.stringify(text.slice(0, 100))} twice.`);
    if (order > 0) throw narFailure("NAR_ORDER", `${JSON.stringify(text.slice(0, 100))} is out of order.`);
    previous = name;
    reader.expect("node");
    entries.set(text, parseNode(reader, levels));
    reader.expect(")");
  }
  return { kind: "directory", entries };
}

interface Reader {
  /** The next string, which must be there. */
  string(): Uint8Array;
  /** Consumes the token when it comes next. */
  accept(token: string): boolean;
  /** Consumes the token; throws NAR_SYNTAX when another comes. */
  expect(token: string): void;
  oneOf<Token extends string>(allowed: readonly Token[]): Token;
  remaining(): number;
}

function createReader(bytes: Uint8Array): Reader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;

  function string(): Uint8Array {
    const left = bytes.length - offset;
    if (left < 8) throw truncated();
    const length = view.getBigUint64(offset, true);
    // Compared before it becomes a number: a hostile length does not fit in one.
    if (length > BigInt(left - 8)) throw truncated();
    const start = offset + 8;
    const end = start + Number(length);
    const padded = start + Math.ceil(Number(length) / 8) * 8;
    if (padded > bytes.length) throw truncated();
    for (let index = end; index < padded; index++) {
      if (bytes[index] !== 0) throw narFailure("NAR_PADDING", `Padding at byte ${index} is not zero.`);
    }
    offset = padded;
    return bytes.subarray(start, end);
  }

  function truncated(): Error {
    return narFailure("NAR_TRUNCATED", `The archive ends too early, in what begins at byte ${offset}.`);
  }

  function accept(token: string): boolean {
    const before = offset;
    // A token that is too long to be this one is not read, so that its padding is judged where it is used.
    if (bytes.length - offset >= 8 && view.getBigUint64(offset, true) !== BigInt(token.length)) return false;
    if (equals(string(), token)) return true;
    offset = before;
    return false;
  }

  function oneOf<Token extends string>(allowed: readonly Token[]): Token {
    const at = offset;
    const found = allowed.find(accept);
    if (found !== undefined) return found;
    const words = allowed.map((token) => JSON.stringify(token)).join(" or ");
    throw narFailure(
      "NAR_SYNTAX",
      `Byte ${at} of the archive must begin ${words}, not ${JSON.stringify(shown(string()))}.`,
    );
  }

  return {
    string,
    accept,
    oneOf,
    expect(token) {
      oneOf([token]);
    },
    remaining: () => bytes.length - offset,
  };
}

function equals(bytes: Uint8Array, token: string): boolean {
  for (let index = 0; index < token.length; index++) {
    if (bytes[index] !== token.charCodeAt(index)) return false;
  }
  return bytes.length === token.length;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function shown(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 40)).toString("utf8");
}
