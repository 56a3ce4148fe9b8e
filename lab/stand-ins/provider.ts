import type { Outcome } from "./journal.ts";
import type { Change } from "./wire/changes.ts";
import type { ValueMap } from "./wire/values.ts";

/** A resource as a call names it. */
export interface Resource {
  readonly urn: string;
  readonly type: string;
  /** The name in the program. */
  readonly name: string;
}

/** What was done, and what the engine shall keep. Secrets in `outputs` are marked; `where` holds none. */
export interface Done {
  readonly id: string;
  readonly outputs: ValueMap;
  readonly outcome: Outcome;
  readonly where: string;
}

export interface Checked {
  readonly inputs: ValueMap;
  readonly failures: readonly { readonly property: string; readonly reason: string }[];
}

export interface Existing {
  readonly id: string;
  readonly inputs: ValueMap;
  readonly outputs: ValueMap;
}

/** What the engine's call carries besides the resource. */
export interface Context {
  /** The configuration of the provider resource that the call came through. */
  readonly config: ValueMap;
  readonly signal: AbortSignal;
  /** The call's time limit (customTimeouts), when it has one. */
  readonly timeoutMilliseconds?: number;
}

/**
 * What one stand-in does; the server (server.ts) adds the wire, the scope and the journal. Each method throws an Error
 * whose message a user can read; the server takes secrets out of it.
 */
export interface StandIn {
  /** The Pulumi package: the first part of its type tokens. */
  readonly packageName: string;
  /** Faults of a provider resource's settings; what a stand-in can't honour is refused, not ignored. */
  checkConfig?(config: ValueMap): Checked["failures"];
  check(resource: Resource, olds: ValueMap, news: ValueMap): Checked;
  /** Whether a change of this kind can only be made by another resource in the place of this one. */
  replaces(resource: Resource, change: Change, news: ValueMap): boolean;
  /** Whether the old resource must go before the new one comes, as both would have one identity. */
  deleteBeforeReplace(resource: Resource, olds: ValueMap, news: ValueMap): boolean;
  /** Whether what the state knows is where this run would put it, so that equal inputs mean: nothing to do. */
  inPlace(resource: Resource, inputs: ValueMap): Promise<boolean>;
  /** The outputs that a plan shows; what can't be known yet is marked unknown. Changes nothing. */
  plan(resource: Resource, inputs: ValueMap, old: Existing | undefined, context: Context): Promise<ValueMap>;
  create(resource: Resource, inputs: ValueMap, context: Context): Promise<Done>;
  update(resource: Resource, old: Existing, inputs: ValueMap, context: Context): Promise<Done>;
  delete(resource: Resource, old: Existing, context: Context): Promise<Omit<Done, "id" | "outputs">>;
  /** What is there now; "gone" when nothing is. Without inputs: an import, or a `get` of what another made. */
  read(resource: Resource, known: Existing, context: Context): Promise<(Done & { inputs: ValueMap }) | "gone">;
  /** The answer of a function, or undefined when the stand-in does not know it. */
  invoke(token: string, args: ValueMap, context: Context): ValueMap | undefined;
}
