import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalBytes } from "../../../../src/core/json/canonical-json.ts";
import {
  maxEvidenceBytes,
  readEvidenceDocument,
  writeEvidenceDocument,
} from "../../../../src/core/tdx/evidence-document.ts";
import type { TdxEvidenceDocument } from "../../../../src/core/tdx/evidence-document.ts";
import { crlBytesMost } from "../../../../src/core/tdx/revocation-list.ts";
import { withValues } from "../../../support/documents.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const document: TdxEvidenceDocument = {
  payload: bytes("{}"),
  signature: bytes("signature"),
  spki: bytes("key"),
  challenge: bytes("challenge"),
  timestamps: [bytes("one"), bytes("two")],
  quote: bytes("quote"),
  eventLog: bytes("log"),
  collateral: {
    rootCaCrl: bytes("root"),
    pckCrl: bytes("pck"),
    pckCrlIssuerChain: "chain",
    tcbInfo: '{"a":1}',
    tcbInfoSignature: bytes("signature"),
    tcbInfoIssuerChain: "chain",
    qeIdentity: '{"b":1}',
    qeIdentitySignature: bytes("signature"),
    qeIdentityIssuerChain: "chain",
  },
};
const written = writeEvidenceDocument(document);
const plain: unknown = JSON.parse(Buffer.from(written).toString("utf8"));

test("what is written is read back, byte for byte", () => {
  const read = readEvidenceDocument(written);
  assert.deepEqual(read, { ok: true, document });
  assert.ok(read.ok);
  assert.deepEqual(writeEvidenceDocument(read.document), written);
});

for (const [what, changes] of [
  ["an unknown field", { more: 1 }],
  ["another schema", { schema: 2 }],
  ["another payload type", { "envelope.payloadType": "text/plain" }],
  ["no signature", { "envelope.signatures": [] }],
  ["two signatures", { "envelope.signatures": [{ sig: "YQ==" }, { sig: "YQ==" }] }],
  ["a key id", { "envelope.signatures.0.keyid": "x" }],
  ["base64 without its padding", { quote: "YQ" }],
  ["base64 of URLs", { quote: "_w==" }],
  ["an empty quote", { quote: "" }],
  ["no time", { timestamps: [] }],
  ["five times", { timestamps: ["YQ==", "YQ==", "YQ==", "YQ==", "YQ=="] }],
  ["a quote that no machine gives", { quote: Buffer.alloc(65 * 1024).toString("base64") }],
  ["collateral with an unknown field", { "collateral.more": "x" }],
  ["collateral without a list", { "collateral.pckCrl": undefined }],
] as const) {
  test(`a document with ${what} is refused`, () => {
    assert.equal(readEvidenceDocument(canonicalBytes(withValues(plain, changes))).ok, false);
  });
}

test("the largest list that a verifier reads is carried, and no larger one", () => {
  const withList = (bytes: number) =>
    readEvidenceDocument(
      canonicalBytes(withValues(plain, { "collateral.rootCaCrl": Buffer.alloc(bytes).toString("base64") })),
    );
  assert.equal(withList(crlBytesMost).ok, true);
  assert.equal(withList(crlBytesMost + 3).ok, false);
});

test("duplicate keys, other bytes and too many of them are refused", () => {
  const twice = Buffer.from(written).toString("utf8").replace('"schema":1', '"schema":1,"schema":1');
  assert.equal(readEvidenceDocument(Buffer.from(twice)).ok, false);
  for (const other of ["", "[]", "null", "{", "\u0000"])
    assert.equal(readEvidenceDocument(Buffer.from(other)).ok, false);
  const long = readEvidenceDocument(Buffer.alloc(maxEvidenceBytes + 1, 0x20));
  assert.ok(!long.ok);
});
