import { readRegularFile } from "../adapters/files/read-regular-file.ts";
import { publicGoodMirror } from "../adapters/tuf/fetch-trusted-root.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import { parseStrictJson } from "../core/json/strict-json.ts";
import { isLoopbackUrl } from "../core/loopback.ts";
import { maxTrustBytes } from "./read-file.ts";

/** Where a trusted root is fetched from, checked; empty for the public-good Sigstore. */
export interface TufSource {
  readonly mirror?: string;
  readonly tufRoot?: Uint8Array;
}

/**
 * Checks a TUF mirror's address and reads the root.json to start from. Throws TUF_MIRROR_INVALID, TUF_ROOT_MISSING,
 * TUF_ROOT_UNREADABLE and TUF_ROOT_INVALID (usage).
 */
export function readTufSource(named: {
  readonly mirror: string | undefined;
  readonly rootFile: string | undefined;
}): TufSource {
  const mirror = named.mirror === undefined ? undefined : mirrorOf(named.mirror);
  if (named.rootFile !== undefined) {
    const tufRoot = readRootFile(named.rootFile);
    return mirror === undefined ? { tufRoot } : { mirror, tufRoot };
  }
  if (mirror === undefined || mirror === publicGoodMirror) return {};
  throw new Failure({
    code: "TUF_ROOT_MISSING",
    kind: "usage",
    message: `${mirror} can't be trusted by its address alone.`,
    remedy: "Name the repository's root.json with --tuf-root; have it from who runs the repository, by another way.",
  });
}

function mirrorOf(text: string): string {
  const invalid = (why: string): Failure =>
    new Failure({
      code: "TUF_MIRROR_INVALID",
      kind: "usage",
      message: `The address given with --tuf-mirror ${why}.`,
      remedy: "Name it as https://host/path; http is for loopback alone.",
    });
  if (!URL.canParse(text)) throw invalid("is no URL");
  const url = new URL(text);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw invalid("has credentials, a query or a fragment");
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopbackUrl(url))) {
    throw invalid(`begins with ${url.protocol}//, and is not https`);
  }
  return url.href.replace(/\/+$/, "");
}

function readRootFile(path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readRegularFile(path, maxTrustBytes);
  } catch (error) {
    throw new Failure(
      {
        code: "TUF_ROOT_UNREADABLE",
        kind: "usage",
        message: `The TUF root ${path} can't be read: ${reasonOf(error)}.`,
        remedy: "Correct --tuf-root.",
      },
      { cause: error },
    );
  }
  const json = parseStrictJson(bytes, { maxBytes: 512_000, maxDepth: 16 });
  if (json.ok && typeOf(json.value) === "root") return bytes;
  throw new Failure({
    code: "TUF_ROOT_INVALID",
    kind: "usage",
    message: `${path} is no TUF root.`,
    remedy: "Name the repository's root.json (its metadata of type root), not its trusted_root.json.",
  });
}

function typeOf(document: unknown): unknown {
  const signed = property(document, "signed");
  return property(signed, "_type");
}

function property(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}
