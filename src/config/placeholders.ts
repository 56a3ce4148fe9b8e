import { cidrContains, parseCidr } from "../core/cidr.ts";
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

/** SHA-256 of nothing that exists, with or without its algorithm; and a commit of zeros. */
const zeroDigest = /^(?:sha256:)?0{64}$|^0{40}$/;

/**
 * What is kept for documentation and is nobody's network (RFC 5737, RFC 3849, RFC 9637): a setting that takes addresses
 * can't hold the word, so that these say the same.
 */
const documentationRanges = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"].flatMap(
  (text) => parseCidr(text) ?? [],
);

/** An address, or a range, that lies in one of them as a whole. */
function isDocumentation(text: string): boolean {
  const range = parseCidr(text) ?? parseCidr(`${text}/${text.includes(":") ? 128 : 32}`);
  return range !== undefined && documentationRanges.some((outer) => cidrContains(outer, range));
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
  return (
    typeof value === "string" && (value.includes("placeholder") || zeroDigest.test(value) || isDocumentation(value))
  );
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
