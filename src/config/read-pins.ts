import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, reasonOf } from "../core/failure.ts";
import { pinsSchema } from "../core/pins/pins.ts";
import type { Pins } from "../core/pins/pins.ts";
import { safeParse } from "../core/safe-parse.ts";
import { faultLine, schemaFaults } from "../core/schema-faults.ts";
import { parseStrictYaml } from "../core/yaml/strict-yaml.ts";

/** Where the pins are, relative to the checkout. */
export const pinsFile = "pins.yaml";

/** Reads the checkout's pins. Throws PINS_UNREADABLE or PINS_INVALID (usage), with every fault: path, found, allowed. */
export function readPins(checkout: string): Pins {
  return parsePins(textOf(join(checkout, pinsFile)));
}

/** The pins in the text of pins.yaml; throws PINS_INVALID. */
export function parsePins(text: string): Pins {
  const yaml = parseStrictYaml(text);
  if (!yaml.ok) throw invalid(yaml.faults);
  const parsed = safeParse(pinsSchema, yaml.value);
  if (parsed.success) return parsed.data;
  throw invalid(schemaFaults(parsed.error, yaml.value).map(faultLine));
}

function invalid(faults: readonly string[]): Failure {
  return new Failure({
    code: "PINS_INVALID",
    kind: "usage",
    message: `${pinsFile} has ${faults.length} ${faults.length === 1 ? "fault" : "faults"}.`,
    remedy: `Correct ${pinsFile} at the places named; a digest that nobody knows is written as unresolved.`,
    details: faults,
  });
}

function textOf(path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    throw new Failure(
      {
        code: "PINS_UNREADABLE",
        kind: "usage",
        message: `${pinsFile} can't be read: ${error instanceof TypeError ? "it is no UTF-8 text" : reasonOf(error)}.`,
        remedy: `Make ${pinsFile} in the checkout's root a text file that you may read; git has it: git checkout -- ${pinsFile}`,
      },
      { cause: error },
    );
  }
}
