import type { KeyObject } from "node:crypto";
import { sign } from "node:crypto";
import type { Collateral } from "../../src/core/tdx/contract.ts";
import { ecdsaWithSha256, keyIdentifier, nameOf } from "../sigstore/certificates.ts";
import type { Extension, Issuer } from "../sigstore/certificates.ts";
import {
  bitString,
  certificateTime,
  element,
  integer,
  objectIdentifier,
  octetString,
  sequence,
} from "../sigstore/der.ts";
import { tagged, taggedPrimitive, trueValue, wholeSecond } from "../sigstore/der.ts";
import { pemChain } from "./pki.ts";
import type { TdxPki } from "./pki.ts";
import { labQe, signP1363 } from "./quote-writer.ts";

/** When collateral was issued, and when its successor is due. */
export interface CollateralWindow {
  readonly issued: Date;
  readonly nextUpdate: Date;
}

type Json = Record<string, unknown>;

/** What collateral may say other than that the lab's platform is up to date. Everything is signed as it then is. */
export interface CollateralChanges {
  readonly tcbInfo?: (document: Json) => Json;
  readonly qeIdentity?: (document: Json) => Json;
  /** Changes the text after it was made, before it is signed. */
  readonly tcbInfoText?: (text: string) => string;
  /** Serial numbers that the lists name. */
  readonly revokedByRoot?: readonly Uint8Array[];
  readonly revokedByCa?: readonly Uint8Array[];
  readonly rootCrl?: Partial<ListRequest>;
  readonly pckCrl?: Partial<ListRequest>;
}

export interface ListRequest extends CollateralWindow {
  readonly issuer: Pick<Issuer, "name" | "publicKey">;
  readonly signer: KeyObject;
  readonly revoked: readonly Uint8Array[];
  readonly extensions?: readonly Extension[];
}

/** A certificate revocation list, version 2, DER (RFC 5280, section 5.1). */
export function writeRevocationList({
  issuer,
  signer,
  revoked,
  issued,
  nextUpdate,
  extensions = [],
}: ListRequest): Buffer {
  const extension = ({ id, critical, value }: Extension): Buffer =>
    sequence(objectIdentifier(id), ...(critical === true ? [trueValue] : []), octetString(value));
  const unspecifiedReason = { id: "2.5.29.21", value: element(0x0a, Buffer.of(1)) };
  const entries = revoked.map((serial) =>
    sequence(integer(serial), certificateTime(issued), sequence(extension(unspecifiedReason))),
  );
  const toBeSigned = sequence(
    integer(1),
    ecdsaWithSha256,
    nameOf(issuer.name),
    certificateTime(issued),
    certificateTime(nextUpdate),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    tagged(
      0,
      sequence(
        extension({ id: "2.5.29.20", value: integer(1) }),
        extension({ id: "2.5.29.35", value: sequence(taggedPrimitive(0, keyIdentifier(issuer.publicKey))) }),
        ...extensions.map(extension),
      ),
    ),
  );
  return sequence(toBeSigned, ecdsaWithSha256, bitString(sign("sha256", toBeSigned, signer)));
}

/** `2025-06-19T10:16:03Z`, as Intel writes times. */
export function statementTime(time: Date): string {
  return wholeSecond(time).toISOString().replace(".000Z", "Z");
}

const zeros = (bytes: number): string => "0".repeat(bytes * 2);
const levelDate = "2026-03-11T00:00:00Z";
const earlierDate = "2025-05-14T00:00:00Z";
const components = (svns: readonly number[]): readonly Json[] =>
  Array.from({ length: 16 }, (_, index) => ({ svn: svns[index] ?? 0 }));

