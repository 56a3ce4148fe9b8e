import assert from "node:assert/strict";
import { test } from "node:test";
import type { Collateral } from "../../../../src/core/tdx/contract.ts";
import { verifyQuote } from "../../../../src/core/tdx/verify-quote.ts";
import { codesOfVerdict, collateralOf, labPki, quoteOf, verifiedAt } from "../../../support/quotes.ts";
import { vectors } from "../../../support/vectors.ts";
import { intelTrust } from "../../../../src/core/tdx/intel-root.ts";
import { readCollateralFile } from "../../../../src/core/tdx/collateral.ts";

/**
 * Every byte of a quote that a signature covers, and every byte that says where such bytes lie, changed by one bit: all eight of
 * them where MUTATIONS asks for 10,000 or more, else one each. No such change may be accepted, and each has to be refused for its
 * own reason. Certificates and collateral are changed in every third byte then, else in every ninth.
 */
const thorough = Number(process.env["MUTATIONS"] ?? 1000) >= 10_000;
const bitsOf = (at: number): readonly number[] => (thorough ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8]);
const step = thorough ? 3 : 9;

function flipped(bytes: Uint8Array, at: number, bit: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(at) ^ (1 << bit), at);
  return changed;
}

const formCodes = ["QUOTE_VERSION", "QUOTE_NOT_TDX", "QUOTE_KEY_TYPE", "QUOTE_VENDOR"];
const bodyCodes = ["QUOTE_BODY_TYPE", "QUOTE_BODY_SIZE"];
const lengthCodes = ["QUOTE_TRUNCATED", "QUOTE_LENGTHS"];

/** Where the parts of a quote lie, in their order: name, size, and the codes that may be the first for a change in it. */
function partsOf(td: "1.0" | "1.5"): readonly (readonly [string, number, readonly string[]])[] {
  // A change of the version's own lowest bit makes 5 of 4, and then the body is read elsewhere.
  const header = ["header", 48, [...formCodes, ...bodyCodes, ...lengthCodes, "QUOTE_SIGNATURE"]] as const;
  const module = ["TCB_MODULE_UNKNOWN", "TCB_MODULE_SIGNER", "TCB_MODULE_ATTRIBUTES"];
  return [
    header,
    ...(td === "1.5" ? ([["body's type", 6, bodyCodes]] as const) : []),
    ["body", td === "1.5" ? 648 : 584, [...module, "QUOTE_SIGNATURE"]],
    ["signature's length", 4, lengthCodes],
    ["signature", 64, ["QUOTE_SIGNATURE"]],
    ["attestation key", 64, ["QUOTE_KEY_NOT_BOUND"]],
    ["certification data's type and length", 6, ["QUOTE_CERTIFICATION_TYPE", ...lengthCodes]],
    ["QE report", 384, ["QUOTE_QE_SIGNATURE"]],
    ["QE report's signature", 64, ["QUOTE_QE_SIGNATURE"]],
    ["authentication data's length", 2, [...lengthCodes, "QUOTE_CERTIFICATION_TYPE"]],
    ["authentication data", 32, ["QUOTE_KEY_NOT_BOUND"]],
    ["chain's type and length", 6, ["QUOTE_CERTIFICATION_TYPE", ...lengthCodes]],
  ];
}

const collateral = collateralOf();
const good = quoteOf();
const verify = (quote: Uint8Array, change: Partial<Collateral> = {}): readonly string[] =>
  codesOfVerdict(verifyQuote(quote, { ...collateral, ...change }, { at: verifiedAt, trust: labPki.trust }));

for (const td of ["1.0", "1.5"] as const) {
  const quote = quoteOf({ td });
  let start = 0;
  for (const [name, size, allowed] of partsOf(td)) {
    const from = start;
    start += size;
    test(`TD ${td}: no bit of the ${name} can be changed`, () => {
      assert.deepEqual(verify(quote), []);
      for (let at = from; at < from + size; at += 1)
        for (const bit of bitsOf(at)) {
          const [first] = verify(flipped(quote, at, bit));
          assert.ok(allowed.includes(first ?? "accepted"), `byte ${at}, bit ${bit}: ${first ?? "accepted"}`);
        }
    });
  }
  test(`TD ${td}: no byte of the certificates can be changed but to the same certificates`, () => {
    const accepted = new Set<string>();
    for (let at = start; at < quote.length; at += step) {
      const changed = flipped(quote, at, at % 8);
      const codes = verify(changed);
      if (codes.length === 0) accepted.add(JSON.stringify(String.fromCharCode(changed[at] ?? 0)));
      else assert.ok(codes[0]?.startsWith("CERTIFICATE_"), `byte ${at}: ${codes.join()}`);
    }
    // An end of a line may be another kind of white space where PEM allows it; no letter may be another.
    assert.ok(
      [...accepted].every((text) => /^"(?:\\[rntfbv]|\\u00[01][0-9a-f]| |\s)"$/.test(text)),
      [...accepted].join(),
    );
  });
}

const bounds: Readonly<Partial<Record<keyof Collateral, readonly string[]>>> = {
  rootCaCrl: ["COLLATERAL_CRL_INVALID", "COLLATERAL_CRL_ISSUER", "COLLATERAL_CRL_SIGNATURE"],
  pckCrl: ["COLLATERAL_CRL_INVALID", "COLLATERAL_CRL_ISSUER", "COLLATERAL_CRL_SIGNATURE"],
  tcbInfoSignature: ["COLLATERAL_SIGNATURE"],
  qeIdentitySignature: ["COLLATERAL_SIGNATURE"],
};
for (const [name, allowed] of Object.entries(bounds) as [keyof Collateral, readonly string[]][])
  test(`no bit of ${name} can be changed`, () => {
    const bytes = collateral[name];
    assert.ok(typeof bytes !== "string");
    for (let at = 0; at < bytes.length; at += step) {
      const codes = verify(good, { [name]: flipped(bytes, at, at % 8) });
      assert.equal(codes.length, 1, `byte ${at}`);
      assert.ok(allowed.includes(codes[0] ?? ""), `byte ${at}: ${codes.join()}`);
    }
  });

for (const name of ["tcbInfo", "qeIdentity"] as const)
  test(`no letter of ${name} can be changed`, () => {
    const text = Buffer.from(collateral[name]);
    for (let at = 0; at < text.length; at += step) {
      const changed = flipped(text, at, at % 7).toString("latin1");
      assert.deepEqual(verify(good, { [name]: changed }), ["COLLATERAL_SIGNATURE"], `letter ${at}`);
    }
  });

test("no bit of a real quote's header, body, key and QE report can be changed, under Intel's root", (t) => {
  const files = vectors(t, "tdx/phala-v4-uptodate.quote", "tdx/phala-v4-uptodate.collateral.json");
  if (files === undefined) return;
  const [quote, file] = files;
  const real = readCollateralFile(file);
  const options = { at: new Date("2025-07-01T00:00:00Z"), trust: intelTrust };
  assert.ok(verifyQuote(quote, real, options).ok);
  // Up to the end of the QE report's signature, without the lengths, which are the same as above.
  const end = 48 + 584 + 4 + 64 + 64 + 6 + 384 + 64;
  for (let at = 0; at < end; at += 1)
    assert.ok(!verifyQuote(flipped(quote, at, at % 8), real, options).ok, `byte ${at}`);
});
