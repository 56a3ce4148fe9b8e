import type { Json, Values } from "./values-lint.ts";

/** JSON that may have been written with optional fields. */
export type Mergeable = Json | readonly Mergeable[] | { readonly [key: string]: Mergeable };

/**
 * The user's chart values with ours on top: maps are joined, lists of named things (containers, volumes) by name, and
 * wherever both have a value ours wins. What is ours comes first in a list, so that the order never depends on theirs.
 */
export function mergeValues(given: Values, own: { readonly [key: string]: Mergeable }): Values {
  return merge(given, own) as Values;
}

function merge(given: Mergeable | undefined, own: Mergeable): Mergeable {
  if (given === undefined) return own;
  if (isList(given) && isList(own)) return isNamed(given) && isNamed(own) ? byName(given, own) : own;
  if (!isMap(given) || !isMap(own)) return own;
  const keys = [...new Set([...Object.keys(given), ...Object.keys(own)])].toSorted();
  return Object.fromEntries(
    keys.map((key) => {
      const ours = own[key];
      return [key, ours === undefined ? (given[key] ?? null) : merge(given[key], ours)];
    }),
  );
}

type Named = { readonly [key: string]: Mergeable } & { readonly name: string };

function byName(given: readonly Named[], own: readonly Named[]): Mergeable[] {
  const ours = own.map((item) =>
    merge(
      given.find(({ name }) => name === item.name),
      item,
    ),
  );
  return [...ours, ...given.filter(({ name }) => !own.some((item) => item.name === name))];
}

function isList(value: Mergeable): value is readonly Mergeable[] {
  return Array.isArray(value);
}

function isMap(value: Mergeable): value is { readonly [key: string]: Mergeable } {
  return value !== null && typeof value === "object" && !isList(value);
}

function isNamed(list: readonly Mergeable[]): list is readonly Named[] {
  return list.every((item) => isMap(item) && typeof item["name"] === "string");
}
