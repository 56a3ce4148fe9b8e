import { createHash } from "node:crypto";
import type { QuoteTrust, VerifiedQuote, VerifyQuote } from "./contract.ts";
import { chainShapes, readChain } from "./certificate-chain.ts";
import type { CertificateChain } from "./certificate-chain.ts";
import { rememberedByDigest } from "./certificate-memory.ts";
import { chainFaults, collateralFaults, readCollateral } from "./collateral-parts.ts";
import type { CollateralParts } from "./collateral-parts.ts";
import { fault, faultsOf } from "./fault.ts";
import type { Judged, TdxFault, TdxFaults } from "./fault.ts";
import { p256KeyFromPoint, verifiesP256 } from "./p256.ts";
import { readPlatformData } from "./pck-certificate.ts";
import type { PlatformData } from "./pck-certificate.ts";
import { qeFaults } from "./qe-identity.ts";
import { parseQuote } from "./quote.ts";
import type { ParsedQuote } from "./quote.ts";
import { revocationFaults } from "./revocation-list.ts";
import { judgeTcb, moduleFaults } from "./tcb-level.ts";

const pckSubject = "PCK certificate";

/**
 * Verifies a quote by the rules and in the order of Intel's library (QuoteVerifier.cpp, 4.1.2.4), against this collateral, as of
 * `at`. Everything that can be judged is judged: the faults are all that were found, not the first. Never throws for anything
 * in the bytes. docs/attestation.md has each check with its source.
 */
export const verifyQuote = ((bytes, collateral, { at, trust }) => {
  const quote = parseQuote(bytes);
  const parts = readCollateral(collateral, trust);
  const pck = quote.ok ? readPck(quote.value, trust) : quote;
  const faults = [
    ...faultsOf(quote),
    ...(quote.ok ? pckFaults(pck, parts, at) : []),
    ...(parts.ok ? collateralFaults(parts.value, at) : parts.faults),
    ...(quote.ok && parts.ok ? platformFaults(quote.value, pck, parts.value) : []),
    ...(quote.ok ? signatureFaults(quote.value, pck, parts) : []),
  ];
  const verified = quote.ok && pck.ok && parts.ok ? levelOf(quote.value, pck.value, parts.value) : undefined;
  // What is behind a part that failed can't be judged, and that part's faults are there already.
  const [first, ...rest] = distinct([...faults, ...(verified === undefined ? [] : faultsOf(verified))]);
  if (first !== undefined) return { ok: false, faults: [first, ...rest] satisfies TdxFaults };
  if (verified?.ok !== true) throw new Error("a quote was neither verified nor refused");
  return { ok: true, quote: verified.value };
}) satisfies VerifyQuote;

interface Pck {
  readonly chain: CertificateChain;
  readonly platform: PlatformData;
}

/** A platform sends the same chain with each of its quotes. */
const knownPcks = rememberedByDigest<Judged<Pck>>(256);

/** The certificate of the key that certified the quoting enclave, and what it says of the platform: read once per chain and root. */
function readPck({ certificates }: ParsedQuote, trust: QuoteTrust): Judged<Pck> {
  const digest = createHash("sha256").update(`${trust.rootSpki.length}:`).update(trust.rootSpki).update(certificates);
  // A copy, as what is remembered must not change with a caller's buffer.
  return knownPcks(digest.digest("base64"), () => readPckChain(Uint8Array.from(certificates), trust));
}

function readPckChain(pem: Uint8Array, trust: QuoteTrust): Judged<Pck> {
  const chain = readChain(pem, chainShapes.pck, pckSubject, trust);
  if (!chain.ok) return chain;
  const platform = readPlatformData(chain.value.leaf, pckSubject);
  return platform.ok ? { ok: true, value: { chain: chain.value, platform: platform.value } } : platform;
}

function pckFaults(pck: Judged<Pck>, parts: Judged<CollateralParts>, at: Date): readonly TdxFault[] {
  if (!pck.ok) return pck.faults;
  const { chain } = pck.value;
  if (!parts.ok) return [];
  const { rootCrl, pckCrl } = parts.value;
  const faults = [...chainFaults({ ok: true, value: chain }, rootCrl, at)];
  if (!pckCrl.ok) return faults;
  // The names of an authority's certificates stay when its key is renewed: the list must be signed by the key that signed the PCK.
  if (!Buffer.from(pckCrl.value.issuerSpki).equals(chain.issuer.spki))
    faults.push(
      fault("COLLATERAL_CRL_ISSUER", "PCK CRL", "a list by the issuer of the PCK certificate", "another issuer's list"),
    );
  else faults.push(...revocationFaults(chain.leaf, pckCrl.value, pckSubject));
  return faults;
}

