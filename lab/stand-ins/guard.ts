import { parseUrn } from "./wire/urn.ts";

/**
 * What the stand-ins may be asked for (design section 6): one stack of one project; with mode `preview` nothing but
 * what a plan needs.
 *
 * A plan that adopts (`import:`), or gets, what exists already needs a Read, and is refused in mode `preview` all the
 * same. Nothing is there to be read, and a Read carries no preview flag: were it answered from nothing, an `up` would
 * write that nothing to the state as what it found.
 */
export interface Scope {
  readonly stack: string;
  readonly project: string;
  readonly mode: "local" | "preview";
}

/** A call as far as its scope matters. `preview` is undefined where the protocol has no such flag. */
export interface ScopedCall {
  readonly method:
    "CheckConfig" | "DiffConfig" | "Configure" | "Check" | "Diff" | "Create" | "Read" | "Update" | "Delete" | "Invoke";
  /** Undefined where the request carries none (Invoke always; Configure of an older engine). */
  readonly urn?: string | undefined;
  readonly preview?: boolean | undefined;
  /** A Read of what the state does not know: an import, or a `get`. */
  readonly adopts?: boolean | undefined;
}

const withoutUrn: ReadonlySet<ScopedCall["method"]> = new Set(["Configure", "Invoke"]);
const planning: ReadonlySet<ScopedCall["method"]> = new Set([
  "CheckConfig",
  "DiffConfig",
  "Configure",
  "Check",
  "Diff",
  "Invoke",
]);

/** Why a call is outside of the scope; undefined when it is inside. */
export function refusalOf(scope: Scope, call: ScopedCall): string | undefined {
  return otherStack(scope, call) ?? (scope.mode === "preview" ? changesSomething(call) : undefined);
}

function otherStack(scope: Scope, call: ScopedCall): string | undefined {
  if (call.urn === undefined || call.urn === "") {
    return withoutUrn.has(call.method) ? undefined : "the call names no resource";
  }
  const urn = parseUrn(call.urn);
  if (urn === undefined) return "the call names a resource by something that is no URN";
  if (urn.project !== scope.project) return `the resource belongs to project ${urn.project}, not to ${scope.project}`;
  if (urn.stack !== scope.stack) return `the resource belongs to stack ${urn.stack}, not to ${scope.stack}`;
  return undefined;
}

function changesSomething(call: ScopedCall): string | undefined {
  if (planning.has(call.method)) return undefined;
  if ((call.method === "Create" || call.method === "Update") && call.preview === true) return undefined;
  if (call.method === "Read" && call.adopts === true) return adopting;
  return `the stand-ins run for an offline preview, and ${call.method} is no part of one`;
}

const adopting =
  "an offline preview can't look at what exists already, so it can't plan to adopt it. Leave adopt (the import option) " +
  "out of the stack's settings for this preview, or plan with the real providers: pulumi preview";
