import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseQuote, quoteBytesMost } from "../../../../src/core/tdx/quote.ts";
import { pemChain } from "../../../../lab/tdx/pki.ts";
import { codesOfCase, codesOfJudged, labPki, quoteOf, reportOf, verifyCase } from "../../../support/quotes.ts";
import type { QuoteCase } from "../../../support/quotes.ts";
import { caseName } from "../../../support/case-name.ts";

/** What a quote is made of, byte by byte; each refusal re-signed, so that only the named rule stands in its way. */

function refuses(name: string, one: QuoteCase, ...codes: readonly string[]): void {
  test(caseName("refuses", name), () => {
    assert.deepEqual(codesOfCase(one), codes);
  });
}

function accepts(name: string, one: QuoteCase): void {
  test(caseName("accepts", name), () => {
    assert.deepEqual(codesOfCase(one), []);
  });
}

const edited = (edit: (quote: Buffer) => void) => (quote: Buffer) => {
  edit(quote);
  return quote;
};

for (const td of ["1.0", "1.5"] as const) {
  test(`B2: verifies a quote of TD ${td}, and gives back every field of its report`, () => {
    const verdict = verifyCase({ td });
    assert.ok(verdict.ok);
    assert.equal(verdict.quote.version, td === "1.0" ? 4 : 5);
    assert.deepEqual(verdict.quote.report, reportOf({ td }));
    assert.deepEqual(verdict.quote.tcb.status, "UpToDate");
    assert.equal(verdict.quote.ppid, labPki.platform.ppid);
    assert.equal(verdict.quote.tcb.evaluation, 20);
  });

  test(`B6: refuses a quote of TD ${td} that is cut anywhere`, () => {
    const quote = quoteOf({ td });
    for (let length = 0; length < quote.length; length += 1)
      assert.deepEqual(codesOfJudged(parseQuote(quote.subarray(0, length))), ["QUOTE_TRUNCATED"], `${length} bytes`);
  });
}

accepts("B2: version 5 with a body of TD 1.0", { td: "1.0", quote: { version: 5 } });
accepts("B7: zeros after the end, as GCP has them", { quote: { trailer: Buffer.alloc(3065) } });
accepts("B7: other bytes after the end: nobody signed them, nobody reads them", {
  quote: { trailer: Buffer.alloc(39, 1) },
});

test("tells how many bytes follow the end", () => {
  const parsed = parseQuote(quoteOf({ quote: { trailer: Buffer.alloc(39, 1) } }));
  assert.ok(parsed.ok);
  assert.deepEqual([parsed.value.trailing, parsed.value.length], [39, quoteOf().length]);
});

refuses("nothing", { bytes: () => new Uint8Array() }, "QUOTE_TRUNCATED");
refuses("more bytes than any quote has", { quote: { trailer: Buffer.alloc(quoteBytesMost) } }, "QUOTE_TOO_LARGE");
refuses("B1: an SGX quote of version 3", { bytes: edited((q) => q.writeUInt16LE(3, 0)) }, "QUOTE_VERSION");
refuses("version 6", { td: "1.0", quote: { version: 6 } }, "QUOTE_VERSION");
refuses("B1: a quote of SGX in version 4", { td: "1.0", quote: { teeType: 0 } }, "QUOTE_NOT_TDX");
refuses("B1: a quote of SGX in version 5", { quote: { teeType: 0, bodyType: 1 } }, "QUOTE_NOT_TDX");
refuses("a TEE type that is not known", { quote: { teeType: 0x82 } }, "QUOTE_NOT_TDX");
refuses("B4: an attestation key of P-384", { quote: { keyType: 3 } }, "QUOTE_KEY_TYPE");
refuses("B4: an EPID key", { quote: { keyType: 0 } }, "QUOTE_KEY_TYPE");
refuses("another vendor's quoting enclave", { quote: { vendor: "00".repeat(16) } }, "QUOTE_VENDOR");
refuses("B1: an enclave's body in version 5", { quote: { bodyType: 1 } }, "QUOTE_BODY_TYPE");
refuses("B3: a type of body that is not known", { quote: { bodyType: 4 } }, "QUOTE_BODY_TYPE");
refuses("B3: TD 1.0's type with TD 1.5's size", { quote: { bodyType: 2 } }, "QUOTE_BODY_SIZE");
refuses("B3: TD 1.5's type with TD 1.0's size", { td: "1.0", quote: { version: 5, bodyType: 3 } }, "QUOTE_BODY_SIZE");
refuses("B3: a body's size that overflows", { quote: { bodySize: 0xffff_ffff } }, "QUOTE_BODY_SIZE");
refuses("B8: a chain outside the QE report", { quote: { certificationType: 5 } }, "QUOTE_CERTIFICATION_TYPE");
refuses(
  "B8: an encrypted PPID instead of a chain",
  { quote: { innerCertificationType: 3 } },
  "QUOTE_CERTIFICATION_TYPE",
);
refuses("bytes within the signature's length", { quote: { insideTrailer: Buffer.of(0) } }, "QUOTE_LENGTHS");

