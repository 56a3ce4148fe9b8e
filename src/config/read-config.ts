import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import type { Directories } from "../adapters/directories/directories.ts";
import { Failure } from "../core/failure.ts";
import { applyLocalOverlay, readLocalOverlay } from "./local-overlay.ts";
import { parseStackConfig } from "./stack-config.ts";
import type { StackConfig } from "./stack-config.ts";

export const projectName = "neko-trust";
const prefix = `${projectName}:`;

/** Names of the stacks that have a file, sorted. */
export function stackNames(checkout: string): string[] {
  return readdirSync(join(checkout, "stacks"))
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
  return parseStackConfig(overlaid, stackFile(stack));
}

/**
 * Reads a stack's file as plain YAML, without Pulumi. Throws STACK_UNKNOWN, CONFIG_NOT_YAML or CONFIG_INVALID (usage),
 * for stack local also LAB_NOT_RUNNING.
 */
export function readYamlConfig(stack: string, directories: Directories): StackConfig {
  const relative = stackFile(stack);
  const path = join(directories.checkout, relative);
  const names = stackNames(directories.checkout);
  if (!names.includes(stack) || !existsSync(path)) {
    throw new Failure({
      code: "STACK_UNKNOWN",
      kind: "usage",
      message: `There is no stack "${stack}" (${relative} does not exist).`,
      remedy: `Name one of: ${names.join(", ")}.`,
    });
  }
  const parsed = parseDocument(readFileSync(path, "utf8"), { strict: true, uniqueKeys: true });
  if (parsed.errors.length > 0) {
    throw new Failure({
      code: "CONFIG_NOT_YAML",
      kind: "usage",
      message: `${relative} is not valid YAML.`,
      remedy: `Correct ${relative} at the places named.`,
      details: parsed.errors.map((error) => error.message),
    });
  }
  const root: unknown = parsed.toJS({ maxAliasCount: 10 });
  const config = typeof root === "object" && root !== null && "config" in root ? root.config : {};
  const document: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(typeof config === "object" && config !== null ? config : {})) {
    if (key.startsWith(prefix)) document[key.slice(prefix.length)] = value;
  }
  return finish(document, stack, directories);
}

/** A value of Pulumi's flat config: objects and arrays arrive as JSON text. */
function configValue(text: string): unknown {
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
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
