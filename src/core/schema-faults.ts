import type { z } from "zod";
import { legible } from "./legible.ts";

/** One fault of a document against its schema, ready to print. */
export interface SchemaFault {
  /** Dotted path, `policy.signers.0.issuer`; `(whole document)` for the root. */
  readonly path: string;
  /** The value that is there, shortened; of a path that may name a secret only what is none: a small number, yes or no. */
  readonly found: string;
  /** What is allowed instead. */
  readonly allowed: string;
}

const secretName = /token|secret|password|passphrase|private|credential|api_?key/i;

/** Forms that tokens and keys have, wherever somebody put one: GitHub, GitLab, cloud access keys, JWT, PEM, Pulumi. */
const secretForm =
  /\bgh[a-z]_[A-Za-z0-9]{16,}|\bgithub_pat_|\bglpat-|\b(?:AKIA|ASIA)[A-Z0-9]{16}|\beyJ[\w-]+\.[\w-]+\.|-----BEGIN|\bpul-[0-9a-f]{32}/;

const hidden = "(a secret, not shown)";

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = document;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.hasOwn(value, key) ? (value as Record<PropertyKey, unknown>)[key] : undefined;
  }
  return value;
}

/** The component's part of a stack's file says whose secrets go where, and holds none: its own lists of them are named so below it. */
const namesOfComponents: ReadonlySet<string> = new Set(["ciSecrets"]);

function isSecretName(key: PropertyKey): boolean {
  return typeof key === "string" && secretName.test(key) && !namesOfComponents.has(key);
}

/** What people choose themselves may be as short as they like. */
const chosenSecret = /password|passphrase|api_?key|private/i;

/** Whether a value can't be the secret that its own name may stand for: `tokenMinutes: 99`, `secretScanning: 1`. */
function isTooLittle(value: unknown, key: PropertyKey | undefined): boolean {
  if (typeof key !== "string" || chosenSecret.test(key)) return false;
  return value === null || typeof value === "boolean" || (typeof value === "number" && Math.abs(value) < 10_000);
}

function shown(value: unknown, path: readonly PropertyKey[]): string {
  if (value === undefined) return "nothing";
  const leaf = path.at(-1);
  if (path.slice(0, -1).some(isSecretName)) return hidden;
  if (leaf !== undefined && isSecretName(leaf) && !isTooLittle(value, leaf)) return hidden;
  const redacted = (key: string, part: unknown): unknown =>
    (isSecretName(key) && !isTooLittle(part, key)) || (typeof part === "string" && secretForm.test(part))
      ? hidden
      : part;
  const text = JSON.stringify(value, redacted) as string | undefined;
  if (text === undefined) return typeof value;
  if (text === JSON.stringify(hidden)) return hidden;
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** An unknown key may be a secret's, misspelt: what is there is told by its type. */
function typeShown(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** `path: found …; allowed`, as every command prints it. */
export function faultLine(fault: SchemaFault): string {
  return `${fault.path}: found ${fault.found}; ${fault.allowed}`;
}

/** Every fault of a zod error, with the value that was found; unknown keys become one fault each. */
export function schemaFaults(error: z.ZodError, document: unknown): readonly SchemaFault[] {
  return error.issues.flatMap((issue): SchemaFault[] => {
    const at = (path: readonly PropertyKey[], allowed: string): SchemaFault => ({
      path: path.length === 0 ? "(whole document)" : legible(path.map(String).join(".")),
      found: shown(valueAt(document, path), path),
      allowed,
    });
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => {
        const path = [...issue.path, key];
        return {
          ...at(path, "no such key: remove it, or correct its name"),
          found: typeShown(valueAt(document, path)),
        };
      });
    }
    return [at(issue.path, issue.message)];
  });
}