const signatureLengthAt = 54 + 648;
const outerLengthAt = signatureLengthAt + 4 + 64 + 64 + 2;
const authenticationLengthAt = outerLengthAt + 4 + 384 + 64;
const innerLengthAt = authenticationLengthAt + 2 + 32 + 2;
for (const value of [0xffff_ffff, 0x8000_0000, 0x7fff_ffff]) {
  const at = (place: number) => ({ bytes: edited((q) => q.writeUInt32LE(value, place)) });
  refuses(`B5: a signature of ${value} bytes`, at(signatureLengthAt), "QUOTE_TRUNCATED");
  refuses(`B5: certification data of ${value} bytes`, at(outerLengthAt), "QUOTE_LENGTHS");
  refuses(`B5: a chain of ${value} bytes`, at(innerLengthAt), "QUOTE_LENGTHS");
}
refuses("a signature without bytes", { bytes: edited((q) => q.writeUInt32LE(0, signatureLengthAt)) }, "QUOTE_LENGTHS");
refuses(
  "B5: authentication data beyond the signature",
  { bytes: edited((q) => q.writeUInt16LE(0xffff, authenticationLengthAt)) },
  "QUOTE_LENGTHS",
);

const chain = pemChain(labPki.pck, labPki.platformCa, labPki.root);
const certificates = (text: string): QuoteCase => ({ quote: { certificates: Buffer.from(text, "latin1") } });
accepts("B9: a chain with CRLF", certificates(chain.replaceAll("\n", "\r\n")));
accepts("a chain without a NUL", certificates(chain));
accepts("B9: a chain with several NULs", certificates(`${chain}\0\0\0`));
refuses("a chain with text between", certificates(chain.replace(/-\n-/, "-\nsubject=x\n-")), "CERTIFICATE_CHAIN_FORM");
refuses("a chain with text after", certificates(`${chain}x`), "CERTIFICATE_CHAIN_FORM");
refuses("B9: a chain with a NUL inside", certificates(chain.replace("\n", "\0\n")), "CERTIFICATE_CHAIN_FORM");
refuses("a chain that is not base64", certificates(chain.replace("MII", "M=I")), "CERTIFICATE_CHAIN_FORM");
refuses("a chain of 40,000 bytes", certificates(chain + "\n".repeat(40_000)), "CERTIFICATE_CHAIN_FORM");
refuses("no chain", certificates(""), "CERTIFICATE_CHAIN_LENGTH");
refuses("a chain of two", certificates(pemChain(labPki.pck, labPki.platformCa)), "CERTIFICATE_CHAIN_LENGTH");
refuses("a chain of one", certificates(pemChain(labPki.pck)), "CERTIFICATE_CHAIN_LENGTH");
refuses("B9: a chain of four", certificates(chain + pemChain(labPki.root)), "CERTIFICATE_CHAIN_LENGTH");

test("any bytes are read or refused, and nothing is thrown", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      const parsed = parseQuote(bytes);
      assert.ok(!parsed.ok);
    }),
    { numRuns: 300 },
  );
});

test("any bytes after a valid header are read or refused, and nothing is thrown", () => {
  const header = quoteOf().subarray(0, 54);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6000, minLength: 0 }), (bytes) => {
      const parsed = parseQuote(Buffer.concat([header, bytes]));
      assert.ok(parsed.ok || parsed.faults.length === 1);
    }),
    { numRuns: 300 },
  );
});
