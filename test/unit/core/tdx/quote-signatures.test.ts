import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { codesOfCase, labPki, pkiWith, quoteOf } from "../../../support/quotes.ts";
import type { QuoteCase } from "../../../support/quotes.ts";
import { extensions } from "../../../../lab/sigstore/certificates.ts";
import type { CertificateRequest } from "../../../../lab/sigstore/certificates.ts";
import { integer, sequence } from "../../../../lab/sigstore/der.ts";
import { newTdxKeys, pemChain } from "../../../../lab/tdx/pki.ts";
import { labPlatform, sgxExtensionOf } from "../../../../lab/tdx/sgx-extension.ts";
import { sgxExtension } from "../../../../src/core/tdx/pck-certificate.ts";
import { caseName } from "../../../support/case-name.ts";

/** From the root to the body: every link broken once, everything else as it should be. */

function refuses(name: string, one: QuoteCase, ...codes: readonly string[]): void {
  test(caseName("refuses", name), () => {
    assert.deepEqual(codesOfCase(one), codes);
  });
}

const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
const strangerPki = pkiWith({ keys: newTdxKeys() });
const flipped = (at: number) => (quote: Buffer) => {
  quote.writeUInt8(quote.readUInt8(at) ^ 1, at);
  return quote;
};

// quote and quoting enclave
refuses("a byte of the header changed", { bytes: flipped(30) }, "QUOTE_SIGNATURE");
refuses("a byte of the body changed", { bytes: flipped(54 + 136) }, "QUOTE_SIGNATURE");
refuses("a byte of TD 1.5's fields changed", { bytes: flipped(54 + 640) }, "QUOTE_SIGNATURE");
refuses("a byte of the signature changed", { bytes: flipped(54 + 648 + 4 + 3) }, "QUOTE_SIGNATURE");
refuses("another key's signature", { quote: { bodySigner: stranger.privateKey } }, "QUOTE_SIGNATURE");
refuses(
  "another attestation key, which signed the quote",
  {
    quote: {
      attestationKey: stranger.publicKey.export({ format: "der", type: "spki" }).subarray(-64),
      bodySigner: stranger.privateKey,
      qeReportData: quoteOf()
        .subarray(54 + 648 + 4 + 128 + 6 + 320)
        .subarray(0, 64),
    },
  },
  "QUOTE_KEY_NOT_BOUND",
);
refuses(
  "a QE report by another key than the platform's",
  { quote: { qeSigner: stranger.privateKey } },
  "QUOTE_QE_SIGNATURE",
);
refuses("a byte of the QE report changed", { bytes: flipped(54 + 648 + 4 + 128 + 6 + 20) }, "QUOTE_QE_SIGNATURE");
refuses(
  "authentication data changed",
  { bytes: flipped(54 + 648 + 4 + 128 + 6 + 384 + 64 + 2) },
  "QUOTE_KEY_NOT_BOUND",
);
refuses(
  "QE report data with more than the digest",
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
  "QUOTE_KEY_NOT_BOUND",
);
refuses("an attestation key off the curve", { quote: { attestationKey: Buffer.alloc(64, 1) } }, "QUOTE_KEY_INVALID");
refuses("a quoting enclave by another signer", { quote: { qe: { mrSigner: "11".repeat(32) } } }, "QUOTE_QE_SIGNER");
refuses("another enclave of the signer", { quote: { qe: { productId: 1 } } }, "QUOTE_QE_PRODUCT");
refuses("another MISCSELECT", { quote: { qe: { miscSelect: "01000000" } } }, "QUOTE_QE_MISCSELECT");
refuses(
  "a quoting enclave in debug mode",
  { quote: { qe: { attributes: `13${"00".repeat(15)}` } } },
  "QUOTE_QE_ATTRIBUTES",
);
test("accepts attributes of the quoting enclave that the mask leaves out", () => {
  assert.deepEqual(codesOfCase({ quote: { qe: { attributes: `15${"00".repeat(7)}e7${"00".repeat(7)}` } } }), []);
});
refuses(
  "everything wrong at once, and names each",
  {
    quote: {
      bodySigner: stranger.privateKey,
      qeSigner: stranger.privateKey,
      qeReportData: Buffer.alloc(64),
      qe: { productId: 9, mrSigner: "11".repeat(32), svn: 0 },
    },
    report: { mrSignerSeam: "11".repeat(48) },
    at: new Date("2027-01-01T00:00:00Z"),
  },
  "COLLATERAL_CRL_EXPIRED",
  "COLLATERAL_CRL_EXPIRED",
  "COLLATERAL_EXPIRED",
  "COLLATERAL_EXPIRED",
  "TCB_MODULE_SIGNER",
  "QUOTE_QE_SIGNATURE",
  "QUOTE_KEY_NOT_BOUND",
  "QUOTE_QE_SIGNER",
  "QUOTE_QE_PRODUCT",
  "QUOTE_SIGNATURE",
  "TCB_QE_LEVEL_NONE",
);

// certificates
type Change = (request: CertificateRequest) => CertificateRequest;
const pck = (change: Change): QuoteCase => ({ pki: pkiWith({ change: { pck: change } }) });
const onlyInQuote = (pki: ReturnType<typeof pkiWith>): QuoteCase => ({
  quote: { certificates: Buffer.from(pemChain(pki.pck, pki.platformCa, pki.root)) },
});
const changed = (name: "root" | "platformCa" | "pck", change: Change): QuoteCase =>
  onlyInQuote(pkiWith({ change: { [name]: change } }));
const leafExtensions = [extensions.digitalSignature, sgxExtensionOf(labPlatform)];

