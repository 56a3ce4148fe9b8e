import { createHash } from "node:crypto";
import type { Collateral, QuoteTrust } from "./contract.ts";
import { chainBytesMost, chainShapes, chainTimeFaults, readChain } from "./certificate-chain.ts";
import type { CertificateChain, ChainShape } from "./certificate-chain.ts";
import { rememberedByDigest } from "./certificate-memory.ts";
import { faulty, judged } from "./fault.ts";
import type { Judged, TdxFault } from "./fault.ts";
import { qeIdentityKind } from "./qe-identity.ts";
import type { QeIdentity } from "./qe-identity.ts";
import { crlBytesMost, listTimeFaults, readRevocationList, revocationFaults } from "./revocation-list.ts";
import type { RevocationList } from "./revocation-list.ts";
import { readStatement, statementBytesMost, statementTimeFaults } from "./signed-statement.ts";
import { tcbInfoKind } from "./tcb-info.ts";
import type { TcbInfo } from "./tcb-info.ts";

/**
 * Collateral whose signatures were checked, each part with what it proved or why not. What depends on a time (windows) or on a
 * quote (revocation of its certificate, FMSPC) is asked of it apart.
 */
export interface CollateralParts {
  readonly pckCaChain: Judged<CertificateChain>;
  readonly tcbChain: Judged<CertificateChain>;
  readonly qeChain: Judged<CertificateChain>;
  readonly rootCrl: Judged<RevocationList>;
  readonly pckCrl: Judged<RevocationList>;
  readonly tcbInfo: Judged<TcbInfo>;
  readonly qeIdentity: Judged<QeIdentity>;
}

type CollateralBytes = Readonly<Record<keyof Collateral, Uint8Array>>;

const limits: Readonly<Record<keyof Collateral, number>> = {
  rootCaCrl: crlBytesMost,
  pckCrl: crlBytesMost,
  pckCrlIssuerChain: chainBytesMost,
  tcbInfo: statementBytesMost,
  tcbInfoSignature: 64,
  tcbInfoIssuerChain: chainBytesMost,
  qeIdentity: statementBytesMost,
  qeIdentitySignature: 64,
  qeIdentityIssuerChain: chainBytesMost,
};
const partNames = Object.keys(limits) as readonly (keyof Collateral)[];

/** One digest over all of it and the root, once its sizes are known to be bounded. */
function digestOf(collateral: Collateral, trust: QuoteTrust): Judged<string> {
  const hash = createHash("sha256").update(`${trust.rootSpki.length}:`).update(trust.rootSpki);
  for (const name of partNames) {
    const value = collateral[name];
    // Characters are checked first, so that counting their bytes is bounded, too.
    const size = value.length > limits[name] ? value.length : Buffer.byteLength(value);
    if (size > limits[name]) return faulty("COLLATERAL_TOO_LARGE", name, `at most ${limits[name]} bytes`, `${size}`);
    hash.update(`${name} ${size}:`).update(value);
  }
  return judged(hash.digest("base64"));
}

/** Copies, as what is remembered must not change with a caller's buffers. */
function bytesOf(collateral: Collateral): CollateralBytes {
  const copyOf = (value: string | Uint8Array): Uint8Array =>
    typeof value === "string" ? Buffer.from(value) : Uint8Array.from(value);
  const bytes = partNames.map((name) => [name, copyOf(collateral[name])] as const);
  return Object.fromEntries(bytes) as CollateralBytes;
}

/** A platform's collateral stands behind all its quotes, until it is renewed. */
const known = rememberedByDigest<CollateralParts>(32);

/** Reads collateral and checks each signature once: the same bytes under the same root give the same parts again. */
export function readCollateral(collateral: Collateral, trust: QuoteTrust): Judged<CollateralParts> {
  const digest = digestOf(collateral, trust);
  return digest.ok ? judged(known(digest.value, () => readParts(bytesOf(collateral), trust))) : digest;
}

function readParts(bytes: CollateralBytes, trust: QuoteTrust): CollateralParts {
  const chain = (pem: Uint8Array, shape: ChainShape, subject: string) => readChain(pem, shape, subject, trust);
  const pckCaChain = chain(bytes.pckCrlIssuerChain, chainShapes.pckCa, "issuer chain of the PCK CRL");
  const tcbChain = chain(bytes.tcbInfoIssuerChain, chainShapes.tcbSigning, "issuer chain of TCB info");
  const qeChain = chain(bytes.qeIdentityIssuerChain, chainShapes.tcbSigning, "issuer chain of QE identity");
  // Any chain that holds ends at the pinned root, whose list this must be.
  const root = [pckCaChain, tcbChain, qeChain].find((one) => one.ok);
  return {
    pckCaChain,
    tcbChain,
    qeChain,
    rootCrl:
      root?.ok === true ? readRevocationList(bytes.rootCaCrl, root.value.root, "root CRL") : noIssuer(pckCaChain),
    pckCrl: pckCaChain.ok ? readRevocationList(bytes.pckCrl, pckCaChain.value.leaf, "PCK CRL") : noIssuer(pckCaChain),
    tcbInfo: tcbChain.ok
      ? readStatement(tcbInfoKind, bytes.tcbInfo, bytes.tcbInfoSignature, tcbChain.value)
      : noIssuer(tcbChain),
    qeIdentity: qeChain.ok
      ? readStatement(qeIdentityKind, bytes.qeIdentity, bytes.qeIdentitySignature, qeChain.value)
      : noIssuer(qeChain),
  };
}

/** What could not be checked fails for its signer's reasons; verification names each reason once. */
function noIssuer(chain: Judged<CertificateChain>): {
  readonly ok: false;
  readonly faults: Extract<typeof chain, { ok: false }>["faults"];
} {
  return chain.ok ? faulty("CERTIFICATE_ROOT", chain.value.subject, "a chain to the root", "none") : chain;
}

/** Faults of the collateral itself at one time, in Intel's order: lists, TCB info, QE identity, each with its signer's chain. */
export function collateralFaults(parts: CollateralParts, at: Date): TdxFault[] {
  const { rootCrl, pckCrl, pckCaChain, tcbChain, qeChain, tcbInfo, qeIdentity } = parts;
  return [
    ...chainFaults(pckCaChain, rootCrl, at),
    ...(rootCrl.ok ? listTimeFaults(rootCrl.value, at) : rootCrl.faults),
    ...(pckCrl.ok ? listTimeFaults(pckCrl.value, at) : pckCrl.faults),
    ...chainFaults(tcbChain, rootCrl, at),
    ...(tcbInfo.ok ? statementTimeFaults(tcbInfo.value, "TCB info", at) : tcbInfo.faults),
    ...chainFaults(qeChain, rootCrl, at),
    ...(qeIdentity.ok ? statementTimeFaults(qeIdentity.value, "QE identity", at) : qeIdentity.faults),
  ];
}

/** A chain's validity at one time, and whether the root's list names one of what the root issued. */
export function chainFaults(
  chain: Judged<CertificateChain>,
  rootCrl: Judged<RevocationList>,
  at: Date,
): readonly TdxFault[] {
  if (!chain.ok) return chain.faults;
  const { certificates, root, subject } = chain.value;
  const byRoot = certificates.filter(({ issuer }) => Buffer.from(issuer).equals(root.subject));
  const revoked = rootCrl.ok
    ? byRoot.flatMap((one) => revocationFaults(one, rootCrl.value, `${subject}: ${one.commonName}`))
    : [];
  return [...chainTimeFaults(chain.value, at), ...revoked];
}
