import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { QuoteVerifier } from "@phala/dcap-qvl";
import { readCollateralFile, toCollateralFile } from "../../src/core/tdx/collateral.ts";
import type { Collateral, QuoteTrust } from "../../src/core/tdx/contract.ts";
import { tcbStatuses } from "../../src/core/tdx/contract.ts";
import { intelTrust } from "../../src/core/tdx/intel-root.ts";
import { acceptTd } from "../../src/core/tdx/td-policy.ts";
import { verifyQuote } from "../../src/core/tdx/verify-quote.ts";
import { sequence } from "../../lab/sigstore/der.ts";
import { extensions } from "../../lab/sigstore/certificates.ts";
import { pemChain } from "../../lab/tdx/pki.ts";
import { labPlatform, sgxExtensionOf } from "../../lab/tdx/sgx-extension.ts";
import { collateralOf, labPki, nextUpdate, pkiWith, quoteOf, verifiedAt } from "../support/quotes.ts";
import type { QuoteCase } from "../support/quotes.ts";
import { vectors } from "../support/vectors.ts";

/**
 * Phala's dcap-qvl 0.3.9 (pure JavaScript) as oracle: both judge the same bytes. Where the verdicts differ, the difference is in the
 * table with its reason, and a difference that is not there fails. Its own attribute checks are compared with acceptTd's, under a
 * policy that allows every status and advisory.
 */

type Verdict = string;

function theirs(quote: Uint8Array, collateral: Collateral, at: Date, root?: Uint8Array): Verdict {
  const verifier = root === undefined ? QuoteVerifier.newProd() : QuoteVerifier.newWithRootCa(Buffer.from(root));
  try {
    return verifier.verify(Buffer.from(quote), toCollateralFile(collateral), Math.floor(at.getTime() / 1000)).status;
  } catch {
    return "refused";
  }
}

function ours(quote: Uint8Array, collateral: Collateral, at: Date, trust: QuoteTrust): Verdict {
  const verdict = verifyQuote(quote, collateral, { at, trust });
  if (!verdict.ok) return "refused";
  const { advisories, status } = verdict.quote.tcb;
  const policy = { statuses: tcbStatuses, advisoriesAllowed: advisories, minEvaluation: 0, platforms: [] };
  return acceptTd(verdict.quote, policy).ok ? status : "refused";
}

/** Undefined: the same verdict. Else what each says, and why. */
interface Difference {
  readonly ours: Verdict;
  readonly theirs: Verdict;
  readonly why: string;
}

const openIn = (why: string): Difference => ({ ours: "refused", theirs: "UpToDate", why });

function compare(name: string, one: QuoteCase, difference?: Difference): void {
  test(`${name}: ${difference === undefined ? "the same verdict" : `differs, as ${difference.why}`}`, () => {
    const quote = one.bytes?.(quoteOf(one)) ?? quoteOf(one);
    const [collateral, at] = [collateralOf(one), one.at ?? verifiedAt];
    const found = {
      ours: ours(quote, collateral, at, labPki.trust),
      theirs: theirs(quote, collateral, at, labPki.root.certificate),
    };
    if (difference === undefined) assert.equal(found.ours, found.theirs);
    else assert.deepEqual(found, { ours: difference.ours, theirs: difference.theirs });
  });
}

type Json = Record<string, unknown>;
const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
const info = (change: Json): QuoteCase => ({ collateral: { tcbInfo: (d) => ({ ...d, ...change }) } });
const identity = (change: Json): QuoteCase => ({ collateral: { qeIdentity: (d) => ({ ...d, ...change }) } });
const svns = (...first: readonly number[]): Uint8Array => Uint8Array.from({ length: 16 }, (_, i) => first[i] ?? 0);
const attributes = (hex: string): QuoteCase => ({ report: { tdAttributes: hex } });
const late = new Date(verifiedAt.getTime() - 1000).toISOString().replace(".000Z", "Z");

