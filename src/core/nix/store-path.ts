import { createHash } from "node:crypto";
import { Failure } from "../failure.ts";
import { sha256Hex } from "../oci/digest.ts";
import { encodeNixBase32, hexOfSri } from "./hash-formats.ts";

/** Where Nix keeps its objects. The folder's name enters every path's hash, so another store gives other paths. */
export const storeDirectory = "/nix/store";

export interface StorePath {
  /** The whole path, `/nix/store/<hash>-<name>`. */
  readonly path: string;
  /** 32 characters of Nix's base 32: 20 bytes. */
  readonly hash: string;
  readonly name: string;
}

const hashPattern = /^[0-9a-df-np-sv-z]{32}$/;
const namePattern = /^[0-9A-Za-z+\-._?=]{1,211}$/;

/** Whether a name may follow the hash (Nix, src/libstore/path.cc): its first part between dashes is not `.` or `..`. */
export function isStorePathName(name: string): boolean {
  return namePattern.test(name) && !/^\.{1,2}(?:-|$)/.test(name);
}

/** Takes a store path apart; throws STORE_PATH_INVALID for anything below or beside one. */
export function parseStorePath(path: string): StorePath {
  const prefix = `${storeDirectory}/`;
  const hash = path.slice(prefix.length, prefix.length + 32);
  const name = path.slice(prefix.length + 33);
  const dash = path.charAt(prefix.length + 32);
  if (!path.startsWith(prefix) || !hashPattern.test(hash) || dash !== "-" || !isStorePathName(name)) {
    throw new Failure({
      code: "STORE_PATH_INVALID",
      kind: "refused",
      message: `${JSON.stringify(path.slice(0, 300))} is not a Nix store path.`,
      remedy: "Give the whole path of one store object, /nix/store/<32 characters>-<name>.",
    });
  }
  return { path, hash, name };
}

/**
 * The store path of a tree that is addressed by its NAR hash, as `nix store add-path --name NAME` and fetchers give it
 * (Nix manual, "Store Path Specification", type `source`). `references` are store paths that the tree names.
 */
export function sourceStorePath(object: {
  readonly name: string;
  readonly narHash: string;
  readonly references?: readonly string[];
}): StorePath {
  return makeStorePath(withReferences("source", object.references), hexOfSri(object.narHash), object.name);
}

/** The store path of a text addressed by its contents, as `builtins.toFile` gives it (type `text`). */
export function textStorePath(object: {
  readonly name: string;
  readonly contents: Uint8Array | string;
  readonly references?: readonly string[];
}): StorePath {
  return makeStorePath(withReferences("text", object.references), sha256Hex(object.contents), object.name);
}

/**
 * The store path of a fixed output whose one file was hashed flat, as `fetchurl` gives it. A recursive SHA-256 output
 * has the path of a source: use `sourceStorePath`.
 */
export function flatFixedOutputStorePath(object: { readonly name: string; readonly sha256: string }): StorePath {
  return makeStorePath("output:out", sha256Hex(`fixed:out:sha256:${object.sha256}:`), object.name);
}

/** Type, then what the object refers to, sorted and without duplicates. */
function withReferences(type: string, references: readonly string[] = []): string {
  const sorted = [...new Set(references.map((reference) => parseStorePath(reference).path))].sort();
  return [type, ...sorted].join(":");
}

function makeStorePath(type: string, innerSha256: string, name: string): StorePath {
  if (!isStorePathName(name)) {
    throw new Failure({
      code: "STORE_PATH_INVALID",
      kind: "refused",
      message: `${JSON.stringify(name.slice(0, 250))} can't name a store object.`,
      remedy: "Use 1 to 211 letters, digits and + - . _ ? =, not beginning with a dot alone.",
    });
  }
  const fingerprint = `${type}:sha256:${innerSha256}:${storeDirectory}:${name}`;
  const hash = encodeNixBase32(compress(createHash("sha256").update(fingerprint).digest(), 20));
  return { path: `${storeDirectory}/${hash}-${name}`, hash, name };
}

/** Folds a hash to fewer bytes by XOR (Nix, `compressHash`). */
function compress(digest: Uint8Array, size: number): Uint8Array {
  const folded = new Uint8Array(size);
  digest.forEach((byte, index) => {
    folded[index % size] = (folded[index % size] ?? 0) ^ byte;
  });
  return folded;
}
