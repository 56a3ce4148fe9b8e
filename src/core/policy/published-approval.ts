import { z } from "zod";
import { canonicalBytes } from "../json/canonical-json.ts";
import { parseStrictJson } from "../json/strict-json.ts";
import type { Digest } from "../oci/digest.ts";
import { digestSchema } from "../oci/formats.ts";
import { safeParse } from "../safe-parse.ts";

/**
 * What the platform says was approved for an environment, as an object of a bucket: read without the platform's state and
 * without its key, as nothing in it is secret. It can only deny: what it says is compared, and what is not there is missing.
 */
const approvalSchema = z.strictObject({
  schema: z.literal(1),
  /** Whose it is: an object that lies under another's name approves nothing there. */
  environment: z.string(),
  policyDigest: digestSchema,
});

/** Whether stacks of this environment (`policy.environment`) have to be approved; the others only plan or build. */
export function needsApproval(environment: string): boolean {
  return environment === "staging" || environment === "production";
}

/** Far above what such a document takes. */
export const longestApproval = 4096;

/** The object's name in the bucket. */
export function approvalObject(environment: string): string {
  return `approvals/${environment}.json`;
}

/** The document: RFC 8785, so that the same approval is the same object. */
export function approvalDocument(environment: string, policyDigest: Digest): string {
  return Buffer.from(canonicalBytes({ schema: 1, environment, policyDigest })).toString("utf8");
}

/** The digest that a document approves for this environment, or in words why it approves none. Never throws. */
export function approvedDigestIn(
  text: string,
  environment: string,
): { readonly ok: true; readonly digest: Digest } | { readonly ok: false; readonly why: string } {
  const json = parseStrictJson(Buffer.from(text, "utf8"), { maxBytes: longestApproval, maxDepth: 2 });
  const parsed = json.ok ? safeParse(approvalSchema, json.value) : undefined;
  if (parsed?.success !== true) return { ok: false, why: "it is no approval of this version" };
  if (parsed.data.environment !== environment) return { ok: false, why: "it is an approval for another environment" };
  return { ok: true, digest: parsed.data.policyDigest };
}
