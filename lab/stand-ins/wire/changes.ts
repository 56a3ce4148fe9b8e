import { isList, isMap, isSecret, reveal } from "./values.ts";
import type { Value, ValueMap } from "./values.ts";

export interface Change {
  /** Keys and list positions from the resource's inputs down to the value. */
  readonly path: readonly (string | number)[];
  readonly kind: "add" | "delete" | "update";
}

/**
 * Every place where the new inputs differ from the old ones. `null` equals absent, as providers treat it. A value
 * that becomes secret, or stops being one, has changed: else its old, clear copy would stay in the state.
 */
export function changesBetween(olds: ValueMap, news: ValueMap): readonly Change[] {
  const changes: Change[] = [];
  compareMaps(olds, news, [], changes);
  return changes;
}

function compareMaps(olds: ValueMap, news: ValueMap, path: Change["path"], changes: Change[]): void {
  for (const key of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    compare(member(olds, key), member(news, key), [...path, key], changes);
  }
}

function member(map: ValueMap, key: string): Value | undefined {
  return Object.hasOwn(map, key) ? (map[key] ?? undefined) : undefined;
}

function compare(before: Value | undefined, after: Value | undefined, path: Change["path"], changes: Change[]): void {
  const old = reveal(before) ?? undefined;
  const now = reveal(after) ?? undefined;
  if (old === undefined && now === undefined) return;
  if (old === undefined) changes.push({ path, kind: "add" });
  else if (now === undefined) changes.push({ path, kind: "delete" });
  else if (isSecret(before) !== isSecret(after)) changes.push({ path, kind: "update" });
  else if (isMap(old) && isMap(now)) compareMaps(old, now, path, changes);
  else if (isList(old) && isList(now)) compareLists(old, now, path, changes);
  else if (old !== now) changes.push({ path, kind: "update" });
}

function compareLists(olds: readonly Value[], news: readonly Value[], path: Change["path"], changes: Change[]): void {
  for (let position = 0; position < Math.max(olds.length, news.length); position++) {
    compare(olds[position], news[position], [...path, position], changes);
  }
}

/** Whether two values say the same, secret marks and `null` members aside. */
export function sameValue(one: Value | undefined, other: Value | undefined): boolean {
  return changesBetween({ value: open(one) }, { value: open(other) }).length === 0;
}

function open(value: Value | undefined): Value {
  const inner = reveal(value) ?? null;
  if (isList(inner)) return inner.map(open);
  return isMap(inner) ? Object.fromEntries(Object.entries(inner).map(([key, part]) => [key, open(part)])) : inner;
}

/** A path in the form of Pulumi's property paths: `metadata.labels["a.b"][0]`. */
export function pathText(path: Change["path"]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    if (!/^[A-Za-z_$][\w$]*$/u.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}
