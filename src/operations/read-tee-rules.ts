import { readRegularFile } from "../adapters/files/read-regular-file.ts";
import { teeRulesSchema } from "../core/compile/key-broker/rules.ts";
import type { TeeRules } from "../core/compile/key-broker/rules.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import { safeParse } from "../core/safe-parse.ts";
import { faultLine, schemaFaults } from "../core/schema-faults.ts";
import { parseStrictYaml } from "../core/yaml/strict-yaml.ts";
import { maxTrustBytes } from "./read-file.ts";

/**
 * Reads which platforms may get the credential, YAML or JSON, with the keys of a stack's `keyBroker.tee`.
 * Throws TEE_RULES_UNREADABLE or TEE_RULES_INVALID (usage).
 */
export function readTeeRules(path: string): TeeRules {
  const failure = (code: string, message: string, details: readonly string[], cause?: unknown): Failure =>
    new Failure(
      {
        ...{ code, kind: "usage", message, details },
        remedy: "Give a file with the keys of keyBroker.tee, as stacks/Pulumi.production.yaml has them.",
      },
      ...(cause === undefined ? [] : [{ cause }]),
    );
  let text: string;
  try {
    text = readRegularFile(path, maxTrustBytes).toString("utf8");
  } catch (error) {
    throw failure("TEE_RULES_UNREADABLE", `The rules ${path} can't be read: ${reasonOf(error)}.`, [], error);
  }
  const invalid = (details: readonly string[]): Failure =>
    failure("TEE_RULES_INVALID", `${path} doesn't say which platforms may get the credential.`, details);
  const parsed = parseStrictYaml(text);
  if (!parsed.ok) throw invalid(parsed.faults);
  const rules = safeParse(teeRulesSchema, parsed.value);
  if (rules.success) return rules.data;
  throw invalid(schemaFaults(rules.error, parsed.value).map(faultLine));
}