// the same
compare("TD 1.0", { td: "1.0" });
compare("TD 1.5", {});
compare("zeros after the end", { quote: { trailer: Buffer.alloc(70) } });
compare("a byte of the body changed", { bytes: (q) => Buffer.from(q.fill(1, 200, 201)) });
compare("another key's signature", { quote: { bodySigner: stranger.privateKey } });
compare("another key's QE report", { quote: { qeSigner: stranger.privateKey } });
compare("an attestation key that is not bound", { quote: { qeReportData: Buffer.alloc(64) } });
compare("another enclave's signer", { quote: { qe: { mrSigner: "11".repeat(32) } } });
compare("another product", { quote: { qe: { productId: 1 } } });
compare("another MISCSELECT", { quote: { qe: { miscSelect: "01000000" } } });
compare("a quoting enclave in debug mode", { quote: { qe: { attributes: `13${"00".repeat(15)}` } } });
compare("a quoting enclave that is out of date", { td: "1.0", quote: { qe: { svn: 3 } } });
compare("a quoting enclave that is revoked", { quote: { qe: { svn: 1 } } });
compare("a quoting enclave below every level", { quote: { qe: { svn: 0 } } });
compare("older TDX microcode", { report: { teeTcbSvn: svns(5, 3, 1) } });
compare("a platform below every level", { report: { teeTcbSvn: svns(5, 3, 0) } });
compare("TCB info of another platform", info({ fmspc: "00806F050000" }));
compare("TCB info of SGX", info({ id: "SGX" }));
compare("QE identity of SGX", identity({ id: "QE" }));
compare("TCB info that is due", info({ nextUpdate: late }));
compare("TCB info of the future", info({ issueDate: "2026-11-11T00:00:00Z" }));
compare("QE identity that is due", identity({ nextUpdate: late }));
compare("QE identity of the future", identity({ issueDate: "2026-11-11T00:00:00Z" }));
compare("TCB info written again", { parts: { tcbInfo: `${collateralOf().tcbInfo} ` } });
compare("a PCK that is revoked", { collateral: { revokedByCa: [labPki.pck.serial] } });
compare("an intermediate that is revoked", { collateral: { revokedByRoot: [labPki.platformCa.serial] } });
compare("a PCK chain of one", { quote: { certificates: Buffer.from(pemChain(labPki.pck)) } });
compare("a PCK that has expired", { pki: pkiWith({ change: { pck: (r) => ({ ...r, notAfter: new Date(late) }) } }) });
compare("an SGX quote", { quote: { teeType: 0 }, td: "1.0" });
compare("an EPID key", { quote: { keyType: 0 } });
compare("an encrypted PPID instead of a chain", { quote: { innerCertificationType: 3 } });
compare("DEBUG", attributes("0100001000000000"));
compare("SEPT_VE_DISABLE off", attributes("0000000000000000"));
compare("MIGRATABLE", attributes("0000003000000000"));
compare("a reserved attribute", attributes("0001001000000000"));
compare("a service TD", { report: { td15: { teeTcbSvn2: svns(5, 3, 2), mrServiceTd: "01".repeat(48) } } });

// lists: it reads serial numbers and nothing else, and passes over what it can't read (Phala-Network/dcap-qvl pull requests 206 and 210)
for (const [name, crl] of [
  ["an empty PCK CRL", new Uint8Array()],
  ["a PCK CRL of garbage", Buffer.from("garbage")],
] as const)
  compare(name, { parts: { pckCrl: crl } }, openIn("it passes over lists that it can't read"));
compare(
  "a PCK CRL that a stranger signed",
  { collateral: { pckCrl: { signer: stranger.privateKey } } },
  openIn("it does not check lists' signatures"),
);
compare(
  "a PCK CRL that is due",
  { collateral: { pckCrl: { nextUpdate: new Date(late) } } },
  openIn("it does not look at lists' windows"),
);
compare(
  "the root's list by another issuer",
  { collateral: { rootCrl: { issuer: labPki.platformCa } } },
  openIn("it does not check lists' issuers"),
);
compare(
  "the issuer chain of the PCK CRL absent",
  { parts: { pckCrlIssuerChain: "" } },
  openIn("it does not read that chain"),
);

// certificates
const pck = (change: NonNullable<NonNullable<Parameters<typeof pkiWith>[0]>["change"]>["pck"]): QuoteCase => ({
  pki: pkiWith({ change: change === undefined ? {} : { pck: change } }),
});
compare(
  "a PCK with another name",
  pck((r) => ({ ...r, subject: { commonName: "Intel SGX PCK Certificate 2" } })),
  openIn("it does not look at names"),
);
compare(
  "a PCK chain without its root",
  { quote: { certificates: Buffer.from(pemChain(labPki.pck, labPki.platformCa)) } },
  openIn("it takes chains that end below the root; Intel's chains have three certificates"),
);
compare(
  "a PCK that is an authority",
  pck((r) => ({ ...r, extensions: [...extensions.authority(0), sgxExtensionOf(labPlatform)] })),
);
compare(
  "a PCK with a critical extension that nobody knows",
  pck((r) => ({ ...r, extensions: [...r.extensions, { id: "1.2.3.4", critical: true, value: sequence() }] })),
  openIn("it does not look at critical extensions"),
);

