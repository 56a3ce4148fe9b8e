import { readRegularFile } from "../adapters/files/read-regular-file.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import { trustPolicySchema } from "../core/policy/trust-policy.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import { safeParse } from "../core/safe-parse.ts";
import { faultLine, schemaFaults } from "../core/schema-faults.ts";
import { parseStrictYaml } from "../core/yaml/strict-yaml.ts";
import { maxTrustBytes } from "./read-file.ts";

/** Reads a TrustPolicy in a file of its own, YAML or JSON. Throws POLICY_UNREADABLE or POLICY_INVALID (usage). */
export function readPolicyFile(path: string): TrustPolicy {
  let text: string;
  try {
    text = readRegularFile(path, maxTrustBytes).toString("utf8");
  } catch (error) {
    throw new Failure(
      {
        code: "POLICY_UNREADABLE",
        kind: "usage",
        message: `The policy ${path} can't be read: ${reasonOf(error)}.`,
        remedy: "Name the file of a TrustPolicy (YAML or JSON).",
      },
      { cause: error },
    );
  }
  const invalid = (details: readonly string[]): Failure =>
    new Failure({
      code: "POLICY_INVALID",
      kind: "usage",
      message: `${path} is not a valid TrustPolicy.`,
      remedy: `Correct ${path}; schemas/trust-policy.v1.schema.json says what is allowed.`,
      details,
    });
  const parsed = parseStrictYaml(text);
  if (!parsed.ok) throw invalid(parsed.faults);
  const policy = safeParse(trustPolicySchema, parsed.value);
  if (policy.success) return policy.data;
  throw invalid(schemaFaults(policy.error, parsed.value).map(faultLine));
}