refuses("C2: a root that is not the pinned one, though it has the name", onlyInQuote(strangerPki), "CERTIFICATE_ROOT");
refuses(
  "C4: a root in the leaf's place",
  { quote: { certificates: Buffer.from(pemChain(labPki.root, labPki.platformCa, labPki.root)) } },
  "CERTIFICATE_NAME",
  "CERTIFICATE_ISSUER",
  "CERTIFICATE_USAGE",
);
refuses(
  "C3: swapped certificates",
  { quote: { certificates: Buffer.from(pemChain(labPki.pck, labPki.root, labPki.platformCa)) } },
  "CERTIFICATE_ISSUER",
  "CERTIFICATE_NAME",
  "CERTIFICATE_ISSUER",
  "CERTIFICATE_ROOT",
  "CERTIFICATE_NAME",
  "CERTIFICATE_ISSUER",
  "CERTIFICATE_USAGE",
);
refuses(
  "a PCK with a name that only begins like it",
  pck((r) => ({ ...r, subject: { commonName: "Intel SGX PCK Certificate 2" } })),
  "CERTIFICATE_NAME",
);
refuses(
  "a PCK whose issuer is named otherwise",
  pck((r) => ({ ...r, issuer: { ...r.issuer, name: { commonName: "Intel SGX PCK Processor CA" } } })),
  "CERTIFICATE_ISSUER",
);
refuses(
  "a PCK that a stranger signed",
  pck((r) => ({ ...r, issuer: { ...r.issuer, privateKey: stranger.privateKey } })),
  "CERTIFICATE_SIGNATURE",
);
refuses(
  "C4: a PCK that is an authority",
  pck((r) => ({ ...r, extensions: [...extensions.authority(0), sgxExtensionOf(labPlatform)] })),
  "CERTIFICATE_USAGE",
);
refuses(
  "a PCK that may not sign",
  pck((r) => ({ ...r, extensions: [sgxExtensionOf(labPlatform)] })),
  "CERTIFICATE_USAGE",
);
refuses(
  "an intermediate that is no authority",
  changed("platformCa", (r) => ({ ...r, extensions: [extensions.digitalSignature] })),
  "CERTIFICATE_USAGE",
);
refuses(
  "a root that may not have authorities below it",
  changed("root", (r) => ({ ...r, extensions: extensions.authority(0) })),
  "CERTIFICATE_USAGE",
);
refuses(
  "a root that is no authority",
  changed("root", (r) => ({ ...r, extensions: [] })),
  "CERTIFICATE_USAGE",
);
refuses(
  "a PCK with a critical extension that nobody knows",
  pck((r) => ({ ...r, extensions: [...leafExtensions, { id: "1.2.3.4", critical: true, value: sequence() }] })),
  "CERTIFICATE_INVALID",
);
refuses(
  "a PCK with an extension twice",
  pck((r) => ({ ...r, extensions: [...leafExtensions, sgxExtensionOf(labPlatform)] })),
  "CERTIFICATE_INVALID",
);
refuses(
  "a PCK with another curve's key",
  pck((r) => ({ ...r, publicKey: generateKeyPairSync("ec", { namedCurve: "secp384r1" }).publicKey })),
  "CERTIFICATE_INVALID",
);
refuses(
  "a PCK that is not valid yet",
  pck((r) => ({ ...r, notBefore: new Date("2026-11-11T00:00:00Z") })),
  "CERTIFICATE_NOT_YET",
);
refuses(
  "C5: a PCK that has expired",
  pck((r) => ({ ...r, notAfter: new Date("2026-11-09T00:00:00Z") })),
  "CERTIFICATE_EXPIRED",
);
refuses(
  "an intermediate that has expired",
  changed("platformCa", (r) => ({ ...r, notAfter: new Date("2026-11-09T00:00:00Z") })),
  "CERTIFICATE_EXPIRED",
);
refuses(
  "a root that has expired",
  changed("root", (r) => ({ ...r, notAfter: new Date("2026-11-09T00:00:00Z") })),
  "CERTIFICATE_EXPIRED",
);

// what the PCK says of the platform
const platformExtension = (value: Uint8Array): QuoteCase =>
  pck((r) => ({ ...r, extensions: [extensions.digitalSignature, { id: sgxExtension, value }] }));
refuses(
  "a PCK without the SGX extension",
  pck((r) => ({ ...r, extensions: [extensions.digitalSignature] })),
  "CERTIFICATE_PLATFORM_DATA",
);
refuses("an empty SGX extension", platformExtension(sequence()), "CERTIFICATE_PLATFORM_DATA");
refuses("an SGX extension of garbage", platformExtension(Buffer.from("garbage")), "CERTIFICATE_PLATFORM_DATA");
refuses(
  "an SGX extension with a member that is none",
  platformExtension(sequence(integer(1))),
  "CERTIFICATE_PLATFORM_DATA",
);
for (const [name, platform] of Object.entries({
  "a PPID of 15 bytes": { ...labPlatform, ppid: "00".repeat(15) },
  "an FMSPC of 7 bytes": { ...labPlatform, fmspc: "00".repeat(7) },
  "a PCE id of 1 byte": { ...labPlatform, pceId: "00" },
  "15 components": { ...labPlatform, components: labPlatform.components.slice(1) },
  "a component of 256": { ...labPlatform, components: [256, ...labPlatform.components.slice(1)] },
  "a PCE SVN of 65,536": { ...labPlatform, pceSvn: 65_536 },
})) {
  // The writer's CPUSVN has as many bytes as there are components: nobody reads it.
  refuses(`a PCK with ${name}`, platformExtension(sgxExtensionOf(platform).value), "CERTIFICATE_PLATFORM_DATA");
}
