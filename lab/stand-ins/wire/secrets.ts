import { hasSecret, isList, isMap, isSecret, isUnknown, reveal, rewriteMap, secret, secretMask } from "./values.ts";
import type { Value, ValueMap } from "./values.ts";

/** Every text inside a secret of the values, with the base64 and JSON forms in which it may come back. */
export function secretTexts(...values: readonly Value[]): ReadonlySet<string> {
  const texts = new Set<string>();
  for (const value of values) collect(value, false, texts);
  return texts;
}

function collect(value: Value, inSecret: boolean, texts: Set<string>): void {
  const within = inSecret || isSecret(value);
  const open = reveal(value) ?? null;
  if (isList(open)) for (const part of open) collect(part, within, texts);
  else if (isMap(open)) for (const part of Object.values(open)) collect(part, within, texts);
  else if (within && open !== null && typeof open !== "boolean" && !isUnknown(open)) addForms(String(open), texts);
}

function addForms(text: string, texts: Set<string>): void {
  if (text === "") return;
  const decoded = Buffer.from(text, "base64");
  const forms = [text, text.trim(), JSON.stringify(text).slice(1, -1), Buffer.from(text).toString("base64")];
  // A Kubernetes Secret's data comes as base64 of what may appear in clear elsewhere.
  if (decoded.length > 3 && decoded.toString("base64") === text) forms.push(decoded.toString("utf8"));
  for (const form of forms) if (form !== "") texts.add(form);
}

/** A message with every secret text masked, the longest first, so that no part of one stays. */
export function redact(message: string, texts: ReadonlySet<string>): string {
  const longestFirst = [...texts].sort((a, b) => b.length - a.length);
  return longestFirst.reduce((text, hidden) => text.split(hidden).join(secretMask), message);
}

/**
 * Marks as secret, in what a system answered, what was secret in the inputs: the same places, and any text that holds
 * a secret's text. A list with a secret in it is marked whole, as the system may have put it in another order.
 */
export function keepSecret(inputs: ValueMap, outputs: ValueMap): ValueMap {
  const texts = secretTexts(inputs);
  const samePlaces = Object.fromEntries(
    Object.entries(outputs).map(([key, part]) => [
      key,
      markLike(Object.hasOwn(inputs, key) ? inputs[key] : undefined, part),
    ]),
  );
  if (texts.size === 0) return samePlaces;
  return rewriteMap(samePlaces, (part) => {
    if (isSecret(part)) return part;
    return typeof part === "string" && holdsAny(part, texts) ? secret(part) : undefined;
  });
}

function markLike(input: Value | undefined, output: Value): Value {
  if (input === undefined) return output;
  if (isSecret(input)) return secret(output);
  if (isList(input)) return input.some((part) => hasSecret(part)) ? secret(output) : output;
  if (!isMap(input) || !isMap(output) || isSecret(output)) return output;
  return Object.fromEntries(
    Object.entries(output).map(([key, part]) => [
      key,
      markLike(Object.hasOwn(input, key) ? input[key] : undefined, part),
    ]),
  );
}

/** Texts of up to three characters are in everything: those are compared whole. */
function holdsAny(text: string, hidden: ReadonlySet<string>): boolean {
  if (hidden.has(text)) return true;
  for (const one of hidden) if (one.length > 3 && text.includes(one)) return true;
  return false;
}
