import type { z } from "zod";
import { describeJsonProblem, parseStrictJson } from "../json/strict-json.ts";
import type { JsonLimits } from "../json/strict-json.ts";
import { proven, refuse } from "../verify/finding.ts";
import type { Checked, Finding, FindingCode } from "../verify/finding.ts";
import { safeParse } from "../safe-parse.ts";

/** A document that was read, or each fault of it as `path: what is wrong`. */
export type DocumentResult<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly faults: readonly [string, ...string[]] };

/** Faults that are told of one document; the rest is counted. */
const maxFaults = 10;

/** Strict JSON, then the schema; all faults at once. Never throws. */
export function readDocument<S extends z.ZodType>(
  bytes: Uint8Array,
  schema: S,
  limits: JsonLimits = { maxBytes: 4 * 1024 * 1024 },
): DocumentResult<z.infer<S>> {
  const json = parseStrictJson(bytes, limits);
  if (!json.ok) return { ok: false, faults: [describeJsonProblem(json.problem)] };
  const result = safeParse(schema, json.value);
  if (result.success) return { ok: true, value: result.data };
  const faults = result.error.issues.map((issue) => {
    const path = issue.path.map(String).join(".");
    return `${path === "" ? "document" : path.slice(0, 200)}: ${issue.message.slice(0, 300)}`;
  });
  const [first = "document: invalid", ...rest] = faults;
  const more = rest.length - (maxFaults - 1);
  return { ok: false, faults: [first, ...rest.slice(0, maxFaults - 1), ...(more > 0 ? [`and ${more} more`] : [])] };
}

/** `readDocument` with one finding per fault. */
export function checkedDocument<S extends z.ZodType>(
  bytes: Uint8Array,
  schema: S,
  about: { readonly code: Exclude<FindingCode, "SKIPPED">; readonly subject: string; readonly what: string },
): Checked<z.infer<S>> {
  const read = readDocument(bytes, schema);
  if (read.ok) return proven(read.value);
  const findings = read.faults.map((fault) => faultFinding(fault, about));
  const [first, ...rest] = findings;
  return first === undefined ? faultChecked("unreadable", about) : { ok: false, findings: [first, ...rest] };
}

type About = Parameters<typeof checkedDocument>[2];

function faultChecked(fault: string, about: About): { ok: false; findings: readonly [Finding] } {
  return refuse(about.code, {
    subject: about.subject,
    expected: about.what,
    found: fault,
    remedy: `Build and push it again; whoever wrote this did not write ${about.what} as the OCI image-spec has it.`,
  });
}

function faultFinding(fault: string, about: About): Finding {
  return faultChecked(fault, about).findings[0];
}
