import { cidrContains, parseCidr } from "../core/cidr.ts";
import type { Cidr } from "../core/cidr.ts";
import { Failure } from "../core/failure.ts";
import { describeSetting } from "./setting-descriptions.ts";
import { isSecretKey } from "./stack-config.ts";

/**
 * Placeholders: what a stack's file holds until somebody fills in what is theirs. A preview plans with them, so that the
 * whole plan can be read before there is an account; an update refuses them.
 */

export interface Placeholder {
  /** Keys and positions, without the project's prefix: `["policy", "signers", 0, "repositoryId"]`. */
  readonly path: readonly (string | number)[];
  /** What is there; a secret's value is never told. */
  readonly value: string;
  /** What belongs there. */
  readonly description: string;
}

/**
 * SHA-256 of nothing that exists, a commit of zeros, or the 32 that a name ends in which Nix gave: alone or in a reference or
 * name. No other length: a register that nothing was measured into is 96 zeros, and real.
 */
const zeroDigest = /(?<![0-9A-Za-z])(?:0{32}|0{40}|0{64})(?![0-9A-Za-z])/;

/**
 * What is kept for documentation and is nobody's network (RFC 5737, RFC 3849, RFC 9637): a setting that takes addresses
 * can't hold the word, so that these say the same.
 */
const documentationRanges = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"].flatMap(
  (text) => parseCidr(text) ?? [],
);

/** What may be an address within a text, as in a URL or a list. Bounded repeats: linear on whatever text. */
const fourLike = /(?<![0-9A-Za-z.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\.?[0-9A-Za-z])/g;
const sixLike = /[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}/g;

/** Whether a text is an address or range that lies in one of them as a whole, or has such an address in it, as a URL may. */
function isDocumentation(text: string): boolean {
  const range = parseCidr(text);
  // A range is what it says: 192.0.0.0/16 is wider than what is kept, and 192.0.2.0/0 no range.
  if (range !== undefined) return isKept(range);
  return [...(text.match(fourLike) ?? []), ...(text.match(sixLike) ?? [])].some((address) => {
    const one = parseCidr(`${address}/${address.includes(":") ? 128 : 32}`);
    return one !== undefined && isKept(one);
  });
}

function isKept(range: Cidr): boolean {
  return documentationRanges.some((outer) => cidrContains(outer, range));
}

/** Whether a text stands for what somebody has still to fill in, as a whole or in part. */
export function isPlaceholderText(text: string): boolean {
  return text.includes("placeholder") || standsForNothing(text);
}

/**
 * Zeros or an address of nobody: unlike a placeholder's word, it does not stand for the same thing wherever it is.
 */
export function standsForNothing(text: string): boolean {
  return zeroDigest.test(text) || isDocumentation(text);
}

/** Keys whose value is an id that somebody else gave: 0 is nobody's. A count may well be 0. */
const idKey = /^(?:id|ids|number|projectNumber|teams|users)$|Ids?$|_id$/;

/** Every placeholder of a stack's document (parsed or not), in its order. */
export function findPlaceholders(document: unknown): Placeholder[] {
  return walk(document, []);
}

function walk(value: unknown, path: readonly (string | number)[]): Placeholder[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown, index) => walk(item, [...path, index]));
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    // Pulumi's form of a secret: what is in it is ciphertext.
    if (entries.length === 1 && entries[0]?.[0] === "secure") return [];
    return entries.flatMap(([key, item]) => walk(item, [...path, key]));
  }
  if (!isPlaceholder(value, path)) return [];
  const secret = isSecretKey(String(path[0]));
  return [{ path, value: secret ? "(a secret, not shown)" : String(value), description: describeSetting(path) }];
}

function isPlaceholder(value: unknown, path: readonly (string | number)[]): boolean {
  if (value === 0 || value === "0") return idKey.test(String(path.findLast((part) => typeof part === "string")));
  return typeof value === "string" && isPlaceholderText(value);
}

/** `policy.signers.0.repositoryId`, as faults of a configuration name it. */
export function placeholderPath({ path }: Pick<Placeholder, "path">): string {
  return path.join(".");
}

/** `path: "value"; what it is` */
export function placeholderLine(placeholder: Placeholder): string {
  return `${placeholderPath(placeholder)}: found ${JSON.stringify(placeholder.value)}; ${placeholder.description}`;
}

/**
 * Refuses to change a stack while there are placeholders in its configuration: PLACEHOLDERS_LEFT (usage), with every
 * path. A preview gets a warning for each instead.
 */
export function refusePlaceholders(
  document: unknown,
  { stack, dryRun }: { readonly stack: string; readonly dryRun: boolean },
): string[] {
  const left = findPlaceholders(document);
  if (left.length === 0) return [];
  if (dryRun) return left.map((placeholder) => `placeholder at ${placeholderLine(placeholder)}`);
  throw new Failure({
    code: "PLACEHOLDERS_LEFT",
    kind: "usage",
    message: `stacks/Pulumi.${stack}.yaml still has ${left.length === 1 ? "a placeholder" : `${left.length} placeholders`}.`,
    remedy: `Fill them in with: make init STACK=${stack}`,
    details: left.map(placeholderLine),
  });
}
