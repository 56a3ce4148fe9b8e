import { basename } from "node:path";
import { isTooLarge, readRegularFile } from "../adapters/files/read-regular-file.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import { describeJsonProblem, parseStrictJson } from "../core/json/strict-json.ts";
import type { JsonValue } from "../core/json/strict-json.ts";
import { digestOf } from "../core/oci/digest.ts";
import type { Digest } from "../core/oci/digest.ts";

/** What a file holds that is to be attested. `custom` has a predicate type of the caller's. */
export type DocumentKind = "provenance" | "sbom" | "manifest" | "rebuild" | "scan" | "vsa" | "custom";

/** A predicate, read from a file. */
export interface AttestDocument {
  readonly kind: DocumentKind;
  readonly file: string;
  /** When the command line names it: `linux/amd64=<file>`. */
  readonly platform?: string;
  readonly document: JsonValue;
  /** Of a custom document: a URI. */
  readonly predicateType?: string;
}

/** 16 MiB: the largest SBOM that GitHub's attest action takes, and that fits a bundle (core/sigstore/bundle-format.ts). */
const maxBytes = 16 * 1024 * 1024;

/** `os/architecture[/variant]=<file>`; a file whose name looks like it is written with ./ in front. */
const withPlatform = /^([a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9]+)?)=(.+)$/s;

function unreadable(what: string, file: string, reason: string, cause?: unknown): Failure {
  return new Failure(
    {
      code: "ATTEST_FILE_UNREADABLE",
      kind: "usage",
      message: `The ${what} ${file} can't be read: ${reason}.`,
      remedy: "Name a readable file; nothing was attached.",
    },
    { cause },
  );
}

function readBounded(what: string, file: string): Uint8Array {
  try {
    return readRegularFile(file, maxBytes);
  } catch (error) {
    if (!isTooLarge(error)) throw unreadable(what, file, reasonOf(error), error);
    throw new Failure({
      code: "ATTEST_FILE_TOO_LARGE",
      kind: "usage",
      message: `The ${what} ${file} is larger than ${maxBytes} bytes.`,
      remedy: "Make a smaller one: verifiers read no larger statement. Nothing was attached.",
    });
  }
}

/**
 * Reads a document to attest, named as `[platform=]<file>`: JSON that has one meaning only (no duplicate keys and the
 * like). Throws ATTEST_FILE_UNREADABLE, ATTEST_FILE_TOO_LARGE or ATTEST_FILE_NOT_JSON (usage).
 */
export function readAttestDocument(kind: DocumentKind, argument: string, predicateType?: string): AttestDocument {
  const [, platform, path = argument] = withPlatform.exec(argument) ?? [];
  const json = parseStrictJson(readBounded(kind, path), { maxBytes });
  if (!json.ok) {
    throw new Failure({
      code: "ATTEST_FILE_NOT_JSON",
      kind: "usage",
      message: `The ${kind} ${path} is not strict JSON: ${describeJsonProblem(json.problem)}.`,
      remedy: "Make it again with a tool that writes plain JSON; nothing was attached.",
    });
  }
  return {
    kind,
    file: path,
    document: json.value,
    ...(platform === undefined ? {} : { platform }),
    ...(predicateType === undefined ? {} : { predicateType }),
  };
}

/** The lock file's name and digest, for generated provenance. Throws as readAttestDocument. */
export function readLock(file: string): { readonly path: string; readonly digest: Digest } {
  return { path: basename(file), digest: digestOf(readBounded("flake lock", file)) };
}
