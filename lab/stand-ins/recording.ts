import { labId, labValues } from "./lab-values.ts";
import type { LabValues } from "./lab-values.ts";
import type { Existing, Resource, StandIn } from "./provider.ts";
import { keepSecret } from "./wire/secrets.ts";
import { hasUnknown, isSecret, textAt, unknownValue } from "./wire/values.ts";
import type { ValueMap } from "./wire/values.ts";

/** What a package's stand-in says of a resource that is written down only. */
export interface Description {
  /** The provider's own id where it follows from the inputs; else the stand-in makes one from the URN. */
  readonly id?: string | undefined;
  /** What the real provider would compute; inputs of the same name win. */
  readonly computed: ValueMap;
}

export interface RecordedPackage {
  readonly packageName: string;
  describe(type: string, inputs: ValueMap, config: ValueMap, lab: LabValues): Description;
  /** Inputs whose change makes another resource. */
  identityKeys(type: string): readonly string[];
  invoke(token: string, args: ValueMap, config: ValueMap): ValueMap | undefined;
}

const where = "the journal only";

/** A stand-in that reaches nothing: what is created, updated or deleted stands in the journal, as `recorded`. */
export function recordingStandIn(kind: RecordedPackage): StandIn {
  const describe = (resource: Resource, inputs: ValueMap, config: ValueMap): { id: string; outputs: ValueMap } => {
    const lab = labValues(resource.urn);
    const { id, computed } = kind.describe(resource.type, inputs, config, lab);
    return {
      id: id ?? labId(resource, identityOf(kind, resource.type, inputs)),
      outputs: keepSecret(inputs, { ...computed, ...inputs }),
    };
  };
  return {
    packageName: kind.packageName,
    check: (_resource, _olds, news) => ({ inputs: news, failures: [] }),
    replaces: (resource, change) => kind.identityKeys(resource.type).includes(String(change.path[0])),
    deleteBeforeReplace(resource, olds, news) {
      const id = (inputs: ValueMap): string | undefined =>
        kind.describe(resource.type, inputs, {}, labValues(resource.urn)).id;
      return id(olds) !== undefined && id(olds) === id(news);
    },
    inPlace: () => Promise.resolve(true),
    plan: (resource, inputs, old, { config }) => Promise.resolve(planned(kind, resource, inputs, old, config)),
    create: (resource, inputs, { config }) =>
      Promise.resolve({ ...describe(resource, inputs, config), outcome: "recorded", where }),
    update: (resource, old, inputs, { config }) =>
      Promise.resolve({ ...describe(resource, inputs, config), id: old.id, outcome: "recorded", where }),
    delete: () => Promise.resolve({ outcome: "recorded", where }),
    read(resource, known) {
      if (Object.keys(known.outputs).length === 0) return Promise.reject(unreadable(kind.packageName, resource));
      return Promise.resolve({ ...known, outcome: "recorded", where });
    },
    invoke: (token, args, { config }) => kind.invoke(token, args, config),
  };
}

/** The inputs whose change makes another resource. */
function identityOf(kind: RecordedPackage, type: string, inputs: ValueMap): ValueMap {
  const keys = kind.identityKeys(type).filter((key) => inputs[key] !== undefined);
  return Object.fromEntries(keys.map((key) => [key, inputs[key] ?? null]));
}

/** A new resource's computed values are unknown until it is made; an existing one's are as they will be. */
function planned(
  kind: RecordedPackage,
  resource: Resource,
  inputs: ValueMap,
  old: Existing | undefined,
  config: ValueMap,
): ValueMap {
  const { computed } = kind.describe(resource.type, inputs, config, labValues(resource.urn));
  if (old !== undefined && !hasUnknown(inputs)) return keepSecret(inputs, { ...computed, ...inputs });
  const unknown = Object.keys(computed).map((key) => [key, unknownValue] as const);
  return { ...Object.fromEntries(unknown), ...inputs };
}

function unreadable(packageName: string, resource: Resource): Error {
  return new Error(
    `${resource.name}: the ${packageName} stand-in can't read what the lab did not make; it reaches no ${packageName}. ` +
      "Give the values as settings instead, or run this on a stack with a real account.",
  );
}

/** A text of the inputs that may be part of an id; ids stand in the state in clear, so a secret is none. */
export function idPart(inputs: ValueMap, key: string): string | undefined {
  return isSecret(inputs[key]) ? undefined : textAt(inputs, key);
}
