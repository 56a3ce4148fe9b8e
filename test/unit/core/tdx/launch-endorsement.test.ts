import assert from "node:assert/strict";
import { X509Certificate, constants } from "node:crypto";
import { test } from "node:test";
import protobuf from "google-protobuf";
import fc from "fast-check";
import { toPem } from "../../../../lab/sigstore/certificates.ts";
import { sha256Hex } from "../../../../src/core/oci/digest.ts";
import { googleRootSha256 } from "../../../../src/core/tdx/google-root.ts";
import { judgeMrtd, verifyLaunchEndorsement } from "../../../../src/core/tdx/launch-endorsement.ts";
import type { EndorsementVerdict } from "../../../../src/core/tdx/launch-endorsement.ts";
import { readProtobuf } from "../../../../src/core/tdx/protobuf-reader.ts";
import {
  endorsementOf,
  golden,
  mrtds,
  noAuthority,
  otherRoot,
  root,
  signPss,
  signerCertificate,
} from "../../../support/endorsements.ts";
import { mutateBytes, randomFrom } from "../../../support/json-mutations.ts";

const at = new Date("2026-11-27T00:00:00Z");
/** Under any root that is given: its own digest is the pin, unless a test says another. */
const verify = (bytes: Uint8Array, rootBytes: Uint8Array = root.certificate, time = at, pin = digestOfDer(rootBytes)) =>
  verifyLaunchEndorsement(bytes, { root: rootBytes, rootSha256: pin, at: time });
function digestOfDer(bytes: Uint8Array): string {
  try {
    return sha256Hex(new X509Certificate(bytes).raw);
  } catch {
    return sha256Hex(bytes);
  }
}
const codes = (verdict: EndorsementVerdict) => (verdict.ok ? [] : verdict.faults.map(({ code }) => code));
const good = endorsementOf(golden());
const hex = mrtds.map((mrtd) => mrtd.toString("hex"));

test("tells what an endorsement says, once root, certificate and signature hold", () => {
  const expected = {
    ok: true,
    endorsement: {
      signed: new Date(1_790_000_000_000),
      firmware: "09".repeat(48),
      svn: 7,
      source: { changelist: "123456", commit: "" },
      measurements: [
        { ramGib: 16, earlyAccept: false, mrtd: hex[0] },
        { ramGib: 352, earlyAccept: true, mrtd: hex[1] },
      ],
    },
  };
  assert.deepEqual(verify(good), expected);
  assert.deepEqual(verify(good, Buffer.from(toPem(root.certificate))), expected);
});

test("members that Google adds to what it signs are left alone", () => {
  const more = (writer: protobuf.BinaryWriter) => {
    writer.writeString(99, "new");
    writer.writeFixed64(100, 1);
    writer.writeFixed32(101, 1);
  };
  assert.ok(verify(endorsementOf(golden({ more }))).ok);
});

test("F10: names the machines of an MRTD, and shows what is endorsed when a machine has drifted", () => {
  const verdict = verify(good);
  assert.ok(verdict.ok);
  assert.deepEqual(judgeMrtd(verdict.endorsement, hex[1]!), {
    ok: true,
    machines: [verdict.endorsement.measurements[1]],
  });
  const other = judgeMrtd(verdict.endorsement, "0".repeat(96));
  assert.ok(!other.ok);
  assert.deepEqual(other.faults, [
    {
      code: "ENDORSEMENT_OTHER_MRTD",
      subject: "MRTD",
      expected: `one of ${hex[0]} (16 GiB), ${hex[1]} (352 GiB)`,
      found: "0".repeat(96),
    },
  ]);
});

