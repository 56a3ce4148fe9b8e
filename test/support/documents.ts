/** A copy of a JSON document with the value at a dotted path (`subject.0.digest.sha256`) replaced; `undefined` removes it. */
export function withValue(document: unknown, path: string, value: unknown): unknown {
  const copy: unknown = structuredClone(document);
  const keys = path.split(".");
  const last = keys.pop() ?? "";
  let place = copy;
  for (const key of keys) place = (place as Readonly<Record<string, unknown>>)[key];
  if (typeof place !== "object" || place === null) throw new Error(`the document has nothing at ${keys.join(".")}`);
  // Not by assignment: the key may be one that assignment takes for something else.
  Reflect.deleteProperty(place, last);
  if (value !== undefined) {
    Object.defineProperty(place, last, { value, enumerable: true, configurable: true, writable: true });
  }
  return copy;
}

/** `withValue` for several paths. */
export function withValues(document: unknown, changes: Readonly<Record<string, unknown>>): unknown {
  return Object.entries(changes).reduce((changed, [path, value]) => withValue(changed, path, value), document);
}
