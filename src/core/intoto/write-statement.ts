import { canonicalBytes } from "../json/canonical-json.ts";
import { statementTypes } from "./statement.ts";

export interface StatementParts {
  /** What the statement is about; digests in lower-case hex, without the algorithm's prefix. */
  readonly subject: readonly { readonly name?: string; readonly digest: Readonly<Record<string, string>> }[];
  /** A URI: `predicateTypes` has ours. */
  readonly predicateType: string;
  /** Plain JSON. */
  readonly predicate: unknown;
}

/** The bytes of an in-toto v1 statement, in RFC 8785's form, so that equal statements are equal bytes. */
export function writeStatement({ subject, predicateType, predicate }: StatementParts): Uint8Array {
  return canonicalBytes({ _type: statementTypes[0], subject, predicateType, predicate });
}
