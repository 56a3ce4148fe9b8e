import { generateKeyPairSync, hash, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { preAuthenticationEncoding } from "../../src/core/intoto/pre-authentication-encoding.ts";
import { payloadType, predicateTypes } from "../../src/core/intoto/statement.ts";
import { writeStatement } from "../../src/core/intoto/write-statement.ts";
import { digestOf } from "../../src/core/oci/digest.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import type { TdReport } from "../../src/core/tdx/contract.ts";
import type { TdxEvidenceDocument } from "../../src/core/tdx/evidence-document.ts";
import { challengeImprint, reportData, stampImprint } from "../../src/core/tdx/report-data.ts";
import type { TimestampMaterial } from "../sigstore/authority-material.ts";
import { timestampResponse } from "../sigstore/timestamp-authority.ts";
import { writeCollateral } from "./collateral-writer.ts";
import type { CollateralChanges } from "./collateral-writer.ts";
import type { LabMachine } from "./lab-machine.ts";
import type { TdxPki } from "./pki.ts";
import { labTdReport } from "./platform.ts";
import { writeQuote } from "./quote-writer.ts";
import type { QuoteChanges } from "./quote-writer.ts";

const minute = 60_000;
const day = 24 * 60 * minute;

/** What a good attested signature is made of, without a service: so that any part of it can be made wrong. */
export interface AttestedBasis {
  readonly pki: TdxPki;
  readonly machine: LabMachine;
  readonly authority: TimestampMaterial;
  /** The index that is signed, and the policy that it is said to have been verified under. */
  readonly subject: Digest;
  readonly policy: Digest;
  /** What all times are counted back from. */
  readonly now: Date;
}

/** How an attested signature differs from a good one. */
export interface AttestedChange {
  /** What the statement is about, in place of the index. */
  readonly subject?: Digest;
  readonly predicateType?: string;
  readonly predicate?: Readonly<Record<string, unknown>>;
  /** Minutes before now of the challenge and of the stamps; 2 and 1 unless given. */
  readonly challengedAgo?: number;
  readonly stampedAgo?: readonly number[];
  /** What the quote binds, in place of what lies beside it. */
  readonly bound?: Partial<Parameters<typeof reportData>[0]>;
  readonly report?: Partial<TdReport>;
  readonly td?: "1.0" | "1.5";
  readonly quote?: QuoteChanges;
  readonly collateral?: CollateralChanges;
  /** Minutes before now at which the collateral was issued; 60 unless given. */
  readonly collateralAgo?: number;
  readonly pki?: TdxPki;
  readonly eventLog?: Uint8Array;
  readonly keys?: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
  /** Parts of the document in place of those that were made. */
  readonly document?: (document: TdxEvidenceDocument) => Partial<TdxEvidenceDocument>;
}

/** An attested signature as the confidential signer makes it, but for the changes. */
export function attestedDocument(basis: AttestedBasis, change: AttestedChange = {}): TdxEvidenceDocument {
  const { machine, authority, policy, now } = basis;
  const ago = (minutes: number): Date => new Date(now.getTime() - minutes * minute);
  const stamp = (data: Uint8Array, at: Date): Uint8Array =>
    timestampResponse({ digest: hash("sha256", data, "buffer"), withCertificate: true }, authority, at);
  const { privateKey, publicKey } = change.keys ?? generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const spki = publicKey.export({ format: "der", type: "spki" });
  const challenge = stamp(challengeImprint(spki), ago(change.challengedAgo ?? 2));
  const subject = change.subject ?? basis.subject;
  const payload = writeStatement({
    subject: [{ name: "sample", digest: { sha256: subject.slice("sha256:".length) } }],
    predicateType: change.predicateType ?? predicateTypes.tdxSigner,
    predicate: { schema: 1, key: "ephemeral", policy, challenge: digestOf(challenge), ...change.predicate },
  });
  const signature = sign("sha256", preAuthenticationEncoding(payloadType, payload), privateKey);
  const bound = reportData({ spki, payload, policy, challenge, ...change.bound });
  const pki = change.pki ?? basis.pki;
  const report = { ...labTdReport(machine.measurements, bound, change.td), ...change.report };
  const quote = writeQuote(pki, report, change.quote);
  const issued = ago(change.collateralAgo ?? 60);
  const window = { issued, nextUpdate: new Date(issued.getTime() + 30 * day) };
  const made: TdxEvidenceDocument = {
    payload,
    signature,
    spki,
    challenge,
    timestamps: (change.stampedAgo ?? [1]).map((minutes) => stamp(stampImprint(quote, signature), ago(minutes))),
    quote,
    eventLog: change.eventLog ?? machine.eventLog,
    collateral: writeCollateral(pki, window, change.collateral),
  };
  return { ...made, ...change.document?.(made) };
}
