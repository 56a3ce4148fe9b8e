import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { isRecord } from "../../../src/core/is-record.ts";
import type { ClusterObject } from "../../../src/adapters/cluster/object.ts";

/** The Kubernetes objects of a YAML text; empty documents are passed over, anything else that is no object throws. */
export function objectsOf(text: string, where: string): ClusterObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [fault] = document.errors;
    if (fault !== undefined) throw new Error(`${where}: ${fault.message}`);
    const value: unknown = document.toJS();
    if (value === null || value === undefined) return [];
    if (!isRecord(value)) throw new Error(`${where} holds something that is no object`);
    const { apiVersion, kind } = value;
    if (typeof apiVersion !== "string" || typeof kind !== "string") throw new Error(`${where} holds no object`);
    return [{ ...value, apiVersion, kind }];
  });
}

/** The objects of a YAML file, or of all YAML files of a folder (not below it), sorted by name. */
export function objectsIn(path: string): ClusterObject[] {
  if (statSync(path).isFile()) return objectsOf(readFileSync(path, "utf8"), path);
  const files = readdirSync(path).filter((name) => /\.ya?ml$/u.test(name));
  return files.sort().flatMap((name) => objectsOf(readFileSync(join(path, name), "utf8"), join(path, name)));
}
