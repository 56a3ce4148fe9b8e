import { isCollection, isMap, isScalar } from "yaml";
import { inOneLine, plain } from "./plain-value.ts";
import type { PlainValue } from "./plain-value.ts";
import { columnOf, endOf, nodeAt, NotEditable, onNewLines, pairsOf, rangeOf } from "./yaml-splices.ts";
import type { ReadYaml, Splice, YamlPath } from "./yaml-splices.ts";

/** A value in braces or brackets becomes another one, in one line. */
export function replaceValue(yaml: ReadYaml, path: YamlPath, value: PlainValue): Splice[] {
  const node = nodeAt(yaml, path);
  if (!isCollection(node)) throw new NotEditable(`${path.join(".")} is no mapping or list`);
  const [start, end] = rangeOf(node);
  const mayHoldComments = yaml.text.slice(start, end).includes("#");
  if (node.flow === true && !mayHoldComments) return [{ start, end, text: inOneLine(value) }];
  throw new NotEditable(`${path.join(".")} is written over several lines, or with comments in it`);
}

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
