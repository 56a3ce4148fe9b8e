import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Directories } from "../adapters/directories/directories.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import { parseStrictYaml } from "../core/yaml/strict-yaml.ts";
import { applyLocalOverlay, readLocalOverlay } from "./local-overlay.ts";
import { parseStackConfig, secretKeysOf } from "./stack-config.ts";
import type { StackConfig } from "./stack-config.ts";

export const projectName = "neko-trust";
const prefix = `${projectName}:`;

/** Names of the stacks that have a file, sorted; none where there is no folder of stacks, as in the npm package. */
export function stackNames(checkout: string): string[] {
  const folder = join(checkout, "stacks");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => /^Pulumi\.([a-z0-9-]+)\.yaml$/.exec(name)?.[1])
    .filter((name) => name !== undefined)
    .sort();
}

export function stackFile(stack: string): string {
  return `stacks/Pulumi.${stack}.yaml`;
}

function finish(document: Record<string, unknown>, stack: string, directories: Directories): StackConfig {
  const overlaid =
    stack === "local" && document["release"] === "lab"
      ? applyLocalOverlay(document, readLocalOverlay(directories.state))
      : document;
  return parseStackConfig(overlaid, { stack, source: stackFile(stack) });
}

/** Where a stack's file lies. Throws STACK_UNKNOWN (usage) for a stack that has none. */
export function stackFilePath(stack: string, checkout: string): string {
  const relative = stackFile(stack);
  const names = stackNames(checkout);
  if (names.includes(stack)) return join(checkout, relative);
  throw new Failure({
    code: "STACK_UNKNOWN",
    kind: "usage",
    message: `There is no stack "${stack}" (${relative} does not exist).`,
    remedy:
      names.length === 0
        ? "Run the command in a checkout of neko-trust, or name a policy by its file."
        : `Name one of: ${names.join(", ")}.`,
  });
}

/** A stack's keys without their prefix, from the text of its file, not validated yet. Throws CONFIG_NOT_YAML. */
export function yamlKeys(text: string, stack: string): Record<string, unknown> {
  const relative = stackFile(stack);
  const parsed = parseStrictYaml(text);
  if (!parsed.ok) {
    throw new Failure({
      code: "CONFIG_NOT_YAML",
      kind: "usage",
      message: `${relative} is not valid YAML.`,
      remedy: `Correct ${relative} at the places named.`,
      details: parsed.faults,
    });
  }
  const root = parsed.value;
  const config = typeof root === "object" && root !== null && "config" in root ? root.config : {};
  const document: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(typeof config === "object" && config !== null ? config : {})) {
    if (key.startsWith(prefix)) document[key.slice(prefix.length)] = asPulumiGives(value);
  }
  return document;
}

/** The configuration in the text of a stack's file, with the checks and throws of `readYamlConfig`. */
export function parseYamlConfig(text: string, stack: string, directories: Directories): StackConfig {
  const document = yamlKeys(text, stack);
  refusePlainSecrets(document, stack);
  return finish(document, stack, directories);
}

/**
 * Reads a stack's file as plain YAML, without Pulumi. Throws STACK_UNKNOWN, CONFIG_UNREADABLE, CONFIG_NOT_YAML or
 * CONFIG_INVALID (usage), for stack local also LAB_NOT_RUNNING and LAB_STATE_DAMAGED (unavailable).
 */
export function readYamlConfig(stack: string, directories: Directories): StackConfig {
  const path = stackFilePath(stack, directories.checkout);
  return parseYamlConfig(textOf(path, stackFile(stack)), stack, directories);
}

function textOf(path: string, relative: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Failure(
      {
        code: "CONFIG_UNREADABLE",
        kind: "usage",
        message: `${relative} can't be read: ${reasonOf(error)}.`,
        remedy: "Make it a file that you may read.",
      },
      { cause: error },
    );
  }
}

/** The engine gives a key's number or boolean as text; below an object's keys they stay what they are. */
function asPulumiGives(value: unknown): unknown {
  return typeof value === "number" || typeof value === "boolean" ? String(value) : value;
}

/** Go's `time.Time.String()`: what the engine makes of a time that stands unquoted in YAML (sdk/v3, config/object.go). */
const goTime = /^([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?) \+0000 UTC$/;

/** For `JSON.parse`: such a time as YAML 1.2 has it, `2026-11-23T00:00:00Z`. */
function withIsoTime(_key: string, value: unknown): unknown {
  const [, date, time] = typeof value === "string" ? (goTime.exec(value) ?? []) : [];
  return date === undefined || time === undefined ? value : `${date}T${time}Z`;
}

/** A value of Pulumi's flat config: objects and arrays arrive as JSON text. */
function configValue(text: string): unknown {
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text, withIsoTime) as unknown;
  } catch {
    return text;
  }
}

/** Reads the configuration that the engine gave the program (`pulumi.runtime.allConfig()`), with the same checks. */
export function readPulumiConfig(
  all: Readonly<Record<string, string>>,
  stack: string,
  directories: Directories,
): StackConfig {
  const document: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(all)) {
    if (key.startsWith(prefix)) document[key.slice(prefix.length)] = configValue(value);
  }
  return finish(document, stack, directories);
}

/**
 * A secret that somebody wrote into the stack's file in plain text is in git by now: it is told, and never used. Pulumi
 * writes an encrypted one as `{ secure: v1:… }`. Throws SECRET_IN_PLAIN_TEXT (usage).
 */
export function refusePlainSecrets(document: Readonly<Record<string, unknown>>, stack: string): void {
  const secret = secretKeysOf(document);
  const plain = Object.entries(document)
    .filter(([key, value]) => secret.has(key) && typeof value === "string")
    .map(([key]) => key);
  if (plain.length === 0) return;
  throw new Failure({
    code: "SECRET_IN_PLAIN_TEXT",
    kind: "usage",
    message: `${stackFile(stack)} has ${plain.join(", ")} in plain text.`,
    remedy: `Make a new secret, as this one was readable, and set it with: pulumi config set --secret ${prefix}<key> -s ${stack}`,
    details: plain,
  });
}
