import { Failure } from "../../core/failure.ts";
import { describeJsonProblem, parseStrictJson } from "../../core/json/strict-json.ts";
import { signerPartSchema } from "../../core/release/manifest.ts";
import type { SignerPart } from "../../core/release/manifest.ts";
import { safeParse } from "../../core/safe-parse.ts";
import { faultLine, schemaFaults } from "../../core/schema-faults.ts";
import { readInput } from "./files.ts";

/** What measure-signer wrote. Throws FILE_UNREADABLE, SIGNER_PART_INVALID. */
export function readSignerPart(option: string, path: string): SignerPart {
  const json = parseStrictJson(readInput(option, path));
  if (!json.ok) throw invalid(option, path, [describeJsonProblem(json.problem)]);
  const parsed = safeParse(signerPartSchema, json.value);
  if (!parsed.success) throw invalid(option, path, schemaFaults(parsed.error, json.value).map(faultLine));
  return parsed.data;
}

function invalid(option: string, path: string, details: readonly string[]): Failure {
  return new Failure({
    code: "SIGNER_PART_INVALID",
    kind: "usage",
    message: `${option}: ${path} does not hold a signer's disk and measurements.`,
    remedy: "Give the file that neko-trust measure-signer --output wrote.",
    details,
  });
}
