import type { Digest } from "../oci/digest.ts";
import { isZeroHex } from "../zero-hex.ts";

/** One entry of a stack's `releases`. */
export interface ReleaseEntry {
  readonly image: string;
  readonly current: Digest;
  readonly retained: readonly Digest[];
}

export interface RetainOptions {
  /** The current digest is not kept as a retained one. */
  readonly dropOld: boolean;
  /** At most so many are retained; all when left out. */
  readonly retain?: number;
}

/** What becomes of an entry when another digest becomes its current one. */
export interface ReleaseChange {
  readonly image: string;
  /** Left out when the image had no entry, or zeros in it. */
  readonly old?: Digest;
  readonly current: Digest;
  /** Afterwards, the latest first. */
  readonly retained: readonly Digest[];
  /** What the entry named before and names no more. */
  readonly dropped: readonly Digest[];
  /** The change of the entry's list `retained`: positions before it, and what comes in front. */
  readonly list: { readonly putInFront: readonly Digest[]; readonly remove: readonly number[] };
}

/**
 * Makes `current` an image's current digest: what was current goes to the front of the retained ones, each of which
 * stands there once. Zeros stand for a release that was not there yet, and are not kept. Undefined when it is current already.
 */
export function changeRelease(
  image: string,
  entry: ReleaseEntry | undefined,
  current: Digest,
  { dropOld, retain = Infinity }: RetainOptions,
): ReleaseChange | undefined {
  if (entry === undefined) {
    return { image, current, retained: [], dropped: [], list: { putInFront: [], remove: [] } };
  }
  const old = isZeroHex(entry.current.slice("sha256:".length)) ? undefined : entry.current;
  if (old === current) return undefined;
  const kept = entry.retained.filter(
    (digest, index) => digest !== current && digest !== old && entry.retained.indexOf(digest) === index,
  );
  const retained = [...(dropOld || old === undefined ? [] : [old]), ...kept].slice(0, retain);
  const putInFront = retained.filter((digest) => digest === old);
  const remove = entry.retained.flatMap((digest, index) =>
    digest !== old && retained.includes(digest) && entry.retained.indexOf(digest) === index ? [] : [index],
  );
  const before = old === undefined ? {} : { old };
  const dropped = [...new Set([...Object.values(before), ...entry.retained])].filter(
    (digest) => digest !== current && !retained.includes(digest),
  );
  return { image, ...before, current, retained, dropped, list: { putInFront, remove } };
}