const signed = golden();
const early = new Date("2025-01-01T00:00:00Z");
const soon = new Date("2026-02-01T00:00:00Z");
const refused: Readonly<Record<string, readonly [string, Uint8Array, Uint8Array?]>> = {
  "no bytes": ["ENDORSEMENT_INVALID", new Uint8Array()],
  "more bytes than any": ["ENDORSEMENT_TOO_LARGE", new Uint8Array(256 * 1024 + 1)],
  "a page of a proxy": ["ENDORSEMENT_INVALID", Buffer.from("<html></html>")],
  "an envelope without signature": ["ENDORSEMENT_INVALID", endorsementOf(signed, new Uint8Array()).subarray(0, -2)],
  "an envelope with something else in it": [
    "ENDORSEMENT_INVALID",
    endorsementOf(signed, signPss(signed), (writer) => {
      writer.writeString(3, "x");
    }),
  ],
  "an envelope with two contents": [
    "ENDORSEMENT_INVALID",
    endorsementOf(signed, signPss(signed), (writer) => {
      writer.writeBytes(1, signed);
    }),
  ],
  "signed bytes that are no message": ["ENDORSEMENT_INVALID", endorsementOf(Buffer.from([0xff]))],
  "no certificate": ["ENDORSEMENT_CERTIFICATE", endorsementOf(golden({ certificate: Buffer.from("none") }))],
  "a certificate by another authority of the same name": [
    "ENDORSEMENT_CERTIFICATE",
    endorsementOf(golden({ certificate: signerCertificate({ issuer: otherRoot.issuer }) })),
  ],
  "another root": ["ENDORSEMENT_CERTIFICATE", good, otherRoot.certificate],
  "a root that is no authority": ["ENDORSEMENT_ROOT", good, noAuthority.certificate],
  "a root that is no certificate": ["ENDORSEMENT_ROOT", good, Buffer.from("root")],
  "a certificate that is not valid any more": [
    "ENDORSEMENT_NOT_IN_TIME",
    endorsementOf(golden({ certificate: signerCertificate({ notAfter: soon }) })),
  ],
  "a certificate that is not valid yet": [
    "ENDORSEMENT_NOT_IN_TIME",
    endorsementOf(golden({ certificate: signerCertificate({ notBefore: new Date("2027-01-01T00:00:00Z") }) })),
  ],
  "a signature over other bytes": ["ENDORSEMENT_SIGNATURE", endorsementOf(signed, signPss(golden({ changelist: 1 })))],
  "a signature with another salt": [
    "ENDORSEMENT_SIGNATURE",
    endorsementOf(signed, signPss(signed, constants.RSA_PSS_SALTLEN_MAX_SIGN)),
  ],
  "a signature by a key of another kind": [
    "ENDORSEMENT_SIGNATURE",
    endorsementOf(golden({ certificate: root.certificate }), signPss(golden({ certificate: root.certificate }))),
  ],
  "firmware without source": ["ENDORSEMENT_WITHOUT_PROVENANCE", endorsementOf(golden({ changelist: 0 }))],
  "firmware without measurements for TDX": ["ENDORSEMENT_WITHOUT_TDX", endorsementOf(golden({ tdx: false }))],
  "an empty list of measurements": ["ENDORSEMENT_WITHOUT_TDX", endorsementOf(golden({ measurements: [] }))],
  "a measurement of 47 bytes": [
    "ENDORSEMENT_INVALID",
    endorsementOf(golden({ measurements: [{ ram: 4, mrtd: Buffer.alloc(47) }] })),
  ],
  "a firmware's digest of 32 bytes": ["ENDORSEMENT_INVALID", endorsementOf(golden({ digest: Buffer.alloc(32) }))],
  "two changelists": [
    "ENDORSEMENT_INVALID",
    endorsementOf(
      golden({
        more: (writer) => {
          writer.writeUint64(2, 5);
        },
      }),
    ),
  ],
};
for (const [what, [code, bytes, rootBytes]] of Object.entries(refused)) {
  test(`refuses ${what}`, () => {
    assert.deepEqual(codes(verify(bytes, rootBytes)), [code]);
  });
}

