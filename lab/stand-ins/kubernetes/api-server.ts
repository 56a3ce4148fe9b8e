import { setTimeout as sleep } from "node:timers/promises";
import { clusterOf } from "../../../src/adapters/cluster/cluster.ts";
import type { Cluster } from "../../../src/adapters/cluster/cluster.ts";
import { readKubeconfig } from "../../../src/adapters/cluster/kubeconfig.ts";
import { describeReference } from "../../../src/adapters/cluster/object.ts";
import type { ClusterObject, ObjectReference } from "../../../src/adapters/cluster/object.ts";
import { Failure } from "../../../src/core/failure.ts";
import { loopbackUrl } from "../loopback.ts";
import type { Context, Existing, Resource } from "../provider.ts";
import { at, fromJsonMap, hasUnknown, isList, textAt } from "../wire/values.ts";
import type { ValueMap } from "../wire/values.ts";
import { objectOf, referenceIn, referenceOfId } from "./identity.ts";
import { driftedInputs, inputsOf, outputsOf, plannedOutputs } from "./live.ts";
import { finishNamespace } from "./namespaces.ts";
import { withUnknowns } from "./place.ts";
import type { Place } from "./place.ts";

/** The owner of the fields that the lab applies, in `metadata.managedFields`. */
export const fieldManager = "neko-trust";

const defaultTimeoutMilliseconds = 60_000;

/**
 * Connects to the API server of a kubeconfig, if it is the lab's: on loopback, reached directly, with credentials
 * that no other program has to be run for.
 *
 * @throws Failure STAND_INS_NOT_LOOPBACK (usage), and those of `readKubeconfig`
 */
export async function connectLoopback(kubeconfig: string): Promise<Cluster> {
  const access = await readKubeconfig(kubeconfig);
  const server = loopbackUrl(access.server.href);
  const fault =
    server === undefined
      ? `its server ${access.server.host} is not 127.0.0.1, localhost or [::1]`
      : access.asks.proxy
        ? "it asks for a proxy"
        : access.asks.program
          ? "it asks for a program or provider that fetches credentials"
          : undefined;
  if (server === undefined || fault !== undefined) {
    throw new Failure({
      code: "STAND_INS_NOT_LOOPBACK",
      kind: "usage",
      message: `The stand-ins don't use the kubeconfig ${kubeconfig}: ${fault ?? "its server is elsewhere"}.`,
      remedy: "Give them the lab's own kubeconfig; a real cluster is for a real stack with the official provider.",
    });
  }
  return clusterOf({ ...access, server });
}

/** Objects on the lab's API server, by server-side apply. */
export function apiServer(cluster: Cluster): Place {
  const address = (reference: ObjectReference): Promise<string> => cluster.addressOf(reference);
  return {
    async holds(_resource, inputs) {
      const reference = referenceIn(inputs);
      return reference !== undefined && (await cluster.get(reference)).kind === "found";
    },
    async plan(_resource, inputs, old) {
      const reference = referenceIn(inputs);
      if (reference === undefined || hasUnknown(inputs)) return withUnknowns(inputs);
      const answer = await dryRun(cluster, inputs, reference, old === undefined);
      return answer === undefined ? withUnknowns(inputs) : plannedOutputs(answer, inputs, old !== undefined);
    },
    async put(resource, inputs, context) {
      const reference = known(resource, referenceIn(inputs));
      const object = await cluster.serverSideApply(objectOf(inputs), { fieldManager, force: isForced(inputs) });
      if (object.kind === "CustomResourceDefinition") {
        await waitServed(cluster, reference, context);
      }
      return { outputs: outputsOf(object, inputs), outcome: "stored", where: await address(reference) };
    },
    async remove(resource, old, context) {
      const reference = known(
        resource,
        referenceIn(old.inputs) ?? referenceIn(old.outputs) ?? referenceOfId(resource.type, old.id),
      );
      const served = await cluster.discovery.resource(reference.apiVersion, reference.kind);
      const where =
        served === undefined ? `${cluster.server} (no longer serves ${reference.kind})` : await address(reference);
      if ((await cluster.delete(reference)) === "absent") return { outcome: "stored", where };
      if (reference.kind === "Namespace" && reference.apiVersion === "v1")
        await finishNamespace(cluster, reference.name);
      const timeout = context.timeoutMilliseconds ?? defaultTimeoutMilliseconds;
      if (!(await cluster.waitGone(reference, timeout, context.signal))) throw stillThere(reference, timeout);
      return { outcome: "stored", where };
    },
    read: (resource, existing) => readLive(cluster, resource, existing),
  };
}

