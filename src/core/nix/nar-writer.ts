import { narFailure } from "./nar-failure.ts";

/**
 * Writes a Nix Archive piece by piece, so that no file has to lie in memory (format: Nix manual, "Nix Archive (NAR)
 * format"; Dolstra 2006, figure 5.2). Every string is its length as 64 bits little-endian, its bytes, and zeros up to
 * the next multiple of eight.
 *
 * Names and link targets are bytes, given as such or as text to be encoded in UTF-8. Calls out of order are bugs of
 * the caller and throw a plain Error; content that no archive can hold throws a Failure with a NAR_ code.
 */
export interface NarWriter {
  /** Starts a regular file of exactly `size` bytes, which `contents` then gives. */
  startFile(file: { readonly executable: boolean; readonly size: number }): void;
  contents(chunk: Uint8Array): void;
  endFile(): void;
  symlink(target: string | Uint8Array): void;
  startDirectory(): void;
  /** Names the next node. Names come in ascending order of their bytes. Throws NAR_NAME, NAR_ORDER, NAR_DUPLICATE. */
  entry(name: string | Uint8Array): void;
  endDirectory(): void;
  /** Finishes the archive and returns its size in bytes. */
  end(): number;
}

/** Takes the archive's bytes in order. The bytes are only valid during the call: copy what must stay. */
export type NarSink = (chunk: Uint8Array) => void;

type Expected = "node" | "entry" | "contents" | "end";

const tokens = {
  magic: encode("nix-archive-1"),
  file: encode("(", "type", "regular", "contents"),
  executableFile: encode("(", "type", "regular", "executable", "", "contents"),
  symlink: encode("(", "type", "symlink", "target"),
  directory: encode("(", "type", "directory"),
};
/** After a string comes its padding; what follows it is always the same, so that both are written at once. */
const afterName = paddedThen(encode("node"));
const afterNode = paddedThen(encode(")"));
const afterEntryNode = paddedThen(encode(")", ")"));
const entryStart = encode("entry", "(", "name");
/** What begins an entry whose name has so many bytes, its length included: nearly all names are that short. */
const entryHeads = Array.from({ length: 256 }, (_, length) => {
  const size = Buffer.alloc(8);
  size.writeUInt32LE(length);
  return Buffer.concat([entryStart, size]);
});

/** Small pieces are gathered up to this size; larger contents pass through without a copy. */
const bufferSize = 64 * 1024;

