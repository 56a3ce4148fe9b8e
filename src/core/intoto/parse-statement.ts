import { describeJsonProblem, parseStrictJson } from "../json/strict-json.ts";
import { schemaFaults } from "../schema-faults.ts";
import { proven, refuse } from "../verify/finding.ts";
import type { Checked } from "../verify/finding.ts";
import { safeParse } from "../safe-parse.ts";
import { statementSchema } from "./statement.ts";
import type { Statement } from "./statement.ts";

/** 24 MiB, as a bundle's. */
const maxBytes = 24 * 1024 * 1024;

/**
 * Reads the payload of a verified envelope as an in-toto statement. Two readers must never see two statements in the
 * same bytes: duplicate keys, `__proto__`, invalid UTF-8 and the like are refused (STATEMENT_INVALID).
 * `subject` names the bundle in findings.
 */
export function parseStatement(payload: Uint8Array, subject: string): Checked<Statement> {
  const invalid = (found: string) =>
    refuse("STATEMENT_INVALID", {
      subject,
      expected: "an in-toto statement",
      found,
      remedy: "Have the signer write a statement of in-toto's Attestation Framework v1, and sign it again.",
    });
  const json = parseStrictJson(payload, { maxBytes });
  if (!json.ok) return invalid(describeJsonProblem(json.problem));
  const parsed = safeParse(statementSchema, json.value);
  if (!parsed.success) {
    const faults = schemaFaults(parsed.error, json.value).slice(0, 5);
    return invalid(faults.map((fault) => `${fault.path}: ${fault.allowed} (found ${fault.found})`).join("; "));
  }
  return proven(parsed.data);
}