/**
 * What the API server would make of the object, admission included; undefined where it can't tell yet: its namespace
 * or kind comes with the same run, or (for a replacement) the object that it replaces is still there.
 *
 * @throws Failure for an object that it would refuse: better in the plan than halfway through an update.
 */
async function dryRun(
  cluster: Cluster,
  inputs: ValueMap,
  reference: ObjectReference,
  isNew: boolean,
): Promise<ClusterObject | undefined> {
  try {
    return await cluster.serverSideApply(objectOf(inputs), { fieldManager, dryRun: true, force: isForced(inputs) });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === "CLUSTER_ABSENT") return undefined;
    if (isNew && error.code === "CLUSTER_INVALID" && (await cluster.get(reference)).kind === "found") return undefined;
    throw error;
  }
}

async function readLive(cluster: Cluster, resource: Resource, existing: Existing): ReturnType<Place["read"]> {
  const reference = known(
    resource,
    referenceIn(existing.inputs) ?? referenceIn(existing.outputs) ?? referenceOfId(resource.type, existing.id),
  );
  const found = await cluster.get(reference);
  if (found.kind === "absent") return "gone";
  const where = await cluster.addressOf(reference);
  if (Object.keys(existing.inputs).length === 0) {
    return { inputs: inputsOf(found.value), outputs: outputsOf(found.value, {}), outcome: "stored", where };
  }
  const wanted = await cluster.serverSideApply(objectOf(existing.inputs), { fieldManager, dryRun: true, force: true });
  const inputs = driftedInputs(existing.inputs, wanted, found.value);
  return { inputs, outputs: outputsOf(found.value, inputs), outcome: "stored", where };
}

/** As in Pulumi's own provider: the annotation takes fields over from other managers. */
function isForced(inputs: ValueMap): boolean {
  return textAt(inputs, "metadata", "annotations", "pulumi.com/patchForce") === "true";
}

/** A definition is of use once the server serves its kind. */
async function waitServed(cluster: Cluster, definition: ObjectReference, context: Context): Promise<void> {
  const timeoutMilliseconds = context.timeoutMilliseconds ?? defaultTimeoutMilliseconds;
  const end = Date.now() + timeoutMilliseconds;
  for (;;) {
    const found = await cluster.get(definition);
    if (found.kind === "found" && (await isServed(cluster, fromJsonMap(found.value)))) return;
    if (Date.now() >= end)
      throw new Error(`${describeReference(definition)} was not served after ${timeoutMilliseconds / 1000} s`);
    await sleep(100, undefined, { signal: context.signal });
  }
}

async function isServed(cluster: Cluster, definition: ValueMap): Promise<boolean> {
  const conditions = at(definition, "status", "conditions");
  const isEstablished =
    isList(conditions) &&
    conditions.some((one) => textAt(one, "type") === "Established" && textAt(one, "status") === "True");
  if (!isEstablished) return false;
  const versions = at(definition, "spec", "versions");
  const group = textAt(definition, "spec", "group") ?? "";
  const kind = textAt(definition, "spec", "names", "kind") ?? "";
  for (const version of isList(versions) ? versions : []) {
    if (at(version, "served") !== true) continue;
    const resources = await cluster.discovery.resources(`${group}/${textAt(version, "name") ?? ""}`);
    if (resources?.some((resource) => resource.kind === kind) !== true) return false;
  }
  return true;
}

function known(resource: Resource, reference: ObjectReference | undefined): ObjectReference {
  if (reference === undefined) throw new Error(`${resource.name}: the object has no known apiVersion, kind and name`);
  return reference;
}

function stillThere(reference: ObjectReference, timeoutMilliseconds: number): Error {
  return new Error(
    `${describeReference(reference)} was still there ${timeoutMilliseconds / 1000} s after its deletion: see its ` +
      "metadata.finalizers, and whether what should clear them runs",
  );
}
