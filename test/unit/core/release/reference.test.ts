import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "../../../../src/core/failure.ts";
import { parseDigestReference, parseReference } from "../../../../src/core/release/reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
  return "accepted";
}

test("takes a reference apart", () => {
  assert.deepEqual(parseReference(`127.0.0.1:5001/neko/base:v1@${digest}`), {
    registry: "127.0.0.1:5001",
    path: "neko/base",
    repository: "127.0.0.1:5001/neko/base",
    tag: "v1",
    digest,
  });
});

test("refuses a tag where a digest is required, and says how to resolve it", () => {
  assert.equal(codeOf(() => parseDigestReference("ghcr.io/m1k1o/neko/base:latest")), "REFERENCE_NEEDS_DIGEST");
  assert.equal(parseDigestReference(`ghcr.io/m1k1o/neko/base@${digest}`).digest, digest);
});

for (const [why, text] of [
  ["no registry", "neko/base"],
  ["no path", "ghcr.io"],
  ["upper case in the path", "ghcr.io/Neko/base"],
  ["an upper-case digest", `ghcr.io/neko/base@sha256:${"A".repeat(64)}`],
  ["a short digest", "ghcr.io/neko/base@sha256:abc"],
  ["sha512", `ghcr.io/neko/base@sha512:${"a".repeat(128)}`],
  ["two digests", `ghcr.io/neko/base@${digest}@${digest}`],
  ["a space", "ghcr.io/neko/ base"],
  ["a scheme", "https://ghcr.io/neko/base"],
  ["credentials", "user:pass@ghcr.io/neko/base"],
  ["a path that climbs", "ghcr.io/../etc"],
  ["an empty tag", "ghcr.io/neko/base:"],
  ["a Cyrillic look-alike", "ghcr.io/nеko/base"],
  ["nothing", ""],
] as const) {
  test(`refuses ${why}`, () => {
    assert.equal(codeOf(() => parseReference(text)), "REFERENCE_INVALID");
  });
}

test("never throws anything but REFERENCE_INVALID, whatever the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 80 }), (text) => {
      assert.ok(["accepted", "REFERENCE_INVALID"].includes(codeOf(() => parseReference(text))));
    }),
  );
});
