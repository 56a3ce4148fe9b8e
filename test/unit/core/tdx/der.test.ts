import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { derBits, derBoolean, derBytes, derIdentifier, derNumber, derParts } from "../../../../src/core/tdx/der.ts";
import { derTags, derTime, derUnsigned, readDer } from "../../../../src/core/tdx/der.ts";
import { certificateTime, element, integer, objectIdentifier, sequence } from "../../../../lab/sigstore/der.ts";

/** One form of everything: what a lenient reader would also take is refused. */

const read = (hex: string) => readDer(Buffer.from(hex, "hex"));

function refuses(name: string, act: () => unknown, message: RegExp): void {
  test(`refuses ${name}`, () => {
    assert.throws(act, message);
  });
}

test("reads an element and its parts", () => {
  const parts = derParts(
    readDer(sequence(integer(5), objectIdentifier("1.2.840.113741.1.13.1.2.17")), derTags.sequence),
  );
  assert.equal(derNumber(parts[0], 10), 5);
  assert.equal(derIdentifier(parts[1]), "1.2.840.113741.1.13.1.2.17");
  assert.equal(derIdentifier(readDer(objectIdentifier("2.5.29.19"))), "2.5.29.19");
});

test("reads lengths of one to three bytes", () => {
  for (const length of [0, 127, 128, 255, 256, 65_535, 65_536, 100_000])
    assert.equal(readDer(element(0x04, Buffer.alloc(length))).content.length, length);
});

refuses("nothing", () => read(""), /middle/);
refuses("a tag alone", () => read("30"), /middle/);
refuses("content that is cut", () => read("300501"), /middle/);
refuses("bytes after the end", () => read("0500ff"), /after its end/);
refuses("an indefinite length", () => read("30800000"), /length/);
refuses("a length of four bytes", () => read("308400000001ff"), /length/);
refuses("a long form of a short length", () => read("30810105"), /shortest/);
refuses("a length with a leading zero", () => read(`30820080${"00".repeat(128)}`), /shortest/);
refuses("a length of three bytes for two", () => read(`3083000100${"00".repeat(256)}`), /shortest/);
refuses("a tag of several bytes", () => read("1f8101"), /tag/);
refuses("the end-of-contents tag", () => read("0000"), /tag/);
refuses("another tag than asked for", () => readDer(Buffer.from("0500", "hex"), derTags.sequence), /tag/);

refuses("a number without bytes", () => derUnsigned(read("0200")), /number/);
refuses("a negative number", () => derUnsigned(read("020180")), /negative/);
refuses("a number with needless zeros", () => derUnsigned(read("02020005")), /shortest/);
refuses("a number above the most", () => derNumber(read("02020100"), 255), /above/);
refuses("a number of five bytes", () => derNumber(read("02050100000000"), 65_535), /above/);
test("takes the zero that keeps a number positive", () => {
  assert.deepEqual([...derUnsigned(read("020200ff"))], [255]);
  assert.deepEqual([...derUnsigned(read("020100"))], [0]);
});

refuses("a boolean that is neither", () => derBoolean(read("010101")), /boolean/);
refuses("a boolean of two bytes", () => derBoolean(read("0102ffff")), /boolean/);
refuses("an identifier with needless bytes", () => derIdentifier(read("0603558003")), /shortest/);
refuses("an identifier without an end", () => derIdentifier(read("06025583")), /end/);
refuses("an identifier without bytes", () => derIdentifier(read("0600")), /end/);
refuses("an identifier that overflows", () => derIdentifier(read("060755ffffffffff7f")), /large/);
refuses("a bit string that is not of whole bytes", () => derBytes(read("03020680")), /whole/);
refuses("bits after the end of a bit string", () => derBits(read("03020381")), /after/);
refuses("eight unused bits", () => derBits(read("03020800")), /bit string/);
test("reads bits from the left", () => {
  const bit = derBits(read("03020186"));
  assert.deepEqual([0, 1, 5, 6, 8].map(bit), [true, false, true, true, false]);
});

for (const time of ["2025-06-19T10:16:03Z", "1950-01-01T00:00:00Z", "2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z"])
  test(`reads ${time}`, () => {
    assert.equal(derTime(readDer(certificateTime(new Date(time)))).toISOString(), time.replace("Z", ".000Z"));
  });
for (const text of [
  "250619101603+0100",
  "2506191016Z",
  "250619101603.5Z",
  "250230000000Z",
  "250619241603Z",
  "25061910160xZ",
])
  refuses(`the time ${text}`, () => derTime(readDer(element(derTags.utcTime, Buffer.from(text)))), /time/);
refuses("a time with a fraction", () => derTime(readDer(element(0x18, Buffer.from("20250619101603.5Z")))), /time/);
refuses("a time of another tag", () => derTime(readDer(integer(5))), /time/);

test("any bytes are read or refused in words, and what is read fills them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        assert.equal(readDer(bytes).whole.length, bytes.length);
      } catch (error) {
        assert.match(String(error), /^Error: it (has|ends)/);
      }
    }),
  );
});
