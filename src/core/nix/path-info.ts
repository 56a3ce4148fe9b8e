import { z } from "zod";
import { Failure } from "../failure.ts";
import { describeJsonProblem, parseStrictJson } from "../json/strict-json.ts";
import { safeParse } from "../safe-parse.ts";
import { sha256OfSri, sriOfHex, sriOfNixBase32, sriOfSha256 } from "./hash-formats.ts";
import type { SriSha256 } from "./hash-formats.ts";
import { parseStorePath, storeDirectory } from "./store-path.ts";

/**
 * What `nix path-info --json` prints, in all four shapes that Nix has had:
 * - up to 2.18 a list of objects, each with its `path`;
 * - from 2.19 on (from 2.33 on as `--json-format 1`) an object by store path;
 * - from 2.33 on `--json-format 2`: version, storeDir, and an object by the path's last part;
 * - from 2.35 on `--json-format 3`: the same with signatures as objects.
 * (NixOS/nix, doc/manual/source/release-notes/rl-2.19.md, rl-2.33.md, rl-2.35.md.)
 *
 * Strict about the fields that are used here, indifferent to others: Nix adds some with every release.
 */
export interface PathInfo {
  readonly path: string;
  readonly narHash: SriSha256;
  /** Bytes. */
  readonly narSize: number;
  /** Whole store paths, the object's own included when it names itself. */
  readonly references: readonly string[];
  /** The `.drv` that it was built by, when the store knows. */
  readonly deriver?: string;
  readonly signatures: readonly NarSignature[];
  /** Whether this store built it itself, and took it from nobody. */
  readonly ultimate: boolean;
  /** Whether its path follows from its contents (a source, a fixed output): then nobody could give it other contents. */
  readonly contentAddressed: boolean;
}

/** Who signed a store object, as the store has it: nothing is verified here. */
export interface NarSignature {
  readonly keyName: string;
  /** Base 64. */
  readonly signature: string;
}

export type PathInfoFailureCode =
  /** No JSON, or none of the four shapes. */
  | "PATH_INFO_INVALID"
  /** Nothing is listed. */
  | "PATH_INFO_EMPTY"
  /** A path that the store did not have. */
  | "PATH_INFO_NOT_VALID"
  /** One path with two entries. */
  | "PATH_INFO_TWICE"
  /** Paths of another store folder than /nix/store. */
  | "PATH_INFO_OTHER_STORE";

/** A closure of tens of thousands of paths is some ten MiB. */
const maxBytes = 128 * 1024 * 1024;

const signature = z.union([z.string(), z.looseObject({ keyName: z.string(), sig: z.string() })]);
const entrySchema = z.looseObject({
  path: z.string().optional(),
  valid: z.boolean().optional(),
  storeDir: z.string().optional(),
  narHash: z.string(),
  narSize: z.int().nonnegative(),
  references: z.array(z.string()),
  deriver: z.string().nullish(),
  signatures: z.array(signature).nullish(),
  ultimate: z.boolean().nullish(),
  ca: z.unknown().optional(),
});
const versionedSchema = z.looseObject({
  version: z.union([z.literal(2), z.literal(3)]),
  storeDir: z.string(),
  info: z.record(z.string(), z.unknown()),
});

/** What `nix path-info` said, each path once. Throws with a PathInfoFailureCode, STORE_PATH_INVALID or NIX_HASH_INVALID. */
export function parsePathInfo(bytes: Uint8Array): PathInfo[] {
  const json = parseStrictJson(bytes, { maxBytes });
  if (!json.ok) throw pathInfoFailure("PATH_INFO_INVALID", `it is no JSON: ${describeJsonProblem(json.problem)}`);
  const infos = entriesOf(json.value).map(([path, entry]) => readEntry(path, entry));
  if (infos.length === 0) throw pathInfoFailure("PATH_INFO_EMPTY", "it lists no store path");
  const seen = new Set<string>();
  for (const { path } of infos) {
    if (seen.has(path)) throw pathInfoFailure("PATH_INFO_TWICE", `it lists ${path} twice`);
    seen.add(path);
  }
  return infos;
}

