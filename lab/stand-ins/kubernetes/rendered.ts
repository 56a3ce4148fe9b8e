import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { writeWhole } from "../../../src/adapters/files/write-whole.ts";
import type { Existing, Resource } from "../provider.ts";
import { masked, textAt } from "../wire/values.ts";
import type { ValueMap } from "../wire/values.ts";
import type { Place } from "./place.ts";

const notice = "# Written by neko-trust's lab. It was not applied to any cluster; secrets are masked.\n";

/** Objects as YAML files in a folder, one each; the file goes when the object does. */
export function renderedFiles(directory: string): Place {
  return {
    holds: (resource, inputs) => Promise.resolve(existsSync(fileOf(directory, resource, inputs))),
    plan: (_resource, inputs) => Promise.resolve(inputs),
    put(resource, inputs) {
      const file = fileOf(directory, resource, inputs);
      writeWhole(file, notice + stringify(masked(inputs), { sortMapEntries: true, lineWidth: 0 }));
      return Promise.resolve({ outputs: inputs, outcome: "rendered", where: file });
    },
    async remove(resource, old) {
      const file = fileOf(directory, resource, identityOf(old));
      await rm(file, { force: true });
      return { outcome: "rendered", where: file };
    },
    read(resource, known) {
      const file = fileOf(directory, resource, identityOf(known));
      if (!existsSync(file)) return Promise.resolve("gone");
      return Promise.resolve({ inputs: known.inputs, outputs: known.outputs, outcome: "rendered", where: file });
    },
  };
}

function identityOf(existing: Existing): ValueMap {
  return textAt(existing.inputs, "kind") === undefined ? existing.outputs : existing.inputs;
}

/**
 * The name tells the object to people; the hash of URN, kind, namespace and name keeps apart what the readable part
 * can't (two clusters, long names, an object and the one that replaces it).
 */
function fileOf(directory: string, resource: Resource, inputs: ValueMap): string {
  const identity = [
    textAt(inputs, "kind") ?? "object",
    textAt(inputs, "metadata", "namespace") ?? "",
    textAt(inputs, "metadata", "name") ?? "",
  ];
  const readable = identity
    .filter((part) => part !== "")
    .join("-")
    .toLowerCase()
    .replace(/[^a-z0-9-]+/gu, "-")
    .slice(0, 100);
  const hash = createHash("sha256")
    .update([resource.urn, ...identity].join("\0"))
    .digest("hex")
    .slice(0, 10);
  return join(directory, `${readable}-${hash}.yaml`);
}
