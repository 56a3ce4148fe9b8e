import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { buildReferrer } from "../../../../src/core/oci/referrer-builder.ts";
import {
  extendReferrerList,
  fallbackTag,
  mergeReferrers,
  parseReferrerList,
} from "../../../../src/core/oci/referrers.ts";
import type { ReferrerDescriptor } from "../../../../src/core/oci/referrers.ts";

const named = (name: string): ReferrerDescriptor => ({
  mediaType: mediaTypes.manifest,
  digest: digestOf(name),
  size: name.length,
});
const names = fc.array(fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h"), { maxLength: 12 });

test("the fallback tag of a digest is a tag", () => {
  assert.match(fallbackTag(digestOf("x")), /^sha256-[0-9a-f]{64}$/);
});

test("extending a list keeps what was there, adds what was missing, and lists each digest once", () => {
  fc.assert(
    fc.property(names, names, (before, added) => {
      const first = extendReferrerList([], before.map(named));
      const held = first === undefined ? [] : listOf(first).raw;
      const bytes = extendReferrerList(held, added.map(named));
      const expected = [...new Set([...before, ...added])].map((name) => digestOf(name));
      if (bytes === undefined) assert.ok(added.every((name) => before.includes(name)));
      else
        assert.deepEqual(
          listOf(bytes).descriptors.map(({ digest }) => digest),
          expected,
        );
    }),
  );
});

function listOf(bytes: Uint8Array): Extract<ReturnType<typeof parseReferrerList>, { ok: true }> {
  const list = parseReferrerList(bytes, 100);
  assert.ok(list.ok);
  return list;
}

test("merging does not depend on how entries are spread over lists", () => {
  fc.assert(
    fc.property(names, fc.nat(12), (all, at) => {
      const split = mergeReferrers([all.slice(0, at).map(named), all.slice(at).map(named)], 100);
      assert.deepEqual(split, mergeReferrers([all.map(named)], 100));
    }),
  );
});

test("arbitrary bytes are refused or read, never an exception", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => new TextEncoder().encode(text)),
      ),
      (bytes) => {
        assert.equal(parseReferrerList(bytes, 10).ok, false);
      },
    ),
  );
});

test("a problem of a list is told by its place, never by its content", () => {
  for (const text of [
    '{"s3cret":1,"s3cret":2}',
    '{"schemaVersion":2,"manifests":[{"s3cret":1,"digest":"s3cret"}]}',
    "s3cret",
  ]) {
    const list = parseReferrerList(new TextEncoder().encode(text), 10);
    assert.ok(!list.ok);
    assert.ok(!list.detail.includes("s3cret"), list.detail);
  }
});

test("the same attachment always makes the same manifest, also with other-than-ASCII annotations", () => {
  const subject = { mediaType: mediaTypes.index, digest: digestOf("index"), size: 5 };
  const attachment = {
    artifactType: mediaTypes.bundle,
    layer: new TextEncoder().encode("{}"),
    layerMediaType: mediaTypes.bundle,
    annotations: { b: "é", a: "1" },
  };
  const one = buildReferrer(subject, attachment);
  const other = buildReferrer(subject, { ...attachment, annotations: { a: "1", b: "é" } });
  assert.deepEqual(one.manifest, other.manifest);
  assert.equal(one.descriptor.size, one.manifest.length);
  assert.equal(one.descriptor.digest, digestOf(one.manifest));
});
