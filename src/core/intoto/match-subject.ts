import { createHash } from "node:crypto";
import type { Statement } from "./statement.ts";

/** Digest names of in-toto (spec/v1/digest_set.md) that are recomputed here; any other name proves nothing. */
const algorithms = ["sha256", "sha384", "sha512"] as const;
export type DigestAlgorithm = (typeof algorithms)[number];

/** Digests of one artifact in lower-case hex, for artifacts too large to be at hand as bytes. What lacks matches nothing. */
export type ArtifactDigests = Readonly<Partial<Record<DigestAlgorithm, string>>>;

function digestIn(digests: Readonly<Record<string, string>>, algorithm: DigestAlgorithm): string | undefined {
  return Object.hasOwn(digests, algorithm) ? digests[algorithm] : undefined;
}

/**
 * True when one of the statement's subjects has exactly this digest, in lower-case hex. Only the algorithm asked for
 * counts: in-toto lets two digest sets match by any common name, and a name nobody checks must not vouch for an image.
 */
export function matchesDigest(statement: Statement, algorithm: DigestAlgorithm, hex: string): boolean {
  return statement.subject.some(({ digest }) => digestIn(digest, algorithm) === hex);
}

/**
 * True when one of the statement's subjects names the artifact: at least one digest that can be recomputed from the
 * bytes (or is given), and none of those that can be differs.
 */
export function matchesArtifact(statement: Statement, artifact: Uint8Array | ArtifactDigests): boolean {
  const computed = new Map<DigestAlgorithm, string>();
  const compute = (algorithm: DigestAlgorithm): string | undefined => {
    if (!(artifact instanceof Uint8Array)) return artifact[algorithm];
    const known = computed.get(algorithm) ?? createHash(algorithm).update(artifact).digest("hex");
    computed.set(algorithm, known);
    return known;
  };
  return statement.subject.some(({ digest }) => {
    const named = algorithms.filter((algorithm) => Object.hasOwn(digest, algorithm));
    return named.length > 0 && named.every((algorithm) => digestIn(digest, algorithm) === compute(algorithm));
  });
}
