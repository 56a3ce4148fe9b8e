import { isList, isMap, isUnknown } from "../../../lab/stand-ins/wire/values.ts";
import type { Value, ValueMap } from "../../../lab/stand-ins/wire/values.ts";

/** What stands for a text that is known after `up` only: a name that every format of Kubernetes allows. */
export const knownAfterUp = "known-after-up";

export interface Completed {
  readonly object: ValueMap;
  /** Dotted paths of the values that were put in. */
  readonly filled: readonly string[];
}

/**
 * The object with a value in each place that a plan can't know. `typed` has those that are no text, by `Kind path`
 * (list positions are `*`): without one, the API server refuses the text, and the test says where.
 */
export function completed(object: ValueMap, typed: Readonly<Record<string, Value>>): Completed {
  const filled: string[] = [];
  const kind = typeof object["kind"] === "string" ? object["kind"] : "";
  const complete = (value: Value, path: readonly string[]): Value => {
    if (isUnknown(value)) {
      filled.push(path.join("."));
      return typed[`${kind} ${path.join(".")}`] ?? knownAfterUp;
    }
    if (isList(value)) return value.map((part) => complete(part, [...path, "*"]));
    return isMap(value) ? completeMap(value, path) : value;
  };
  const completeMap = (map: ValueMap, path: readonly string[]): ValueMap =>
    Object.fromEntries(Object.entries(map).map(([key, value]) => [key, complete(value, [...path, key])]));
  return { object: completeMap(object, []), filled };
}
