import type { z } from "zod";

/** One fault of a document against its schema, ready to print. */
export interface SchemaFault {
  /** Dotted path, `policy.signers.0.issuer`; `(whole document)` for the root. */
  readonly path: string;
  /** The value that is there, shortened; never the value of a path that names a secret. */
  readonly found: string;
  /** What is allowed instead. */
  readonly allowed: string;
}

const secretName = /token|secret|password|passphrase|private|credential/i;

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = document;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function shown(value: unknown, path: readonly PropertyKey[]): string {
  if (value === undefined) return "nothing";
  if (path.some((key) => typeof key === "string" && secretName.test(key))) return "(a secret, not shown)";
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) return typeof value;
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** Every fault of a zod error, with the value that was found; unknown keys become one fault each. */
export function schemaFaults(error: z.ZodError, document: unknown): readonly SchemaFault[] {
  return error.issues.flatMap((issue): SchemaFault[] => {
    const at = (path: readonly PropertyKey[], allowed: string): SchemaFault => ({
      path: path.length === 0 ? "(whole document)" : path.map(String).join("."),
      found: shown(valueAt(document, path), path),
      allowed,
    });
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => at([...issue.path, key], "no such key: remove it, or correct its name"));
    }
    return [at(issue.path, issue.message)];
  });
}
