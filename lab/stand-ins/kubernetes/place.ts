import type { Outcome } from "../journal.ts";
import type { Context, Existing, Resource } from "../provider.ts";
import { isMap, isSecret, unknownValue } from "../wire/values.ts";
import type { ValueMap } from "../wire/values.ts";

/** Where a run's Kubernetes objects go. */
export interface Place {
  /** Whether the object that the state knows is there. */
  holds(resource: Resource, inputs: ValueMap): Promise<boolean>;
  /** Outputs for a plan; nothing changes. */
  plan(resource: Resource, inputs: ValueMap, old: Existing | undefined): Promise<ValueMap>;
  put(resource: Resource, inputs: ValueMap, context: Context): Promise<Put>;
  remove(resource: Resource, old: Existing, context: Context): Promise<Omit<Put, "outputs">>;
  read(resource: Resource, known: Existing): Promise<(Put & { inputs: ValueMap }) | "gone">;
}

export interface Put {
  readonly outputs: ValueMap;
  readonly outcome: Outcome;
  readonly where: string;
}

/** The inputs with what an API server fills in marked unknown. */
export function withUnknowns(inputs: ValueMap): ValueMap {
  const metadata = inputs["metadata"];
  if (!isMap(metadata) || isSecret(metadata)) return { ...inputs, status: unknownValue };
  const filledIn = { uid: unknownValue, resourceVersion: unknownValue, creationTimestamp: unknownValue };
  return { ...inputs, metadata: { ...metadata, ...filledIn }, status: unknownValue };
}

/** The place of an offline preview: it can answer plans, and has no way to do anything else. */
export function planOnly(): Place {
  const impossible = (): Promise<never> =>
    Promise.reject(new Error("an offline preview changes nothing and reads nothing"));
  return {
    holds: () => Promise.resolve(true),
    plan: (_resource, inputs) => Promise.resolve(withUnknowns(inputs)),
    put: impossible,
    remove: impossible,
    read: impossible,
  };
}
