import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkObject,
  idOf,
  objectOf,
  referenceIn,
  referenceOfId,
  replacesObject,
} from "../../../../../lab/stand-ins/kubernetes/identity.ts";
import { changesBetween } from "../../../../../lab/stand-ins/wire/changes.ts";
import { secret, textAt, unknownValue } from "../../../../../lab/stand-ins/wire/values.ts";
import type { ValueMap } from "../../../../../lab/stand-ins/wire/values.ts";

const resource = {
  urn: "urn:pulumi:local::shop::kubernetes:core/v1:ConfigMap::My Map",
  type: "kubernetes:core/v1:ConfigMap",
  name: "My Map",
};
const map: ValueMap = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "map", namespace: "shop" },
  data: { a: "b" },
};

function replaced(olds: ValueMap, news: ValueMap): boolean {
  return changesBetween(olds, news).some((change) => replacesObject(change, news));
}

test("another identity replaces, other data doesn't", () => {
  assert.equal(replaced(map, { ...map, data: { a: "c" } }), false);
  assert.equal(replaced(map, { ...map, metadata: { ...(map["metadata"] as ValueMap), labels: { a: "b" } } }), false);
  assert.equal(replaced(map, { ...map, metadata: { name: "other", namespace: "shop" } }), true);
  assert.equal(replaced(map, { ...map, metadata: { name: "map", namespace: "other" } }), true);
  assert.equal(replaced(map, { ...map, metadata: { name: "map" } }), true);
  assert.equal(replaced(map, { ...map, apiVersion: "v2" }), true);
  assert.equal(replaced(map, { ...map, metadata: unknownValue }), true);
});

test("what the API server would not change replaces", () => {
  const binding = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "x" },
    roleRef: { name: "a" },
  };
  assert.equal(replaced(binding, { ...binding, roleRef: { name: "b" } }), true);
  assert.equal(replaced({ ...map, roleRef: { name: "a" } }, { ...map, roleRef: { name: "b" } }), false);
  assert.equal(replaced({ ...map, immutable: true }, { ...map, immutable: true, data: { a: "c" } }), true);
});

test("an object without a name gets one, always the same", () => {
  const { inputs } = checkObject(resource, { ...map, metadata: { namespace: "shop" } });
  assert.match(textAt(inputs, "metadata", "name") ?? "", /^my-map-[0-9a-f]{8}$/);
  assert.deepEqual(checkObject(resource, { ...map, metadata: { namespace: "shop" } }).inputs, inputs);
  assert.deepEqual(checkObject(resource, map).inputs, map);
  assert.deepEqual(checkObject(resource, { ...map, metadata: unknownValue }).inputs["metadata"], unknownValue);
});

test("a secret can't be part of the id", () => {
  const faults = (metadata: ValueMap[string]): string[] =>
    checkObject(resource, { ...map, metadata }).failures.map(({ property }) => property);
  assert.deepEqual(faults({ name: secret("x") }), ["metadata.name"]);
  assert.deepEqual(faults({ name: "x", namespace: secret("y") }), ["metadata.namespace"]);
  assert.deepEqual(faults(secret({ name: "x" })), ["metadata"]);
  assert.deepEqual(faults({ name: "x", annotations: secret({ a: "b" }) }), []);
});

test("patches and lists are refused: deleting them would take away another's objects", () => {
  const patch = { ...resource, type: "kubernetes:core/v1:ConfigMapPatch" };
  assert.equal(checkObject(patch, map).failures.length, 1);
  const list = { apiVersion: "v1", kind: "ConfigMapList", items: [map] };
  assert.equal(checkObject({ ...resource, type: "kubernetes:core/v1:ConfigMapList" }, list).failures.length, 1);
});

test("type token and id name the object again", () => {
  for (const metadata of [{ name: "map", namespace: "shop" }, { name: "system:map" }]) {
    const reference = referenceIn({ ...map, metadata });
    assert.ok(reference);
    assert.deepEqual(referenceOfId(resource.type, idOf(reference)), { ...reference, namespace: reference.namespace });
  }
  assert.equal(referenceOfId("kubernetes:apps/v1:Deployment", "a/b")?.apiVersion, "apps/v1");
  assert.equal(referenceOfId("not a type", "a/b"), undefined);
});

test("the object to apply has its secrets in clear and no nulls", () => {
  const object = objectOf({ ...map, data: secret({ a: "hidden" }), empty: null });
  assert.deepEqual(object, { ...map, data: { a: "hidden" } });
});