// the module: it knows no identities of modules (its issue 124)
compare(
  "a module by another signer",
  { report: { mrSignerSeam: "01".repeat(48) } },
  openIn("it does not look at MRSIGNERSEAM"),
);
compare(
  "a module in debug mode",
  { report: { seamAttributes: `01${"00".repeat(7)}` } },
  openIn("it does not look at SEAMATTRIBUTES"),
);
compare(
  "a module that is not listed",
  { report: { teeTcbSvn: svns(5, 2, 2) } },
  openIn("it knows no identities of modules"),
);
compare(
  "a module that is out of date, by its identity",
  {
    td: "1.0",
    ...info({
      tdxModuleIdentities: [
        {
          id: "TDX_03",
          mrsigner: "00".repeat(48),
          attributes: "00".repeat(8),
          attributesMask: "FF".repeat(8),
          tcbLevels: [{ tcb: { isvsvn: 1 }, tcbDate: "2025-01-01T00:00:00Z", tcbStatus: "OutOfDate" }],
        },
      ],
    }),
  },
  { ours: "OutOfDate", theirs: "UpToDate", why: "it knows no identities of modules" },
);
compare(
  "a module whose SVN its version's identity judges",
  { td: "1.0", report: { teeTcbSvn: svns(4, 1, 2) } },
  {
    ours: "UpToDate",
    theirs: "OutOfDate",
    why: "it compares components 0 and 1, too (Intel: from 2 when the module has a version)",
  },
);
compare(
  "a domain that was started before the module's update",
  { report: { teeTcbSvn: svns(3, 3, 2), td15: { teeTcbSvn2: svns(5, 3, 2), mrServiceTd: "00".repeat(48) } } },
  { ours: "TDRelaunchAdvised", theirs: "refused", why: "it knows no relaunch, and compares components 0 and 1" },
);

// the rest
compare(
  "another vendor's quoting enclave",
  { quote: { vendor: "00".repeat(16) } },
  openIn("it does not look at the vendor (its issue 127)"),
);
compare("TCB info of another PCE", info({ pceId: "0001" }), openIn("it does not compare PCE ids"));
compare("TCB info of a version to come", info({ version: 4 }), openIn("it takes what it does not know"));
compare(
  "QE identity of version 3",
  identity({ version: 3 }),
  openIn("it takes version 3, which Intel's library does not"),
);
compare(
  "a key twice in TCB info",
  { collateral: { tcbInfoText: (t) => t.replace("{", '{"fmspc":"000000000000",') } },
  openIn("JSON.parse takes the last"),
);
compare(
  "QE report data after the digest",
  {
    quote: {
      qeReportData: Buffer.concat([
        quoteOf()
          .subarray(54 + 648 + 4 + 128 + 6 + 320)
          .subarray(0, 32),
        Buffer.alloc(32, 1),
      ]),
    },
  },
  openIn("it compares the first half"),
);
compare(
  "authentication data of 20 bytes",
  { quote: { authenticationData: Buffer.alloc(20, 5) } },
  {
    ours: "UpToDate",
    theirs: "refused",
    why: "it hashes 32 bytes whatever their length is (Intel: those that are there)",
  },
);
compare(
  "bytes within the signature's length",
  { quote: { insideTrailer: Buffer.of(0) } },
  openIn("it does not compare the lengths"),
);
for (const [name, hex] of [
  ["PKS", "0000005000000000"],
  ["KL", "0000009000000000"],
  ["PERFMON", "0000001000000080"],
] as const)
  compare(name, attributes(hex), openIn("this project allows no attribute but SEPT_VE_DISABLE"));
compare("XFAM of zeros", { report: { xfam: "00".repeat(8) } }, openIn("it does not look at XFAM"));
compare(
  "a configuration id",
  { report: { mrConfigId: "01".repeat(48) } },
  openIn("this project allows no configuration"),
);
compare("the second after the lists' end", { at: new Date(nextUpdate.getTime() + 1000) });

for (const [quote, collateral, at, status] of [
  ["phala-v4-uptodate", "phala-v4-uptodate", "2025-06-25T00:00:00Z", "UpToDate"],
  ["phala-v4-uptodate", "phala-v4-uptodate", "2025-08-01T00:00:00Z", "refused"],
  ["phala-v5-nolevel", "phala-v5-nolevel", "2026-02-20T00:00:00Z", "refused"],
  ["google-v5", "phala-v5-nolevel", "2026-02-20T00:00:00Z", "UpToDate"],
  ["google-gcp-cos113", "phala-v4-uptodate", "2025-06-25T00:00:00Z", "refused"],
  ["trustee-v4-debug", "phala-v4-uptodate", "2025-06-25T00:00:00Z", "refused"],
] as const)
  test(`the real quote ${quote}, on ${at.slice(0, 10)}: both say ${status}`, (t) => {
    const files = vectors(t, `tdx/${quote}.quote`, `tdx/${collateral}.collateral.json`);
    if (files === undefined) return;
    const read = readCollateralFile(files[1]);
    const time = new Date(at);
    assert.deepEqual([ours(files[0], read, time, intelTrust), theirs(files[0], read, time)], [status, status]);
  });
