import assert from "node:assert/strict";
import { test } from "node:test";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { claimedDigests } from "../../../../src/core/sigstore/claimed-digests.ts";
import { sampleStatement, writeJson } from "../../../support/sigstore-handmade.ts";

function claimed(bundle: unknown): readonly string[] {
  return [...claimedDigests(bundle instanceof Uint8Array ? bundle : writeJson(bundle))].sort();
}

test("names the algorithms of a statement's subjects, or of a message's digest, and SHA-256 always", () => {
  const envelope = (digest: Record<string, string>): unknown => ({
    dsseEnvelope: { payload: Buffer.from(sampleStatement(predicateTypes.provenance, digest)).toString("base64") },
  });
  assert.deepEqual(claimed(envelope({ sha512: "00" })), ["sha256", "sha512"]);
  assert.deepEqual(claimed(envelope({ sha384: "00", sha512: "00", gitCommit: "00" })), ["sha256", "sha384", "sha512"]);
  const message = (algorithm: unknown): unknown => ({ messageSignature: { messageDigest: { algorithm } } });
  assert.deepEqual(claimed(message("SHA2_256")), ["sha256"]);
  for (const algorithm of ["SHA2_384", 2]) assert.deepEqual(claimed(message(algorithm)), ["sha256", "sha384"]);
  for (const algorithm of ["SHA2_512", 3]) assert.deepEqual(claimed(message(algorithm)), ["sha256", "sha512"]);
});

test("what is no bundle claims no more than SHA-256", () => {
  for (const other of [
    Buffer.from("{"),
    null,
    [],
    {},
    { dsseEnvelope: { payload: "!" } },
    { dsseEnvelope: { payload: "AAAA" } },
    { messageSignature: { messageDigest: { algorithm: "toString" } } },
  ])
    assert.deepEqual(claimed(other), ["sha256"]);
});
