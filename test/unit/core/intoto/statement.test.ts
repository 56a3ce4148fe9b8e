import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { dsse } from "@sigstore/core";
import fc from "fast-check";
import { matchesArtifact, matchesDigest } from "../../../../src/core/intoto/match-subject.ts";
import { parseStatement } from "../../../../src/core/intoto/parse-statement.ts";
import { preAuthenticationEncoding } from "../../../../src/core/intoto/pre-authentication-encoding.ts";
import type { Statement } from "../../../../src/core/intoto/statement.ts";
import { writeStatement } from "../../../../src/core/intoto/write-statement.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const artifact = Buffer.from("an artifact");
const hash = (algorithm: string, bytes: Uint8Array = artifact): string =>
  createHash(algorithm).update(bytes).digest("hex");
const sha256 = hash("sha256");

function about(...digests: Record<string, string>[]): Statement {
  const written = writeStatement({
    subject: digests.map((digest) => ({ digest })),
    predicateType: "https://example.test/p",
    predicate: {},
  });
  const parsed = parseStatement(written, "a test's statement");
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.proof;
}

test("a statement's bytes are RFC 8785's: equal statements are equal bytes, and read back the same", () => {
  const parts = {
    subject: [{ name: "b", digest: { sha256 } }],
    predicateType: "https://example.test/p",
    predicate: { z: 1, a: [true, null] },
  };
  const other = {
    predicate: { a: [true, null], z: 1 },
    predicateType: parts.predicateType,
    subject: [{ digest: { sha256 }, name: "b" }],
  };
  assert.deepEqual(writeStatement(parts), writeStatement(other));
  assert.equal(
    Buffer.from(writeStatement(parts)).toString(),
    `{"_type":"https://in-toto.io/Statement/v1","predicate":{"a":[true,null],"z":1},"predicateType":"https://example.test/p","subject":[{"digest":{"sha256":"${sha256}"},"name":"b"}]}`,
  );
});

test("v0.1 statements are read, other types and malformed ones are refused", () => {
  const text = (change: Record<string, unknown>): Uint8Array =>
    Buffer.from(
      JSON.stringify({
        _type: "https://in-toto.io/Statement/v0.1",
        subject: [{ digest: { sha256 } }],
        predicateType: "p",
        predicate: {},
        ...change,
      }),
    );
  assert.deepEqual(codesOf(parseStatement(text({}), "x")), []);
  for (const change of [
    { _type: "https://in-toto.io/Statement/v2" },
    { _type: undefined },
    { subject: [] },
    { subject: {} },
    { subject: [{ name: "no digest" }] },
    { subject: [{ digest: { sha256: 5 } }] },
    { subject: Array.from({ length: 1025 }, () => ({ digest: { sha256 } })) },
    { predicateType: "" },
    { predicateType: undefined },
  ]) {
    assert.deepEqual(
      codesOf(parseStatement(text(change), "x")),
      ["STATEMENT_INVALID"],
      JSON.stringify(change).slice(0, 80),
    );
  }
});

test("any bytes are read or refused, never thrown on", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        const result = parseStatement(bytes, "x");
        assert.ok(result.ok || codesOf(result).every((code) => code === "STATEMENT_INVALID"));
      },
    ),
  );
});

test("a digest names a subject only by the algorithm asked for, in lower case; the second subject counts too", () => {
  assert.ok(matchesDigest(about({ sha256 }), "sha256", sha256));
  assert.ok(matchesDigest(about({ sha256: "0".repeat(64) }, { sha256, gitCommit: "x" }), "sha256", sha256));
  for (const digest of [
    { sha256: sha256.toUpperCase() },
    { sha512: hash("sha512") },
    { sha1: sha256 },
    { narHash: sha256 },
    { toString: sha256 },
    {},
  ]) {
    assert.equal(
      matchesDigest(about(digest as Record<string, string>), "sha256", sha256),
      false,
      JSON.stringify(digest),
    );
  }
});

test("an artifact is named by sha256, sha384 or sha512, and not when any of them contradicts", () => {
  for (const digest of [
    { sha256 },
    { sha384: hash("sha384") },
    { sha512: hash("sha512") },
    { sha256, sha512: hash("sha512"), other: "x" },
  ]) {
    assert.ok(matchesArtifact(about(digest), artifact), JSON.stringify(digest));
  }
  for (const digest of [{ sha256, sha512: "0".repeat(128) }, { sha1: hash("sha1") }, { dirHash: sha256 }, {}]) {
    assert.equal(matchesArtifact(about(digest as Record<string, string>), artifact), false, JSON.stringify(digest));
  }
});

test("the pre-authentication encoding is the peer library's, for any type and payload", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.uint8Array(), (type, payload) => {
      assert.deepEqual(preAuthenticationEncoding(type, payload), dsse.preAuthEncoding(type, Buffer.from(payload)));
    }),
  );
  assert.equal(
    preAuthenticationEncoding("http://example.com/HelloWorld", Buffer.from("hello world")).toString(),
    "DSSEv1 29 http://example.com/HelloWorld 11 hello world",
  );
});