export function createNarWriter(sink: NarSink): NarWriter {
  const buffer = Buffer.allocUnsafe(bufferSize);
  let filled = 0;
  let total = 0;
  let expected: Expected = "node";
  let fileSize = 0;
  let remaining = 0;
  /** The last name of each open directory, outermost first. */
  const open: (Buffer | undefined)[] = [];

  function flush(): void {
    if (filled > 0) sink(buffer.subarray(0, filled));
    filled = 0;
  }

  function put(bytes: Uint8Array): void {
    total += bytes.length;
    const passThrough = bytes.length > bufferSize / 2;
    if (passThrough || bytes.length > bufferSize - filled) flush();
    if (passThrough) {
      sink(bytes);
      return;
    }
    buffer.set(bytes, filled);
    filled += bytes.length;
  }

  function putLength(length: number): void {
    if (bufferSize - filled < 8) flush();
    buffer.writeUInt32LE(length % 0x1_0000_0000, filled);
    buffer.writeUInt32LE(Math.floor(length / 0x1_0000_0000), filled + 4);
    filled += 8;
    total += 8;
  }

  function demand(state: Expected): void {
    if (expected !== state) throw new Error(`the archive needs ${expected} here, not ${state}`);
  }

  /** Ends a node whose last string had so many bytes; a directory, whose end is a token, counts as 0. */
  function endNode(length: number): void {
    if (open.length === 0) {
      put(endingOf(afterNode, length));
      expected = "end";
    } else {
      put(endingOf(afterEntryNode, length));
      expected = "entry";
    }
  }

  put(tokens.magic);
  return {
    startFile(file) {
      demand("node");
      if (!Number.isSafeInteger(file.size) || file.size < 0) throw new RangeError(`${file.size} is no file size`);
      put(file.executable ? tokens.executableFile : tokens.file);
      putLength(file.size);
      fileSize = file.size;
      remaining = file.size;
      expected = "contents";
    },
    contents(chunk) {
      demand("contents");
      if (chunk.length > remaining) throw new Error(`a file of ${fileSize} bytes was given more`);
      remaining -= chunk.length;
      put(chunk);
    },
    endFile() {
      demand("contents");
      if (remaining > 0) throw new Error(`a file of ${fileSize} bytes was given ${remaining} too few`);
      endNode(fileSize);
    },
    symlink(target) {
      demand("node");
      const bytes = bytesOf(target);
      if (bytes === undefined || bytes.length === 0 || bytes.includes(0)) {
        throw narFailure("NAR_TARGET", `A symbolic link can't point to ${JSON.stringify(shown(target))}.`);
      }
      put(tokens.symlink);
      putLength(bytes.length);
      put(bytes);
      endNode(bytes.length);
    },
    startDirectory() {
      demand("node");
      put(tokens.directory);
      open.push(undefined);
      expected = "entry";
    },
    entry(name) {
      demand("entry");
      const bytes = bytesOf(name);
      if (bytes === undefined || !isEntryName(name)) {
        throw narFailure("NAR_NAME", `${JSON.stringify(shown(name))} can't name an entry of a directory.`);
      }
      const previous = open.at(-1);
      const order = previous === undefined ? -1 : Buffer.compare(previous, bytes);
      if (order === 0) throw narFailure("NAR_DUPLICATE", `A directory has ${JSON.stringify(shown(name))} twice.`);
      if (order > 0) {
        throw narFailure("NAR_ORDER", `${JSON.stringify(shown(name))} must come before the entry that it follows.`);
      }
      open[open.length - 1] = bytes;
      const head = entryHeads[bytes.length];
      if (head === undefined) {
        put(entryStart);
        putLength(bytes.length);
      } else {
        put(head);
      }
      put(bytes);
      put(endingOf(afterName, bytes.length));
      expected = "node";
    },
    endDirectory() {
      demand("entry");
      open.pop();
      endNode(0);
    },
    end() {
      demand("end");
      flush();
      return total;
    },
  };
}

/** Whether a name can be an entry's: not empty, `.` or `..`, without `/` and NUL. */
export function isEntryName(name: string | Uint8Array): boolean {
  if (typeof name === "string") {
    return name !== "" && name !== "." && name !== ".." && !name.includes("/") && !name.includes("\0");
  }
  const dot = 0x2e;
  if (name.length === 0 || (name[0] === dot && name.length === 1)) return false;
  if (name.length === 2 && name[0] === dot && name[1] === dot) return false;
  return !name.includes(0x2f) && !name.includes(0);
}

/** UTF-8, or undefined for text with half a surrogate pair: two such names would get the same bytes. */
function bytesOf(text: string | Uint8Array): Buffer | undefined {
  if (typeof text === "string") return text.isWellFormed() ? Buffer.from(text, "utf8") : undefined;
  return Buffer.from(text.buffer, text.byteOffset, text.byteLength);
}

function shown(text: string | Uint8Array): string {
  return (typeof text === "string" ? text : Buffer.from(text).toString("utf8")).slice(0, 100);
}

function encode(...strings: string[]): Buffer {
  return Buffer.concat(
    strings.map((text) => {
      const padded = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8);
      padded.writeUInt32LE(text.length, 0);
      padded.write(text, 8, "latin1");
      return padded;
    }),
  );
}

/** A token after each number of padding bytes, 0 to 7. */
function paddedThen(token: Buffer): readonly Buffer[] {
  return Array.from({ length: 8 }, (_, padding) => Buffer.concat([Buffer.alloc(padding), token]));
}

/** The padding of a string of so many bytes, and the token after it. */
function endingOf(endings: readonly Buffer[], length: number): Buffer {
  const ending = endings[-length & 7];
  // `& 7` gives 0 to 7, also of a size beyond 32 bits, of which it looks at the last three.
  if (ending === undefined) throw new RangeError(`no padding for ${length} bytes`);
  return ending;
}