test("a root is the one with the pinned digest of its DER, whatever it is called and however it is written", () => {
  const pinned = digestOfDer(root.certificate);
  const pem = Buffer.from(toPem(root.certificate));
  for (const bytes of [root.certificate, pem]) assert.ok(verify(good, bytes, at, pinned).ok);
  assert.deepEqual(codes(verify(good, otherRoot.certificate, at, pinned)), ["ENDORSEMENT_ROOT_NOT_PINNED"]);
  const theirs = endorsementOf(golden({ certificate: signerCertificate({ issuer: otherRoot.issuer }) }));
  assert.ok(verify(theirs, otherRoot.certificate).ok, "all that stands in its way is the pin");
  assert.deepEqual(codes(verify(theirs, otherRoot.certificate, at, pinned)), ["ENDORSEMENT_ROOT_NOT_PINNED"]);
  for (const bytes of [root.certificate, otherRoot.certificate, pem])
    assert.deepEqual(codes(verify(good, bytes, at, googleRootSha256)), ["ENDORSEMENT_ROOT_NOT_PINNED"]);
  for (const pin of ["", pinned.toUpperCase(), pinned.slice(1), sha256Hex(pem)])
    assert.deepEqual(codes(verify(good, root.certificate, at, pin)), ["ENDORSEMENT_ROOT_NOT_PINNED"]);
});

test("firmware of before its process kept the source needs none, and a commit is one", () => {
  assert.ok(verify(endorsementOf(golden({ changelist: 0, seconds: 1_700_000_000 }))).ok);
  assert.ok(verify(endorsementOf(golden({ changelist: 0, commit: Buffer.alloc(20, 1) }))).ok);
});

test("refuses an endorsement that is cut anywhere, and one before its certificate's time", () => {
  for (let length = 0; length < good.length; length += 1)
    assert.deepEqual(codes(verify(good.subarray(0, length))), ["ENDORSEMENT_INVALID"], `cut at ${length}`);
  assert.deepEqual(codes(verify(good, root.certificate, early)), ["ENDORSEMENT_NOT_IN_TIME"]);
});

test("reads what Google's library writes", () => {
  const field = fc.record({
    number: fc.integer({ min: 1, max: 536_870_911 }),
    value: fc.uint8Array({ maxLength: 300 }),
  });
  fc.assert(
    fc.property(fc.array(field, { maxLength: 20 }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (fields, number) => {
      const writer = new protobuf.BinaryWriter();
      for (const { number: id, value } of fields) writer.writeBytes(id, value);
      writer.writeUint64String(1, number.toString());
      const expected = new Map<number, (bigint | Uint8Array)[]>();
      for (const { number: id, value } of fields) expected.set(id, [...(expected.get(id) ?? []), value]);
      expected.set(1, [...(expected.get(1) ?? []), number]);
      assert.deepEqual(readProtobuf(writer.getResultBuffer()), expected);
    }),
  );
});

for (const [what, bytes] of [
  ["a varint without end", [0x08, ...new Array<number>(10).fill(0xff), 0]],
  ["a varint of 65 bits", [0x08, ...new Array<number>(9).fill(0xff), 2]],
  ["field 0", [0x02, 0]],
  ["a group", [0x0b, 0x0c]],
  ["a length of 2^63", [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]],
  ["a fixed value that is cut", [0x09, 1, 2, 3]],
  ["five thousand fields", new Array<number>(10_000).fill(0).map((_, index) => (index % 2 === 0 ? 0x08 : 1))],
] as const) {
  test(`reads no message with ${what}`, () => {
    assert.equal(readProtobuf(Uint8Array.from(bytes)), undefined);
  });
}

const total = Number(process.env["MUTATIONS"] ?? 1000);
const seed = Number(process.env["MUTATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
test(`no mutation throws, and none that is accepted says something else (${total}, seed ${seed})`, () => {
  const random = randomFrom(seed);
  const expected = verify(good);
  for (let count = 0; count < total; count += 1) {
    const { bytes, what } = mutateBytes(good, random);
    const verdict = verify(bytes);
    if (verdict.ok) assert.deepEqual(verdict, expected, what);
  }
});
