import { z } from "zod";
import { fault } from "./fault.ts";
import type { TdxFault } from "./fault.ts";
import type { QuotingEnclave } from "./quote.ts";
import { hexBytes, statementHead, wideSvn } from "./signed-statement.ts";
import type { StatementKind } from "./signed-statement.ts";
import { partLevels } from "./tcb-info.ts";

/** Identity of the TD quoting enclave, version 2 (Intel PCS API v4, "Get TDX QE Identity"). */
export const qeIdentitySchema = z.object({
  ...statementHead,
  miscselect: hexBytes(4),
  miscselectMask: hexBytes(4),
  attributes: hexBytes(16),
  attributesMask: hexBytes(16),
  mrsigner: hexBytes(32),
  isvprodid: wideSvn,
  tcbLevels: partLevels,
});

export type QeIdentity = z.output<typeof qeIdentitySchema>;

export const qeIdentityKind: StatementKind<typeof qeIdentitySchema> = {
  subject: "QE identity",
  id: "TD_QE",
  version: 2,
  schema: qeIdentitySchema,
};

/** Whether the enclave that made the quote is Intel's (EnclaveReportVerifier.cpp): all that differs. Its SVN is a level's matter. */
export function qeFaults(qe: QuotingEnclave, identity: QeIdentity): TdxFault[] {
  const subject = "quoting enclave";
  const masked = (found: Uint8Array, mask: string): string => {
    const bits = Buffer.from(mask, "hex");
    return Buffer.from(found.map((byte, index) => byte & (bits[index] ?? 0))).toString("hex");
  };
  const compared: readonly [TdxFault["code"], string, string][] = [
    ["QUOTE_QE_MISCSELECT", identity.miscselect, masked(qe.miscSelect, identity.miscselectMask)],
    ["QUOTE_QE_ATTRIBUTES", identity.attributes, masked(qe.attributes, identity.attributesMask)],
    ["QUOTE_QE_SIGNER", identity.mrsigner, Buffer.from(qe.mrSigner).toString("hex")],
    ["QUOTE_QE_PRODUCT", `${identity.isvprodid}`, `${qe.productId}`],
  ];
  return compared.flatMap(([code, expected, found]) =>
    expected === found ? [] : [fault(code, subject, expected, found)],
  );
}
