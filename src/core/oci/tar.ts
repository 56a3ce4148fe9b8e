import { Failure } from "../failure.ts";

/**
 * A deterministic tar archive (POSIX.1-2017 pax, `ustar` headers with pax records where ustar is too small): entries
 * sorted by path bytes, owner 0:0 without names, one time stamp, fixed modes. The same entries give the same bytes.
 */

export type TarEntry =
  | { readonly kind: "file"; readonly path: string; readonly bytes: Uint8Array; readonly executable?: boolean }
  | { readonly kind: "directory"; readonly path: string }
  /** `target` is stored as it stands. */
  | { readonly kind: "symlink"; readonly path: string; readonly target: string };

const block = 512;
const typeFlags = { file: "0", symlink: "2", directory: "5", pax: "x" } as const;
/** Group and others never write; what was executable stays so. */
const modes = { file: 0o644, executable: 0o755, directory: 0o755, symlink: 0o777 } as const;

const encoder = new TextEncoder();

/**
 * The archive's bytes. Paths are relative, with `/`; missing parent directories are added. `mtime` in seconds since
 * 1970. Throws LAYER_INVALID for paths that are not plain, appear twice, lie below a file or are whiteouts.
 */
export function tarBytes(entries: readonly TarEntry[], mtime: number): Uint8Array {
  if (!Number.isSafeInteger(mtime) || mtime < 0) throw invalid(`time stamp ${mtime} is not a whole number of seconds`);
  const chunks: Uint8Array[] = [];
  for (const entry of completeEntries(entries)) appendEntry(chunks, entry, mtime);
  // Two blocks of zeros end the archive.
  chunks.push(new Uint8Array(2 * block));
  return concatenate(chunks);
}

/** All entries and their parents, sorted; a parent always sorts before what it holds. */
function completeEntries(entries: readonly TarEntry[]): TarEntry[] {
  const byPath = new Map<string, TarEntry>();
  for (const entry of entries) {
    const fault = pathFault(entry.path);
    if (fault !== undefined) throw invalid(`"${entry.path.slice(0, 200)}" ${fault}`);
    if (byPath.has(entry.path)) throw invalid(`"${entry.path}" appears twice`);
    byPath.set(entry.path, entry);
  }
  for (const { path } of entries) {
    for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
      const parent = path.slice(0, slash);
      const known = byPath.get(parent);
      if (known === undefined) byPath.set(parent, { kind: "directory", path: parent });
      else if (known.kind !== "directory") throw invalid(`"${path}" lies below "${parent}", which is a ${known.kind}`);
    }
  }
  return [...byPath.values()]
    .map((entry) => ({ entry, key: encoder.encode(entry.path) }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .map(({ entry }) => entry);
}

function pathFault(path: string): string | undefined {
  if (path === "" || path.startsWith("/")) return "is not a relative path";
  if (path.includes("\0") || !path.isWellFormed()) return "holds a character that no path can hold";
  const segments = path.split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    return 'has an empty, "." or ".." part';
  }
  // OCI image-spec, layer.md: such names delete files of lower layers.
  if (segments.some((segment) => segment.startsWith(".wh."))) return "is a whiteout's name";
  return undefined;
}

function appendEntry(chunks: Uint8Array[], entry: TarEntry, mtime: number): void {
  const name = entry.kind === "directory" ? `${entry.path}/` : entry.path;
  const link = entry.kind === "symlink" ? entry.target : "";
  const size = entry.kind === "file" ? entry.bytes.length : 0;
  const records: string[] = [];
  if (!fitsUstarName(name)) records.push(paxRecord("path", name));
  if (!isAscii(link) || link.length > 100) records.push(paxRecord("linkpath", link));
  // An octal field of eleven digits ends at 8 GiB.
  if (size >= 8 ** 11) records.push(paxRecord("size", String(size)));
  if (records.length > 0) {
    const body = encoder.encode(records.sort().join(""));
    const extension = {
      name: "././@PaxHeader",
      mode: modes.file,
      size: body.length,
      mtime,
      type: typeFlags.pax,
      link: "",
    };
    chunks.push(header(extension), body, padding(body.length));
  }
  const mode = entry.kind === "file" && entry.executable === true ? modes.executable : modes[entry.kind];
  chunks.push(header({ name, mode, size, mtime, type: typeFlags[entry.kind], link }));
  if (entry.kind === "file") chunks.push(entry.bytes, padding(size));
}

interface HeaderFields {
  readonly name: string;
  readonly mode: number;
  readonly size: number;
  readonly mtime: number;
  readonly type: string;
  readonly link: string;
}

/** One ustar header block (POSIX.1-2017, pax, "ustar Interchange Format"). */
function header(fields: HeaderFields): Uint8Array {
  const bytes = new Uint8Array(block);
  const { prefix, name } = splitName(fields.name);
  const put = (offset: number, length: number, text: string): void => {
    bytes.set(encoder.encode(text).subarray(0, length), offset);
  };
  put(0, 100, name);
  put(100, 8, octal(fields.mode, 8));
  put(108, 8, octal(0, 8));
  put(116, 8, octal(0, 8));
  put(124, 12, octal(fields.size >= 8 ** 11 ? 0 : fields.size, 12));
  put(136, 12, octal(fields.mtime, 12));
  put(148, 8, " ".repeat(8)); // the checksum counts itself as spaces
  put(156, 1, fields.type);
  put(157, 100, fields.link);
  put(257, 8, "ustar\u000000");
  put(345, 155, prefix);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  put(148, 8, `${sum.toString(8).padStart(6, "0")}\0 `);
  return bytes;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\0`;
}

function isAscii(text: string): boolean {
  return /^[\u0001-\u007f]*$/.test(text);
}

function fitsUstarName(name: string): boolean {
  return isAscii(name) && (name.length <= 100 || splitPoint(name) !== undefined);
}

/** Where the last `/` lies that leaves at most 155 characters before and 1 to 100 after. */
function splitPoint(name: string): number | undefined {
  const slash = name.lastIndexOf("/", 155);
  const rest = name.length - slash - 1;
  return slash > 0 && rest >= 1 && rest <= 100 ? slash : undefined;
}

function splitName(name: string): { prefix: string; name: string } {
  if (name.length <= 100) return { prefix: "", name };
  const at = splitPoint(name);
  // Without a split point the pax record holds the name; readers that know no pax see its start.
  return at === undefined ? { prefix: "", name } : { prefix: name.slice(0, at), name: name.slice(at + 1) };
}

/** `<length> <key>=<value>\n`, where the length in bytes counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = encoder.encode(` ${key}=${value}\n`).length;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function padding(size: number): Uint8Array {
  return new Uint8Array((block - (size % block)) % block);
}

function concatenate(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((total, chunk) => total + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function invalid(why: string): Failure {
  return new Failure({
    code: "LAYER_INVALID",
    kind: "usage",
    message: `The layer can't be built: ${why}.`,
    remedy: "Name each file once, by a plain path relative to the image's root.",
  });
}
