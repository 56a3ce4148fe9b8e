/**
 * Property values as the Pulumi engine sends them: JSON, plus objects with a signature key for secrets, and fixed
 * strings for values that are not known yet (Pulumi's wire format: sdk/go/common/resource/plugin/rpc.go and
 * sdk/go/common/resource/sig).
 */
export type Value = null | boolean | number | string | readonly Value[] | ValueMap;
export interface ValueMap {
  readonly [key: string]: Value;
}

/** The key that marks an object as special (`sig.Key`). */
const signatureKey = "4dabf18193072939515e22adb298388d";
/** The value of that key for a secret (`sig.Secret`). */
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** What stands for a value of unknown content (`plugin.UnknownStringValue`), the one that this code sends. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** All sentinels that may be received: string, boolean, number, list, asset, archive, object. */
const unknownValues: ReadonlySet<Value> = new Set([
  unknownValue,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** What replaces a secret wherever text is written down. */
export const secretMask = "[secret]";

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value | undefined): value is ValueMap {
  return typeof value === "object" && value !== null && !isList(value);
}

export function isSecret(value: Value | undefined): boolean {
  return isMap(value) && value[signatureKey] === secretSignature;
}

export function isUnknown(value: Value | undefined): boolean {
  return value !== undefined && unknownValues.has(value);
}

/** The value marked as secret; a secret stays as it is. */
export function secret(value: Value): Value {
  return isSecret(value) ? value : { [signatureKey]: secretSignature, value };
}

/** What a secret holds, or the value itself when it is none. */
export function reveal(value: Value | undefined): Value | undefined {
  let inner = value;
  while (isMap(inner) && isSecret(inner)) inner = inner["value"] ?? null;
  return inner;
}

/** The same value with each part replaced by `change`'s answer; `undefined` from `change` means: look inside. */
export function rewrite(value: Value, change: (part: Value) => Value | undefined): Value {
  const changed = change(value);
  if (changed !== undefined) return changed;
  if (isList(value)) return value.map((part) => rewrite(part, change));
  if (!isMap(value)) return value;
  return rewriteMap(value, change);
}

export function rewriteMap(map: ValueMap, change: (part: Value) => Value | undefined): ValueMap {
  return Object.fromEntries(Object.entries(map).map(([key, part]) => [key, rewrite(part, change)]));
}

/** The value without secret marks, and without `null` members. For what leaves for a system that must have it. */
export function plain(value: Value): Value {
  const open = reveal(value) ?? null;
  if (isList(open)) return open.map(plain);
  return isMap(open) ? plainMap(open) : open;
}

export function plainMap(map: ValueMap): ValueMap {
  const members = Object.entries(map).filter(([, part]) => reveal(part) !== null);
  return Object.fromEntries(members.map(([key, part]) => [key, plain(part)]));
}

/** The value with each secret replaced by a mask, for files and messages. */
export function masked(map: ValueMap): ValueMap {
  return plainMap(rewriteMap(map, (part) => (isSecret(part) ? secretMask : undefined)));
}

export function hasSecret(value: Value): boolean {
  return has(value, isSecret);
}

export function hasUnknown(value: Value): boolean {
  return has(value, isUnknown);
}

function has(value: Value, wanted: (part: Value) => boolean): boolean {
  if (wanted(value)) return true;
  if (isList(value)) return value.some((part) => has(part, wanted));
  return isMap(value) && Object.values(value).some((part) => has(part, wanted));
}

/** The member at a path of keys, without secret marks; undefined where the path ends early. */
export function at(value: Value | undefined, ...path: readonly string[]): Value | undefined {
  let here = reveal(value);
  for (const key of path) {
    if (!isMap(here)) return undefined;
    here = reveal(Object.hasOwn(here, key) ? here[key] : undefined);
  }
  return here;
}

/** The non-empty, known text at a path, or undefined. */
export function textAt(value: Value | undefined, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === "string" && found !== "" && !isUnknown(found) ? found : undefined;
}

/** JSON that came from elsewhere, as a value; what JSON doesn't have becomes null. */
export function fromJson(value: unknown): Value {
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value === "object" && value !== null) return fromJsonMap(value);
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

export function fromJsonMap(value: object): ValueMap {
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, fromJson(part)]));
}
