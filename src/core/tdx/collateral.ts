import { z } from "zod";
import { Failure } from "../failure.ts";
import { describeJsonProblem, parseStrictJson } from "../json/strict-json.ts";
import { safeParse } from "../safe-parse.ts";
import { faultLine, schemaFaults } from "../schema-faults.ts";
import type { Collateral } from "./contract.ts";

/** A collateral file is some 20,000 bytes. */
const fileBytesMost = 4 * 1024 * 1024;

const hex = z.string().regex(/^(?:[0-9a-fA-F]{2})*$/, "must be hex digits");
const text = z.string();

/** One file with all that a quote is verified against, in the form that dcap-qvl and its tools write: bytes as hex. */
export const collateralFileSchema = z.strictObject({
  pck_crl_issuer_chain: text,
  root_ca_crl: hex,
  pck_crl: hex,
  tcb_info_issuer_chain: text,
  tcb_info: text,
  tcb_info_signature: hex,
  qe_identity_issuer_chain: text,
  qe_identity: text,
  qe_identity_signature: hex,
});

export type CollateralFile = z.infer<typeof collateralFileSchema>;

/** Reads a collateral file; nothing of it is believed. Throws Failure COLLATERAL_FILE_INVALID (usage). */
export function readCollateralFile(file: Uint8Array, name = "the collateral file"): Collateral {
  const json = parseStrictJson(file, { maxBytes: fileBytesMost, maxDepth: 4 });
  const invalid = (details: readonly string[]): Failure =>
    new Failure({
      code: "COLLATERAL_FILE_INVALID",
      kind: "usage",
      message: `${name} is not a collateral file.`,
      remedy: "Give the file that the attester or dcap-qvl wrote for the quote.",
      details,
    });
  if (!json.ok) throw invalid([describeJsonProblem(json.problem)]);
  const parsed = safeParse(collateralFileSchema, json.value);
  if (!parsed.success) throw invalid(schemaFaults(parsed.error, json.value).slice(0, 12).map(faultLine));
  return fromCollateralFile(parsed.data);
}

export function fromCollateralFile(file: CollateralFile): Collateral {
  return {
    rootCaCrl: Buffer.from(file.root_ca_crl, "hex"),
    pckCrl: Buffer.from(file.pck_crl, "hex"),
    pckCrlIssuerChain: file.pck_crl_issuer_chain,
    tcbInfo: file.tcb_info,
    tcbInfoSignature: Buffer.from(file.tcb_info_signature, "hex"),
    tcbInfoIssuerChain: file.tcb_info_issuer_chain,
    qeIdentity: file.qe_identity,
    qeIdentitySignature: Buffer.from(file.qe_identity_signature, "hex"),
    qeIdentityIssuerChain: file.qe_identity_issuer_chain,
  };
}

/** The same collateral as a file's members: `readCollateralFile(JSON.stringify(toCollateralFile(c)))` gives c again. */
export function toCollateralFile(collateral: Collateral): CollateralFile {
  const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  return {
    pck_crl_issuer_chain: collateral.pckCrlIssuerChain,
    root_ca_crl: toHex(collateral.rootCaCrl),
    pck_crl: toHex(collateral.pckCrl),
    tcb_info_issuer_chain: collateral.tcbInfoIssuerChain,
    tcb_info: collateral.tcbInfo,
    tcb_info_signature: toHex(collateral.tcbInfoSignature),
    qe_identity_issuer_chain: collateral.qeIdentityIssuerChain,
    qe_identity: collateral.qeIdentity,
    qe_identity_signature: toHex(collateral.qeIdentitySignature),
  };
}
