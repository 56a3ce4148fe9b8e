import assert from "node:assert/strict";
import { test } from "node:test";
import { driftedInputs, inputsOf, outputsOf, plannedOutputs } from "../../../../../lab/stand-ins/kubernetes/live.ts";
import { isSecret, isUnknown, reveal, secret } from "../../../../../lab/stand-ins/wire/values.ts";
import type { ValueMap } from "../../../../../lab/stand-ins/wire/values.ts";

const metadata = {
  ...{ name: "web", namespace: "shop", uid: "u", resourceVersion: "7", generation: 1, creationTimestamp: "t" },
  managedFields: [{ manager: "neko-trust" }],
};

test("a Secret's data is secret, and what the server does not show is kept", () => {
  const inputs = { apiVersion: "v1", kind: "Secret", metadata: { name: "web" }, stringData: secret({ a: "x" }) };
  const outputs = outputsOf({ apiVersion: "v1", kind: "Secret", metadata, data: { a: "eA==" } }, inputs);
  assert.ok(isSecret(outputs["data"]) && isSecret(outputs["stringData"]));
  assert.equal((outputs["metadata"] as ValueMap)["managedFields"], undefined);
});

test("a Secret that another made is imported as secret, without what the server filled in", () => {
  const inputs = inputsOf({ apiVersion: "v1", kind: "Secret", metadata, data: { a: "eA==" }, status: {} });
  assert.ok(isSecret(inputs["data"]));
  assert.deepEqual(inputs["metadata"], { name: "web", namespace: "shop" });
  assert.equal(inputs["status"], undefined);
});

test("a plan does not promise the uid of a dry run", () => {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata };
  const inputs = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "web" } };
  const planned = plannedOutputs(object, inputs, false)["metadata"] as ValueMap;
  assert.ok(isUnknown(planned["uid"]) && isUnknown(planned["resourceVersion"]));
  const updated = plannedOutputs(object, inputs, true)["metadata"] as ValueMap;
  assert.equal(updated["uid"], "u");
  assert.ok(isUnknown(updated["resourceVersion"]));
});

const inputs: ValueMap = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web" },
  spec: { cpu: "1000m", color: "blue", list: [1, 2], hidden: secret("x") },
};
/** As the server writes the inputs: normalised, with defaults. */
const wanted = {
  apiVersion: "v1",
  kind: "Pod",
  metadata,
  spec: { cpu: "1", color: "blue", list: [1, 2], hidden: "x", added: true },
};

test("nothing drifted where the server only writes a value in its own way", () => {
  assert.deepEqual(
    driftedInputs(inputs, wanted, { ...wanted, metadata: { ...metadata, resourceVersion: "9" } }),
    inputs,
  );
});

test("what was changed, taken away or added to a list shows as drift; a secret stays one", () => {
  const live = { ...wanted, spec: { cpu: "1", list: [1, 2, 3], hidden: "y", added: false } };
  const spec = driftedInputs(inputs, wanted, live)["spec"] as ValueMap;
  assert.deepEqual({ ...spec, hidden: reveal(spec["hidden"]) }, { cpu: "1000m", list: [1, 2, 3], hidden: "y" });
  assert.ok(isSecret(spec["hidden"]));
});

test("drift of a value that was given as stringData is seen although the server never shows it", () => {
  const given = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, stringData: secret({ a: "x", b: "y" }) };
  const made = { apiVersion: "v1", kind: "Secret", metadata, data: { a: "eA==", b: "eQ==" } };
  const drifted = driftedInputs(given, made, { ...made, data: { a: "changed", b: "eQ==" } });
  assert.deepEqual(reveal(drifted["stringData"]), { b: "y" });
});
