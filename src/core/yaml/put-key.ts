import { isMap, isScalar } from "yaml";
import { columnOf, endOf, nodeAt, NotEditable, onNewLines, pairsOf, plain, rangeOf } from "./yaml-splices.ts";
import type { ReadYaml, Splice, YamlPath } from "./yaml-splices.ts";

/** What can be written as a value: no nulls, as a key without a value is left out. */
export type PlainValue = string | number | boolean | readonly PlainValue[] | { readonly [key: string]: PlainValue };

/** A mapping gets a further key at its end, in the form that the mapping has; the value is written in one line. */
export function putKey(yaml: ReadYaml, path: YamlPath, key: string, value: PlainValue): Splice[] {
  const map = nodeAt(yaml, path);
  if (!isMap(map)) throw new NotEditable(`${path.join(".")} is no mapping`);
  const pairs = pairsOf(map);
  if (pairs.some((pair) => isScalar(pair.key) && pair.key.value === key)) {
    throw new NotEditable(`${[...path, key].join(".")} is there already`);
  }
  const entry = `${plain(key)}: ${inOneLine(value)}`;
  const last = pairs.at(-1);
  if (last === undefined) {
    const [start, end] = rangeOf(map);
    return [{ start, end, text: `{ ${entry} }` }];
  }
  const after = last.value === null || last.value === undefined ? rangeOf(last.key)[1] : endOf(last.value);
  if (map.flow === true) return [{ start: after, end: after, text: `, ${entry}` }];
  const column = columnOf(yaml.text, rangeOf(pairs[0]?.key)[0]);
  return [onNewLines(yaml, after, `${" ".repeat(column)}${entry}`)];
}

function inOneLine(value: PlainValue): string {
  if (typeof value !== "object") return typeof value === "string" ? plain(value) : String(value);
  if (Array.isArray(value)) return `[${(value as readonly PlainValue[]).map(inOneLine).join(", ")}]`;
  const entries = Object.entries(value).map(([key, item]) => `${plain(key)}: ${inOneLine(item)}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}
