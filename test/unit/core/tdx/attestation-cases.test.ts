import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptTd } from "../../../../src/core/tdx/td-policy.ts";
import type { TdPolicy } from "../../../../src/core/tdx/td-policy.ts";
import { bitString, sequence } from "../../../../lab/sigstore/der.ts";
import { writeRevocationList } from "../../../../lab/tdx/collateral-writer.ts";
import { newTdxKeys, pemChain } from "../../../../lab/tdx/pki.ts";
import { labPlatform } from "../../../../lab/tdx/sgx-extension.ts";
import { derParts, readDer } from "../../../../src/core/tdx/der.ts";
import { caseName } from "../../../support/case-name.ts";
import {
  codesOfCase,
  codesOfJudged,
  collateralOf,
  issuedAt,
  labPki,
  nextUpdate,
  pkiWith,
  verifyCase,
} from "../../../support/quotes.ts";
import type { QuoteCase } from "../../../support/quotes.ts";

/** Cases of docs/attestation-cases.md that belong to no one rule: each signed anew, so that only what is named is wrong. */

function refuses(name: string, one: QuoteCase, ...codes: readonly string[]): void {
  test(caseName("refuses", name), () => {
    assert.deepEqual(codesOfCase(one), codes);
  });
}

const relabelled = (version: number) => (quote: Buffer) => {
  quote.writeUInt16LE(version, 0);
  return quote;
};
refuses(
  "B2: a quote of version 5 that says it is 4: all lies 6 bytes further",
  { bytes: relabelled(4) },
  "QUOTE_TRUNCATED",
);
refuses("B2: a quote of version 4 that says it is 5", { td: "1.0", bytes: relabelled(5) }, "QUOTE_BODY_TYPE");
test("B2: the same report is read from either version", () => {
  const [four, five] = ([4, 5] as const).map((version) => verifyCase({ td: "1.0", quote: { version } }));
  assert.ok(four?.ok === true && five?.ok === true);
  assert.deepEqual([four.quote.version, five.quote.version], [4, 5]);
  assert.deepEqual(four.quote.report, five.quote.report);
});

// chains that agree with themselves
const strangerPki = pkiWith({ keys: newTdxKeys() });
refuses(
  "C1: a root of one's own above everything, each signature of which holds",
  { pki: strangerPki },
  ...Array.from({ length: 4 }, () => "CERTIFICATE_ROOT"),
);
const selfSigned = pkiWith({
  change: {
    pck: (request) => ({
      ...request,
      issuer: labPki.pck,
    }),
  },
});
refuses(
  "C1: a PCK that issued itself",
  { quote: { certificates: Buffer.from(pemChain(selfSigned.pck, selfSigned.pck, selfSigned.pck)) } },
  "CERTIFICATE_NAME",
  "CERTIFICATE_USAGE",
  "CERTIFICATE_ROOT",
  "CERTIFICATE_NAME",
  "CERTIFICATE_USAGE",
);
const processor = { commonName: "Intel SGX PCK Processor CA" };
const processorPki = pkiWith({ change: { platformCa: (request) => ({ ...request, subject: processor }) } });
refuses(
  "C3: the processors' authority in the place of the platforms', with the same key",
  { quote: { certificates: Buffer.from(pemChain(labPki.pck, processorPki.platformCa, labPki.root)) } },
  "CERTIFICATE_ISSUER",
);

