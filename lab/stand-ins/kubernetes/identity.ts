import { createHash } from "node:crypto";
import type { ClusterObject, ObjectReference } from "../../../src/adapters/cluster/object.ts";
import type { Checked, Resource } from "../provider.ts";
import type { Change } from "../wire/changes.ts";
import { at, hasSecret, isMap, isSecret, isUnknown, plainMap, textAt } from "../wire/values.ts";
import type { Value, ValueMap } from "../wire/values.ts";

/** Whether the inputs are those of a Kubernetes object; a Helm release, for one, is none. */
export function isObject(inputs: ValueMap): boolean {
  return textAt(inputs, "apiVersion") !== undefined && textAt(inputs, "kind") !== undefined;
}

/** The object to apply, with its secrets in clear: it may go to the API server and nowhere else. */
export function objectOf(inputs: ValueMap): ClusterObject {
  const object = plainMap(inputs);
  const { metadata } = object;
  return {
    ...object,
    apiVersion: textAt(object, "apiVersion") ?? "",
    kind: textAt(object, "kind") ?? "",
    metadata: metadata !== undefined && isMap(metadata) ? metadata : {},
  };
}

/** Which object the inputs (or the outputs) describe; undefined as long as its name isn't known. */
export function referenceIn(inputs: ValueMap): ObjectReference | undefined {
  const apiVersion = textAt(inputs, "apiVersion");
  const kind = textAt(inputs, "kind");
  const name = textAt(inputs, "metadata", "name");
  if (apiVersion === undefined || kind === undefined || name === undefined) return undefined;
  return { apiVersion, kind, name, namespace: textAt(inputs, "metadata", "namespace") };
}

/** An id of Pulumi's Kubernetes provider: `namespace/name`, or `name` where the inputs name no namespace. */
export function idOf({ name, namespace }: ObjectReference): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** What an import or a `get` names: the type token tells the kind, the id the rest. */
export function referenceOfId(type: string, id: string): ObjectReference | undefined {
  const [, group, kind] = /^kubernetes:([^:]+):(\w+)$/u.exec(type) ?? [];
  if (group === undefined || kind === undefined) return undefined;
  const [namespace, name] = id.includes("/")
    ? [id.slice(0, id.indexOf("/")), id.slice(id.indexOf("/") + 1)]
    : [undefined, id];
  return { apiVersion: group.replace(/^core\//u, ""), kind, name, namespace };
}

/** Inputs with a name of their own, and what is wrong with them. */
export function checkObject(resource: Resource, news: ValueMap): Checked {
  if (!isObject(news)) return { inputs: news, failures: [] };
  const failures = [...unsupported(resource, news), ...secretIdentity(news)];
  return { inputs: withName(resource, news), failures };
}

/** `kubernetes:core/v1:ConfigMapPatch` is a ConfigMap; applied and deleted as one, it would remove another's object. */
function unsupported(resource: Resource, inputs: ValueMap): Checked["failures"] {
  const kind = textAt(inputs, "kind") ?? "";
  if (resource.type.endsWith(`:${kind}Patch`)) {
    return [
      {
        property: "kind",
        reason: "the stand-in has no patches of objects that another made; declare the object itself",
      },
    ];
  }
  if (kind.endsWith("List") && isUsed(inputs["items"])) {
    return [{ property: "kind", reason: "a list is no object of its own; declare each of its items" }];
  }
  return [];
}

function isUsed(value: Value | undefined): boolean {
  return value !== undefined && value !== null;
}

/** Ids and addresses are kept in clear. */
function secretIdentity(inputs: ValueMap): Checked["failures"] {
  const metadata = inputs["metadata"];
  const reason = "it is part of the resource's id, which is kept in clear: it can't be a secret";
  if (isSecret(metadata)) return [{ property: "metadata", reason }];
  const hidden = (name: string): boolean =>
    isMap(metadata) && metadata[name] !== undefined && hasSecret(metadata[name]);
  return ["name", "namespace"].filter(hidden).map((name) => ({ property: `metadata.${name}`, reason }));
}

/** Names an object that has no name after its resource, always the same way. */
function withName(resource: Resource, inputs: ValueMap): ValueMap {
  const metadata = inputs["metadata"] ?? {};
  if (!isMap(metadata) || isSecret(metadata)) return inputs;
  if (isUsed(metadata["name"]) || isUsed(metadata["generateName"])) return inputs;
  const suffix = createHash("sha256").update(resource.urn).digest("hex").slice(0, 8);
  const stem = resource.name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/gu, "-")
    .replace(/^-+|-+$/gu, "")
    .slice(0, 54);
  return { ...inputs, metadata: { ...metadata, name: stem === "" ? suffix : `${stem}-${suffix}` } };
}

/** Fields that the API server refuses to change, by kind (k8s.io/kubernetes/pkg/apis, each kind's validation). */
const immutable: Readonly<Record<string, readonly string[]>> = {
  ClusterRoleBinding: ["roleRef"],
  DaemonSet: ["spec.selector"],
  Deployment: ["spec.selector"],
  Job: ["spec.selector", "spec.template", "spec.completionMode"],
  PersistentVolumeClaim: ["spec.accessModes", "spec.storageClassName", "spec.volumeMode", "spec.volumeName"],
  Pod: ["spec"],
  ReplicaSet: ["spec.selector"],
  RoleBinding: ["roleRef"],
  Secret: ["type"],
  StatefulSet: ["spec.selector", "spec.serviceName", "spec.volumeClaimTemplates", "spec.podManagementPolicy"],
  StorageClass: ["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"],
  CustomResourceDefinition: ["spec.group", "spec.names.plural", "spec.scope"],
};
const identity = ["apiVersion", "kind", "metadata.name", "metadata.namespace", "metadata.generateName"];

export function replacesObject(change: Change, news: ValueMap): boolean {
  const keys = change.path.filter((step) => typeof step === "string").join(".");
  const fixed = [...identity, ...(immutable[textAt(news, "kind") ?? ""] ?? [])];
  const frozen = at(news, "immutable") === true ? ["data", "binaryData", "stringData"] : [];
  // A change of `metadata` as a whole (to or from an unknown) may change the name.
  return [...fixed, ...frozen].some(
    (field) =>
      keys === field || keys.startsWith(`${field}.`) || (field.startsWith(`${keys}.`) && isUnknownAt(news, keys)),
  );
}

function isUnknownAt(news: ValueMap, keys: string): boolean {
  return isUnknown(at(news, ...keys.split(".")));
}

/** Two objects of one identity can't be there at once. */
export function sameObject(olds: ValueMap, news: ValueMap): boolean {
  const [one, other] = [referenceIn(olds), referenceIn(news)];
  return one !== undefined && other !== undefined && one.kind === other.kind && idOf(one) === idOf(other);
}
