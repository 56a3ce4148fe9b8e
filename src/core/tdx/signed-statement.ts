import { z } from "zod";
import { parseStrictJson, describeJsonProblem } from "../json/strict-json.ts";
import { safeParse } from "../safe-parse.ts";
import { faultLine, schemaFaults } from "../schema-faults.ts";
import type { CertificateChain } from "./certificate-chain.ts";
import { windowFaults } from "./certificate-chain.ts";
import { faulty, judged } from "./fault.ts";
import type { Judged, TdxFault } from "./fault.ts";
import { verifiesP256 } from "./p256.ts";

/** What TCB info and QE identity have in common (Intel PCS API v4): JSON whose exact bytes are signed. */
export interface StatementKind<S extends z.ZodType> {
  /** `TCB info`, for messages. */
  readonly subject: string;
  readonly id: string;
  readonly version: number;
  readonly schema: S;
}

/** TCB info has some 5,000 bytes, with all of a platform's history some 20,000. */
export const statementBytesMost = 512 * 1024;

const bytesPattern = (length: number) => new RegExp(`^[0-9A-Fa-f]{${length * 2}}$`);

/** Exactly that many bytes as hex digits, given in lower case. */
export function hexBytes(length: number) {
  return z
    .string()
    .regex(bytesPattern(length), `must be ${length * 2} hex digits`)
    .transform((text) => text.toLowerCase());
}

/** `2025-06-19T10:16:03Z`: the one form that Intel writes. */
export const statementTime = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/, "must be a time like 2025-06-19T10:16:03Z")
  .refine((text) => isTime(text), "must be a time that exists")
  .transform((text) => new Date(text));

function isTime(text: string): boolean {
  const time = new Date(text);
  return !Number.isNaN(time.getTime()) && time.toISOString() === text.replace("Z", ".000Z");
}

/** Security advisories, `INTEL-SA-00106`. */
export const advisoryIds = z
  .array(z.string().regex(/^INTEL-[A-Z]{2}-\d{1,8}$/))
  .max(1000)
  .default([]);

export const svn = z.int().min(0).max(255);
export const wideSvn = z.int().min(0).max(65_535);

/** The head of both statements. */
export const statementHead = {
  id: z.string(),
  version: z.int(),
  issueDate: statementTime,
  nextUpdate: statementTime,
  tcbEvaluationDataNumber: z.int().min(0),
} as const;

const headSchema = z.object({ id: z.string(), version: z.int() });

/**
 * Proves that who leads to the root signed these exact bytes, and reads them. Unknown members are left alone: Intel adds some
 * within a version, and nobody else can.
 */
export function readStatement<S extends z.ZodType>(
  kind: StatementKind<S>,
  text: Uint8Array,
  signature: Uint8Array,
  signer: CertificateChain,
): Judged<z.output<S>> {
  const { subject } = kind;
  if (!verifiesP256(signer.leaf.key, text, signature, "ieee-p1363"))
    return faulty("COLLATERAL_SIGNATURE", subject, `signed by ${signer.leaf.commonName}`, "another signature");
  const json = parseStrictJson(text, { maxBytes: statementBytesMost, maxDepth: 16 });
  if (!json.ok) return faulty("COLLATERAL_INVALID", subject, "JSON", describeJsonProblem(json.problem));
  const head = safeParse(headSchema, json.value);
  if (head.success && head.data.id !== kind.id)
    return faulty("COLLATERAL_KIND", subject, kind.id, JSON.stringify(head.data.id).slice(0, 80));
  if (head.success && head.data.version !== kind.version)
    return faulty("COLLATERAL_VERSION", subject, `version ${kind.version}`, `version ${head.data.version}`);
  const parsed = safeParse(kind.schema, json.value);
  if (parsed.success) return judged(parsed.data);
  const found = schemaFaults(parsed.error, json.value).slice(0, 3).map(faultLine).join("; ");
  return faulty("COLLATERAL_INVALID", subject, `${kind.id} of version ${kind.version}`, found);
}

export function statementTimeFaults(
  { issueDate, nextUpdate }: { readonly issueDate: Date; readonly nextUpdate: Date },
  subject: string,
  at: Date,
): TdxFault[] {
  return windowFaults(issueDate, nextUpdate, at, subject, { early: "COLLATERAL_NOT_YET", late: "COLLATERAL_EXPIRED" });
}