/** TCB info by which the lab's platform is up to date, and one with older parts is not. */
export function tcbInfoDocument(pki: TdxPki, { issued, nextUpdate }: CollateralWindow): Json {
  const module = { mrsigner: zeros(48), attributes: zeros(8), attributesMask: "F".repeat(16) };
  const older = [1, 1, 2, 2, 3, 1, 0, 5];
  return {
    id: "TDX",
    version: 3,
    issueDate: statementTime(issued),
    nextUpdate: statementTime(nextUpdate),
    fmspc: pki.platform.fmspc.toUpperCase(),
    pceId: pki.platform.pceId,
    tcbType: 0,
    tcbEvaluationDataNumber: 20,
    tdxModule: module,
    tdxModuleIdentities: [
      {
        id: "TDX_03",
        ...module,
        tcbLevels: [
          { tcb: { isvsvn: 5 }, tcbDate: levelDate, tcbStatus: "UpToDate" },
          { tcb: { isvsvn: 3 }, tcbDate: earlierDate, tcbStatus: "OutOfDate", advisoryIDs: ["INTEL-SA-09903"] },
        ],
      },
      { id: "TDX_01", ...module, tcbLevels: [{ tcb: { isvsvn: 4 }, tcbDate: levelDate, tcbStatus: "UpToDate" }] },
    ],
    tcbLevels: [
      {
        tcb: {
          sgxtcbcomponents: components(pki.platform.components),
          pcesvn: pki.platform.pceSvn,
          tdxtcbcomponents: components([5, 0, 2]),
        },
        tcbDate: levelDate,
        tcbStatus: "UpToDate",
      },
      {
        tcb: { sgxtcbcomponents: components(older), pcesvn: 11, tdxtcbcomponents: components([4, 0, 1]) },
        tcbDate: earlierDate,
        tcbStatus: "OutOfDate",
        advisoryIDs: ["INTEL-SA-09901", "INTEL-SA-09902"],
      },
    ],
  };
}

/** The identity of the lab's quoting enclave. */
export function qeIdentityDocument({ issued, nextUpdate }: CollateralWindow): Json {
  return {
    id: "TD_QE",
    version: 2,
    issueDate: statementTime(issued),
    nextUpdate: statementTime(nextUpdate),
    tcbEvaluationDataNumber: 20,
    miscselect: labQe.miscSelect,
    miscselectMask: "FFFFFFFF",
    attributes: labQe.attributes,
    attributesMask: "FBFFFFFFFFFFFFFF0000000000000000",
    mrsigner: labQe.mrSigner.toUpperCase(),
    isvprodid: labQe.productId,
    tcbLevels: [
      { tcb: { isvsvn: 4 }, tcbDate: levelDate, tcbStatus: "UpToDate" },
      { tcb: { isvsvn: 2 }, tcbDate: earlierDate, tcbStatus: "OutOfDate", advisoryIDs: ["INTEL-SA-09904"] },
      { tcb: { isvsvn: 1 }, tcbDate: earlierDate, tcbStatus: "Revoked" },
    ],
  };
}

/** All that a quote of the lab's platform is verified against. */
export function writeCollateral(pki: TdxPki, window: CollateralWindow, changes: CollateralChanges = {}): Collateral {
  const list = (issuer: Issuer, revoked: readonly Uint8Array[] = [], change: Partial<ListRequest> = {}): Buffer =>
    writeRevocationList({ issuer, signer: issuer.privateKey, revoked, ...window, ...change });
  const unchanged = (document: Json): Json => document;
  const info = JSON.stringify((changes.tcbInfo ?? unchanged)(tcbInfoDocument(pki, window)));
  const tcbInfo = changes.tcbInfoText?.(info) ?? info;
  const qeIdentity = JSON.stringify((changes.qeIdentity ?? unchanged)(qeIdentityDocument(window)));
  const signer = pemChain(pki.tcbSigning, pki.root);
  const signed = (text: string): Buffer => signP1363(Buffer.from(text, "utf8"), pki.tcbSigning.privateKey);
  return {
    rootCaCrl: list(pki.root, changes.revokedByRoot, changes.rootCrl),
    pckCrl: list(pki.platformCa, changes.revokedByCa, changes.pckCrl),
    pckCrlIssuerChain: pemChain(pki.platformCa, pki.root),
    tcbInfo,
    tcbInfoSignature: signed(tcbInfo),
    tcbInfoIssuerChain: signer,
    qeIdentity,
    qeIdentitySignature: signed(qeIdentity),
    qeIdentityIssuerChain: signer,
  };
}
