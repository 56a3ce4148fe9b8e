import { z } from "zod";
import { canonicalBytes } from "../json/canonical-json.ts";
import { parseStrictJson } from "../json/strict-json.ts";
import type { JsonObject, JsonValue } from "../json/strict-json.ts";
import { safeParse } from "../safe-parse.ts";
import type { Digest } from "./digest.ts";
import { digestSchema, mediaTypes } from "./formats.ts";

/**
 * Lists of referrers: what the referrers API answers, and what the fallback tag holds (OCI distribution-spec v1.1,
 * "Listing Referrers" and "Pushing Manifests with Subject"). Both are an image index. Nothing is filtered by
 * `artifactType`: descriptors written by other tools carry wrong ones.
 */

/** One listed referrer. Only the digest and size are used; the rest is a hint. */
export type ReferrerDescriptor = {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes of the referring manifest. */
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
};

export type ReferrerList =
  | { readonly ok: true; readonly descriptors: readonly ReferrerDescriptor[]; readonly raw: readonly JsonValue[] }
  | { readonly ok: false; readonly kind: "broken" | "too-large"; readonly detail: string };

/** `sha256-<hex>`: the tag that lists the referrers of a digest. */
export function fallbackTag(digest: Digest): string {
  return digest.replace(":", "-");
}

const listSchema = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal(mediaTypes.index).optional(),
  manifests: z.array(z.unknown()),
});

const descriptorSchema = z.looseObject({
  mediaType: z.string().min(1).max(255),
  digest: digestSchema,
  size: z.int().nonnegative(),
  artifactType: z.string().max(255).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

/** Reads one list. `raw` keeps each entry as it is written, for merging. */
export function parseReferrerList(bytes: Uint8Array, maxEntries: number): ReferrerList {
  const json = parseStrictJson(bytes, { maxBytes: bytes.length });
  if (!json.ok) {
    // Only the place is told: lists are bound by no digest, and a registry could write what it was sent into one.
    const { line, column } = json.problem;
    return broken(`the list of referrers is not well-formed JSON (line ${line}, column ${column})`);
  }
  // Counted before anything is made of them: a list of a few MiB can hold millions.
  const listed = entryCount(json.value);
  if (listed > maxEntries) {
    return { ok: false, kind: "too-large", detail: `${listed} referrers are listed, ${maxEntries} are allowed` };
  }
  const list = safeParse(listSchema, json.value);
  if (!list.success) return broken("the list of referrers is not an image index");
  const raw = list.data.manifests as readonly JsonValue[];
  const descriptors: ReferrerDescriptor[] = [];
  for (const [position, entry] of raw.entries()) {
    const parsed = safeParse(descriptorSchema, entry);
    if (!parsed.success) return broken(`referrer ${position + 1} of the list is not a well-formed descriptor`);
    const { mediaType, digest, size, artifactType, annotations } = parsed.data;
    descriptors.push({
      mediaType,
      digest,
      size,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(annotations === undefined ? {} : { annotations }),
    });
  }
  return { ok: true, descriptors, raw };
}

function entryCount(value: JsonValue): number {
  if (typeof value !== "object" || value === null || !("manifests" in value)) return 0;
  return Array.isArray(value.manifests) ? value.manifests.length : 0;
}

/** Each digest once, in the order of first appearance; two sizes for one digest contradict each other. */
export function mergeReferrers(
  lists: readonly (readonly ReferrerDescriptor[])[],
  maxEntries: number,
):
  | { readonly ok: true; readonly descriptors: readonly ReferrerDescriptor[] }
  | { readonly ok: false; readonly kind: "broken" | "too-large"; readonly detail: string } {
  const byDigest = new Map<Digest, ReferrerDescriptor>();
  for (const descriptor of lists.flat()) {
    const known = byDigest.get(descriptor.digest);
    if (known === undefined) byDigest.set(descriptor.digest, descriptor);
    else if (known.size !== descriptor.size) {
      return { ok: false, kind: "broken", detail: `${descriptor.digest} is listed with two sizes` };
    }
  }
  if (byDigest.size > maxEntries) {
    return { ok: false, kind: "too-large", detail: `${byDigest.size} referrers are listed, ${maxEntries} are allowed` };
  }
  return { ok: true, descriptors: [...byDigest.values()] };
}

/**
 * The bytes of a fallback list that holds the given entries as they stand and the added ones, each digest once.
 * Undefined when nothing has to be added.
 */
export function extendReferrerList(
  existing: readonly JsonValue[],
  added: readonly ReferrerDescriptor[],
): Uint8Array | undefined {
  const listed = new Set(existing.map(digestOfEntry));
  const missing = new Map<Digest, JsonObject>();
  for (const descriptor of added) {
    if (!listed.has(descriptor.digest)) missing.set(descriptor.digest, entryOf(descriptor));
  }
  if (missing.size === 0) return undefined;
  return canonicalBytes({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [...existing, ...missing.values()],
  });
}

function digestOfEntry(entry: JsonValue): string | undefined {
  const parsed = safeParse(descriptorSchema, entry);
  return parsed.success ? parsed.data.digest : undefined;
}

function entryOf(descriptor: ReferrerDescriptor): JsonObject {
  const { mediaType, digest, size, artifactType, annotations } = descriptor;
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

function broken(detail: string): { ok: false; kind: "broken"; detail: string } {
  return { ok: false, kind: "broken", detail };
}
