import type { ClusterObject } from "../../../src/adapters/cluster/object.ts";
import { sameValue } from "../wire/changes.ts";
import { keepSecret } from "../wire/secrets.ts";
import { at, fromJsonMap, isMap, isSecret, reveal, secret, unknownValue } from "../wire/values.ts";
import type { Value, ValueMap } from "../wire/values.ts";

/** Filled in by the API server, and different at every write. */
const serverFields = ["uid", "resourceVersion", "creationTimestamp", "generation"];

/** A stored object as outputs: without bookkeeping, with what was secret still secret, a Secret's data always so. */
export function outputsOf(object: ClusterObject, inputs: ValueMap): ValueMap {
  const live = withoutMetadata(fromJsonMap(object), ["managedFields"]);
  const outputs = keepSecret(inputs, { ...inputs, ...live });
  if (object.kind !== "Secret" || object.apiVersion !== "v1") return outputs;
  const hidden = ["data", "stringData"].filter((key) => outputs[key] !== undefined && outputs[key] !== null);
  return { ...outputs, ...Object.fromEntries(hidden.map((key) => [key, secret(outputs[key] ?? null)])) };
}

/** What a dry run answered, as a plan's outputs: its uid and versions are not the ones that will be. */
export function plannedOutputs(object: ClusterObject, inputs: ValueMap, exists: boolean): ValueMap {
  const outputs = outputsOf(object, inputs);
  const metadata = outputs["metadata"];
  if (!isMap(metadata) || isSecret(metadata)) return outputs;
  const changing = exists ? ["resourceVersion", "generation"] : serverFields;
  const unknown = Object.fromEntries(changing.filter((key) => key in metadata).map((key) => [key, unknownValue]));
  return { ...outputs, metadata: { ...metadata, ...unknown } };
}

/** The inputs of an object that was made by another, for an import. */
export function inputsOf(object: ClusterObject): ValueMap {
  const whole = withoutMetadata(outputsOf(object, {}), ["managedFields", ...serverFields]);
  return Object.fromEntries(Object.entries(whole).filter(([key]) => key !== "status"));
}

/**
 * The inputs as the live object has them, so that a refresh shows drift. `wanted` is what applying the inputs anew
 * would give (a dry run): where that equals the live object nothing drifted, however the server writes the value.
 */
export function driftedInputs(inputs: ValueMap, wanted: ClusterObject, live: ClusterObject): ValueMap {
  const drifted = follow(inputs, fromJsonMap(wanted), fromJsonMap(live));
  return isMap(drifted) ? withoutDriftedStringData(drifted, fromJsonMap(wanted), fromJsonMap(live)) : inputs;
}

function follow(input: Value, wanted: Value | undefined, live: Value | undefined): Value | undefined {
  if (sameValue(wanted, live)) return input;
  const open = reveal(input);
  if (open !== undefined && isMap(open) && isMap(live)) {
    const followed = Object.entries(open).flatMap(([key, part]) => {
      const now = follow(part, at(wanted, key), at(live, key));
      return now === undefined ? [] : [[key, now] as const];
    });
    const map = Object.fromEntries(followed);
    return isSecret(input) ? secret(map) : map;
  }
  return live !== undefined && isSecret(input) ? secret(live) : live;
}

/** `stringData` is never shown by the server: what drifted in `data` is taken out of it, so that it is written again. */
function withoutDriftedStringData(inputs: ValueMap, wanted: ValueMap, live: ValueMap): ValueMap {
  const given = reveal(inputs["stringData"]);
  if (given === undefined || !isMap(given)) return inputs;
  const kept = Object.entries(given).filter(([key]) => sameValue(at(wanted, "data", key), at(live, "data", key)));
  const stringData = Object.fromEntries(kept);
  return { ...inputs, stringData: isSecret(inputs["stringData"]) ? secret(stringData) : stringData };
}

function withoutMetadata(object: ValueMap, keys: readonly string[]): ValueMap {
  const metadata = object["metadata"];
  if (!isMap(metadata)) return object;
  return { ...object, metadata: Object.fromEntries(Object.entries(metadata).filter(([key]) => !keys.includes(key))) };
}
