import { parseAllDocuments } from "yaml";
import { labId } from "../lab-values.ts";
import type { Done, Existing, Resource, StandIn } from "../provider.ts";
import { fromJson, isMap, textAt } from "../wire/values.ts";
import type { Value, ValueMap } from "../wire/values.ts";
import { checkObject, idOf, isObject, referenceIn, replacesObject, sameObject } from "./identity.ts";
import type { Place } from "./place.ts";

const journalOnly = { outcome: "recorded", where: "the journal only" } as const;

/** Puts objects where the run keeps them (place.ts); what is no object, such as a Helm release, is recorded. */
export function kubernetesStandIn(place: Place): StandIn {
  const put = async (
    resource: Resource,
    inputs: ValueMap,
    id: string | undefined,
    context: Parameters<StandIn["create"]>[2],
  ): Promise<Done> => {
    const reference = referenceIn(inputs);
    if (reference === undefined) {
      if (isObject(inputs))
        throw new Error(`${resource.name}: the stand-in needs metadata.name; generateName is not supported`);
      return { id: id ?? labId(resource, {}), outputs: inputs, ...journalOnly };
    }
    return { id: id ?? idOf(reference), ...(await place.put(resource, inputs, context)) };
  };
  return {
    packageName: "kubernetes",
    checkConfig: (config) =>
      textAt(config, "namespace") === undefined
        ? []
        : [
            {
              property: "namespace",
              reason: "the stand-in has no default namespace; give each object its metadata.namespace",
            },
          ],
    check: (resource, _olds, news) => checkObject(resource, news),
    replaces: (_resource, change, news) => isObject(news) && replacesObject(change, news),
    deleteBeforeReplace: (_resource, olds, news) => sameObject(olds, news),
    inPlace: (resource, inputs) => (isObject(inputs) ? place.holds(resource, inputs) : Promise.resolve(true)),
    plan: (resource, inputs, old) => (isObject(inputs) ? place.plan(resource, inputs, old) : Promise.resolve(inputs)),
    create: (resource, inputs, context) => put(resource, inputs, undefined, context),
    update: (resource, old, inputs, context) => put(resource, inputs, old.id, context),
    delete: (resource, old, context) =>
      isKnownObject(old) ? place.remove(resource, old, context) : Promise.resolve(journalOnly),
    async read(resource, known) {
      if (!isKnownObject(known) && Object.keys(known.outputs).length > 0) return { ...known, ...journalOnly };
      const found = await place.read(resource, known);
      return found === "gone" ? "gone" : { id: known.id, ...found };
    },
    invoke: (token, args) => (token === "kubernetes:yaml:decode" ? decodeYaml(args) : undefined),
  };
}

function isKnownObject(existing: Existing): boolean {
  return isObject(existing.inputs) || isObject(existing.outputs);
}

/** `kubernetes:yaml:decode`, which the SDK's ConfigFile and ConfigGroup call: the objects of a text. */
function decodeYaml(args: ValueMap): ValueMap {
  const defaultNamespace = textAt(args, "defaultNamespace");
  const documents = parseAllDocuments(textAt(args, "text") ?? "");
  const objects: Value[] = [];
  for (const document of documents) {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`the text is no YAML: ${error.message}`);
    const object = fromJson(document.toJS());
    if (isMap(object)) objects.push(defaultNamespace === undefined ? object : inNamespace(object, defaultNamespace));
  }
  return { result: objects };
}

function inNamespace(object: ValueMap, namespace: string): ValueMap {
  const metadata = isMap(object["metadata"]) ? object["metadata"] : {};
  return { ...object, metadata: { namespace, ...metadata } };
}