// lists that nobody signed
const lists = {
  rootCaCrl: { issuer: labPki.root, signer: labPki.root.privateKey },
  pckCrl: { issuer: labPki.platformCa, signer: labPki.platformCa.privateKey },
} as const;
for (const name of ["rootCaCrl", "pckCrl"] as const) {
  const whole = writeRevocationList({ ...lists[name], revoked: [], issued: issuedAt, nextUpdate });
  const [content, algorithm] = derParts(readDer(whole)).map((part) => part.whole);
  assert.ok(content !== undefined && algorithm !== undefined);
  const signedWith = (...rest: readonly Uint8Array[]): QuoteCase => ({ parts: { [name]: sequence(content, ...rest) } });
  refuses(`C8: a ${name} without a signature`, signedWith(algorithm), "COLLATERAL_CRL_INVALID");
  refuses(`C8: a ${name} without algorithm and signature`, signedWith(), "COLLATERAL_CRL_INVALID");
  refuses(
    `C8: a ${name} with a signature of no bytes`,
    signedWith(algorithm, bitString(Buffer.alloc(0))),
    "COLLATERAL_CRL_SIGNATURE",
  );
  refuses(
    `C8: a ${name} with a signature of zeros`,
    signedWith(algorithm, bitString(Buffer.alloc(70))),
    "COLLATERAL_CRL_SIGNATURE",
  );
}
const otherAuthority = pkiWith({
  keys: { ...newTdxKeys(), root: labPki.root },
  change: { platformCa: (request) => ({ ...request, subject: processor }) },
});
refuses(
  "C9: the processors' list for a platform's PCK, though the root stands above both",
  {
    parts: {
      pckCrl: writeRevocationList({
        issuer: { ...otherAuthority.platformCa, name: processor },
        signer: otherAuthority.platformCa.privateKey,
        revoked: [],
        issued: issuedAt,
        nextUpdate,
      }),
      pckCrlIssuerChain: pemChain(otherAuthority.platformCa, labPki.root),
    },
  },
  "COLLATERAL_CRL_ISSUER",
);

// whole collateral that is Intel's, and not this platform's or not of this time
const otherPlatform = pkiWith({ platform: { ...labPlatform, fmspc: "00806f050000", pceId: "0001" } });
refuses(
  "D1: the whole collateral of another platform, valid as it is",
  { parts: collateralOf({ pki: otherPlatform }) },
  "COLLATERAL_OTHER_PLATFORM",
  "COLLATERAL_OTHER_PCE",
);
const day = 24 * 3600 * 1000;
const earlier = { issued: new Date(issuedAt.getTime() - 30 * day), nextUpdate: new Date(issuedAt.getTime() - day) };
refuses(
  "D7: last month's collateral, which was good then",
  { parts: collateralOf({ window: earlier }) },
  "COLLATERAL_CRL_EXPIRED",
  "COLLATERAL_CRL_EXPIRED",
  "COLLATERAL_EXPIRED",
  "COLLATERAL_EXPIRED",
);
test("D7: collateral before a TCB recovery, still in its time, is refused by the policy's evaluation", () => {
  const before = (document: Readonly<Record<string, unknown>>) => ({ ...document, tcbEvaluationDataNumber: 19 });
  const verdict = verifyCase({ collateral: { tcbInfo: before, qeIdentity: before } });
  assert.ok(verdict.ok);
  assert.deepEqual(codesOfJudged(acceptTd(verdict.quote, policy)), ["TCB_EVALUATION_TOO_OLD"]);
});

const policy: TdPolicy = {
  statuses: ["UpToDate"],
  advisoriesAllowed: [],
  minEvaluation: 20,
  platforms: [labPki.platform.ppid],
};
const attributes = (bit: number): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE((1n << 28n) | (1n << BigInt(bit)));
  return bytes.toString("hex");
};
for (const [name, bits] of Object.entries({ PROF: [4, 5, 6], ICSSD: [16], LASS: [27], TPA: [62] }))
  test(`J2: refuses ${name} (bit ${bits.join(", ")} of TDATTRIBUTES), in quotes of either TD`, () => {
    for (const bit of bits)
      for (const td of ["1.0", "1.5"] as const) {
        const verdict = verifyCase({ td, report: { tdAttributes: attributes(bit) } });
        assert.ok(verdict.ok);
        assert.deepEqual(codesOfJudged(acceptTd(verdict.quote, policy)), ["TD_RESERVED_ATTRIBUTE"]);
      }
  });
test("J1: refuses MIGRATABLE in a quote of TD 1.0, which names no service TD", () => {
  const verdict = verifyCase({ td: "1.0", report: { tdAttributes: attributes(29) } });
  assert.ok(verdict.ok && verdict.quote.report.td15 === undefined);
  assert.deepEqual(codesOfJudged(acceptTd(verdict.quote, policy)), ["TD_MIGRATABLE"]);
});