/** Each entry with the path that its place gives it; a list's entries name their own. */
function entriesOf(value: unknown): (readonly [string | undefined, unknown])[] {
  if (Array.isArray(value)) return value.map((entry: unknown) => [undefined, entry] as const);
  if (typeof value !== "object" || value === null) {
    throw pathInfoFailure("PATH_INFO_INVALID", "it is neither a list nor an object");
  }
  if (!Object.hasOwn(value, "info")) {
    // Version 1 may say so beside the paths.
    const paths = Object.entries(value).filter(([key]) => key !== "version" && key !== "storeDir");
    if ("storeDir" in value) requireStore(value.storeDir);
    if ("version" in value && value.version !== 1) throw otherVersion(value.version);
    return paths;
  }
  if ("version" in value && value.version !== 2 && value.version !== 3) throw otherVersion(value.version);
  const versioned = safeParse(versionedSchema, value);
  if (!versioned.success) throw invalidEntry("the document", versioned.error);
  requireStore(versioned.data.storeDir);
  return Object.entries(versioned.data.info).map(([name, entry]) => [`${storeDirectory}/${name}`, entry] as const);
}

function readEntry(place: string | undefined, value: unknown): PathInfo {
  const named = typeof value === "object" && value !== null && "path" in value ? value.path : undefined;
  const path = wholePath(place ?? (typeof named === "string" ? named : ""));
  // A path that the store lacks is `null`, or in the oldest shape an object with `valid: false` alone.
  const invalid = typeof value === "object" && value !== null && "valid" in value && value.valid === false;
  if (value === null || invalid) throw pathInfoFailure("PATH_INFO_NOT_VALID", `the store did not have ${path}`);
  const parsed = safeParse(entrySchema, value);
  if (!parsed.success) throw invalidEntry(path, parsed.error);
  const entry = parsed.data;
  if (entry.path !== undefined && wholePath(entry.path) !== path) {
    throw pathInfoFailure("PATH_INFO_INVALID", `it lists ${entry.path} as ${path}`);
  }
  if (entry.storeDir !== undefined) requireStore(entry.storeDir);
  const { deriver } = entry;
  return {
    path,
    narHash: readHash(entry.narHash),
    narSize: entry.narSize,
    references: entry.references.map(wholePath),
    ...(deriver === undefined || deriver === null || deriver === "unknown-deriver"
      ? {}
      : { deriver: wholePath(deriver) }),
    signatures: (entry.signatures ?? []).map(readSignature),
    ultimate: entry.ultimate === true,
    contentAddressed: entry.ca !== undefined && entry.ca !== null && entry.ca !== "",
  };
}

/** A store path, also when only its last part is given, as the newer shapes do. */
function wholePath(text: string): string {
  return parseStorePath(text.startsWith("/") ? text : `${storeDirectory}/${text}`).path;
}

/** SRI; or `sha256:` and base 32 or hex, as older versions and .narinfo files have it. Throws NIX_HASH_INVALID. */
function readHash(text: string): SriSha256 {
  const prefix = "sha256:";
  if (!text.startsWith(prefix)) return sriOfSha256(sha256OfSri(text));
  const digits = text.slice(prefix.length);
  return digits.length === 64 ? sriOfHex(digits) : sriOfNixBase32(digits);
}

function readSignature(value: z.infer<typeof signature>): NarSignature {
  if (typeof value !== "string") return { keyName: value.keyName, signature: value.sig };
  const colon = value.indexOf(":");
  // One without a key's name is nobody's.
  return colon < 0
    ? { keyName: "", signature: value }
    : { keyName: value.slice(0, colon), signature: value.slice(colon + 1) };
}

function requireStore(folder: unknown): void {
  if (folder === storeDirectory) return;
  const found = JSON.stringify(folder).slice(0, 200);
  throw pathInfoFailure("PATH_INFO_OTHER_STORE", `it is of a store at ${found}, not at ${storeDirectory}`);
}

function otherVersion(version: unknown): Failure {
  const found = JSON.stringify(version).slice(0, 100);
  return pathInfoFailure("PATH_INFO_INVALID", `it is of version ${found}; versions 1, 2 and 3 are read`);
}

function invalidEntry(where: string, error: z.ZodError): Failure {
  const [issue] = error.issues;
  const field = issue === undefined ? "" : issue.path.map(String).join(".").slice(0, 100);
  return pathInfoFailure(
    "PATH_INFO_INVALID",
    `${where}${field === "" ? "" : `, ${field}`}: ${issue?.message ?? "invalid"}`,
  );
}

export function pathInfoFailure(code: PathInfoFailureCode, why: string): Failure {
  return new Failure({
    code,
    kind: "refused",
    message: `The output of nix path-info can't be used: ${why}.`,
    remedy: "Make it anew with `nix path-info --json --recursive <store path>` on the machine that built it.",
  });
}