/** TCB info must be about this platform, and name its TDX module. */
function platformFaults(quote: ParsedQuote, pck: Judged<Pck>, { tcbInfo }: CollateralParts): TdxFault[] {
  if (!tcbInfo.ok) return [];
  const { fmspc, pceId } = tcbInfo.value;
  const faults: TdxFault[] = [];
  if (pck.ok && pck.value.platform.fmspc !== fmspc)
    faults.push(fault("COLLATERAL_OTHER_PLATFORM", "TCB info", `FMSPC ${pck.value.platform.fmspc}`, fmspc));
  if (pck.ok && pck.value.platform.pceId !== pceId)
    faults.push(fault("COLLATERAL_OTHER_PCE", "TCB info", `PCE id ${pck.value.platform.pceId}`, pceId));
  return faults.length > 0 ? faults : moduleFaults(quote.report, tcbInfo.value);
}

/** From the platform's key to the body: QE report, attestation key, quoting enclave, header and body. */
function signatureFaults(quote: ParsedQuote, pck: Judged<Pck>, parts: Judged<CollateralParts>): TdxFault[] {
  const { qe, attestationKey } = quote;
  const faults: TdxFault[] = [];
  if (pck.ok && !verifiesP256(pck.value.chain.leaf.key, qe.report, qe.signature, "ieee-p1363"))
    faults.push(fault("QUOTE_QE_SIGNATURE", "QE report", "signed by the PCK certificate's key", "another signature"));
  const binding = createHash("sha256").update(attestationKey).update(qe.authenticationData).digest();
  const bound = Buffer.concat([binding, Buffer.alloc(32)]);
  if (!bound.equals(qe.reportData))
    faults.push(
      fault(
        "QUOTE_KEY_NOT_BOUND",
        "QE report",
        `report data ${bound.toString("hex")}`,
        Buffer.from(qe.reportData).toString("hex"),
      ),
    );
  if (parts.ok && parts.value.qeIdentity.ok) faults.push(...qeFaults(qe, parts.value.qeIdentity.value));
  const key = p256KeyFromPoint(attestationKey);
  if (key === undefined) faults.push(fault("QUOTE_KEY_INVALID", "attestation key", "a point on P-256", "none"));
  else if (!verifiesP256(key, quote.signed, quote.signature, "ieee-p1363"))
    faults.push(
      fault("QUOTE_SIGNATURE", "quote", "header and body signed by the attestation key", "another signature"),
    );
  return faults;
}

/** What the quote is worth; undefined where collateral does not hold, or is another platform's. */
function levelOf(
  quote: ParsedQuote,
  { chain, platform }: Pck,
  parts: CollateralParts,
): Judged<VerifiedQuote> | undefined {
  const { tcbInfo, qeIdentity, rootCrl, pckCrl, pckCaChain, tcbChain, qeChain } = parts;
  if (!tcbInfo.ok || !qeIdentity.ok || !rootCrl.ok || !pckCrl.ok || !pckCaChain.ok || !tcbChain.ok || !qeChain.ok)
    return undefined;
  if (tcbInfo.value.fmspc !== platform.fmspc || tcbInfo.value.pceId !== platform.pceId) return undefined;
  const tcb = judgeTcb(quote.report, quote.qe.svn, platform, tcbInfo.value, qeIdentity.value);
  if (!tcb.ok) return tcb;
  const ends = [
    ...[chain, pckCaChain.value, tcbChain.value, qeChain.value].flatMap((one) =>
      one.certificates.map(({ notAfter }) => notAfter),
    ),
    ...[rootCrl, pckCrl, tcbInfo, qeIdentity].map(({ value }) => value.nextUpdate),
  ];
  const evaluation = Math.min(tcbInfo.value.tcbEvaluationDataNumber, qeIdentity.value.tcbEvaluationDataNumber);
  return {
    ok: true,
    value: {
      version: quote.version,
      report: quote.report,
      ppid: platform.ppid,
      fmspc: platform.fmspc,
      pceId: platform.pceId,
      tcb: { ...tcb.value, evaluation },
      expires: new Date(Math.min(...ends.map((end) => end.getTime()))),
    },
  };
}

/** Each fault once: the lists and statements of a chain that does not hold fail for the same reasons. */
function distinct(faults: readonly TdxFault[]): TdxFault[] {
  const seen = new Set<string>();
  return faults.filter(({ code, subject, found }) => {
    const key = JSON.stringify([code, subject, found]);
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}
