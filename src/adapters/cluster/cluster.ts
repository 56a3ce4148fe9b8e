import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../core/failure.ts";
import { clusterFailure } from "./answers.ts";
import { discovery, located, objectPath } from "./discovery.ts";
import type { Discovery, ResourceKind } from "./discovery.ts";
import { readKubeconfig } from "./kubeconfig.ts";
import type { ClusterAccess } from "./kubeconfig.ts";
import { isRecord } from "../../core/is-record.ts";
import { describeReference } from "./object.ts";
import type { ClusterObject, ObjectReference } from "./object.ts";
import { imagesOfPod } from "./pods.ts";
import type { PodImage } from "./pods.ts";
import { clusterTransport } from "./transport.ts";
import type { ClusterTransport } from "./transport.ts";

/** An API server. Every method may throw the Failures of answers.ts; `absent` is the one answer that is no failure. */
export interface Cluster {
  readonly server: string;
  /**
   * Server-side apply with strict field validation. A dry run passes validation and admission, and stores nothing.
   * Fields of other managers are left alone; taking one is a CLUSTER_CONFLICT unless `force`.
   */
  serverSideApply(object: ClusterObject, options: ApplyOptions): Promise<ClusterObject>;
  get(reference: ObjectReference): Promise<Found<ClusterObject>>;
  /** Dependents go in the background. Does not wait: see `waitGone`. */
  delete(reference: ObjectReference): Promise<"deleted" | "absent">;
  /** Creates an object as any user would, for example a pod, to see what admission says. */
  create(object: ClusterObject, options?: { dryRun?: boolean }): Promise<ClusterObject>;
  list(kind: { apiVersion: string; kind: string; namespace?: string }): Promise<readonly ClusterObject[]>;
  /** The images of all pods, of one namespace or of all. */
  podImages(namespace?: string): Promise<readonly PodImage[]>;
  /** Where an object is, for people: the URL without credentials. */
  addressOf(reference: ObjectReference): Promise<string>;
  isReady(): Promise<boolean>;
  /** @throws Failure CLUSTER_UNREACHABLE when it isn't ready in time. */
  waitReady(timeoutMilliseconds: number): Promise<void>;
  /** Whether the object went within the time. */
  waitGone(reference: ObjectReference, timeoutMilliseconds: number, signal?: AbortSignal): Promise<boolean>;
  readonly discovery: Discovery;
  readonly send: ClusterTransport;
}

export interface ApplyOptions {
  readonly fieldManager: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
}

export type Found<T> = { readonly kind: "found"; readonly value: T } | { readonly kind: "absent" };

const defaultTimeoutMilliseconds = 30_000;
const pollMilliseconds = 100;
const pageSize = "500";

/**
 * The API server of a kubeconfig's context, the current one unless named. Nothing is sent before the first call.
 *
 * @throws Failure KUBECONFIG_MISSING, KUBECONFIG_INVALID (usage)
 */
export async function connectCluster(options: {
  readonly kubeconfig: string;
  readonly context?: string;
  readonly timeoutMilliseconds?: number;
}): Promise<Cluster> {
  return clusterOf(await readKubeconfig(options.kubeconfig, options.context), options.timeoutMilliseconds);
}

/** As `connectCluster`, for access that was read (and looked at) before. */
export function clusterOf(access: ClusterAccess, timeoutMilliseconds = defaultTimeoutMilliseconds): Cluster {
  const send = clusterTransport(access, timeoutMilliseconds);
  const served = discovery(send);
  const find = async (reference: { apiVersion: string; kind: string }): Promise<ResourceKind> => {
    const resource = await served.resource(reference.apiVersion, reference.kind);
    if (resource === undefined) throw notServed(reference);
    return resource;
  };
  const cluster: Cluster = {
    server: access.server.origin,
    discovery: served,
    send,
    async serverSideApply(object, { fieldManager, dryRun, force }) {
      const reference = referenceOf(object);
      const response = await send({
        method: "PATCH",
        path: objectPath(await find(reference), reference),
        query: {
          fieldManager,
          fieldValidation: "Strict",
          dryRun: dryRun === true ? "All" : undefined,
          force: force === true ? "true" : undefined,
        },
        body: object,
        // YAML is what the type names; JSON is YAML.
        contentType: "application/apply-patch+yaml",
      });
      if (response.status !== 200 && response.status !== 201)
        throw clusterFailure(`apply ${describeReference(reference)}`, response);
      return readObject(`apply ${describeReference(reference)}`, response);
    },
    async get(reference) {
      const resource = await served.resource(reference.apiVersion, reference.kind);
      if (resource === undefined) return { kind: "absent" };
      const response = await send({ method: "GET", path: objectPath(resource, reference) });
      if (response.status === 404) return { kind: "absent" };
      if (response.status !== 200) throw clusterFailure(`show ${describeReference(reference)}`, response);
      return { kind: "found", value: readObject(`show ${describeReference(reference)}`, response) };
    },
    async delete(reference) {
      const resource = await served.resource(reference.apiVersion, reference.kind);
      if (resource === undefined) return "absent";
      const response = await send({
        method: "DELETE",
        path: objectPath(resource, reference),
        body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Background" },
      });
      if (response.status === 404) return "absent";
      if (response.status !== 200 && response.status !== 202)
        throw clusterFailure(`delete ${describeReference(reference)}`, response);
      return "deleted";
    },
    async create(object, { dryRun } = {}) {
      const { apiVersion, kind, metadata } = object;
      const response = await send({
        method: "POST",
        path: objectPath(await find(object), { apiVersion, namespace: metadata?.namespace }),
        query: { fieldManager: "neko-trust", fieldValidation: "Strict", dryRun: dryRun === true ? "All" : undefined },
        body: object,
      });
      const action = `create ${describeReference({ apiVersion, kind, name: metadata?.name ?? "(unnamed)", namespace: metadata?.namespace })}`;
      if (response.status !== 201 && response.status !== 202 && response.status !== 200)
        throw clusterFailure(action, response);
      return readObject(action, response);
    },
    async list(kind) {
      const resource = await find(kind);
      return await listAll(send, resource, kind);
    },
    async podImages(namespace) {
      const pods = await cluster.list({
        apiVersion: "v1",
        kind: "Pod",
        ...(namespace === undefined ? {} : { namespace }),
      });
      return pods.flatMap(imagesOfPod);
    },
    async addressOf(reference) {
      const resource = await find(reference);
      return `${access.server.origin}${objectPath(resource, located(resource, reference))}`;
    },
    async isReady() {
      const answer = await send({ method: "GET", path: "/readyz" }).catch(() => undefined);
      return answer?.status === 200;
    },
    async waitReady(timeout) {
      if (await poll(() => cluster.isReady(), timeout)) return;
      throw new Failure({
        code: "CLUSTER_UNREACHABLE",
        kind: "unavailable",
        message: `The API server ${access.server.origin} was not ready after ${timeout / 1000} s.`,
        remedy: "See the API server's log for what it waits for.",
      });
    },
    waitGone: (reference, timeout, signal) =>
      poll(async () => (await cluster.get(reference)).kind === "absent", timeout, signal),
  };
  return cluster;
}

/** @throws Failure CLUSTER_INVALID (usage) for an object without a name. */
export function referenceOf(object: ClusterObject): ObjectReference {
  const { apiVersion, kind, metadata } = object;
  if (metadata?.name === undefined || metadata.name === "") {
    throw new Failure({
      code: "CLUSTER_INVALID",
      kind: "usage",
      message: `A ${kind} without metadata.name can't be applied.`,
      remedy: "Give it a name.",
    });
  }
  return { apiVersion, kind, name: metadata.name, namespace: metadata.namespace };
}

async function listAll(
  send: ClusterTransport,
  resource: ResourceKind,
  { apiVersion, kind, namespace }: { apiVersion: string; kind: string; namespace?: string },
): Promise<readonly ClusterObject[]> {
  // Without a namespace: those of all namespaces, which is the path of a kind that has none.
  const path = objectPath(
    { ...resource, namespaced: resource.namespaced && namespace !== undefined },
    { apiVersion, namespace },
  );
  const objects: ClusterObject[] = [];
  let next: string | undefined;
  do {
    const response = await send({ method: "GET", path, query: { limit: pageSize, continue: next } });
    const { body } = response;
    if (response.status !== 200 || !isRecord(body) || !Array.isArray(body["items"]))
      throw clusterFailure(`list ${kind}`, response);
    for (const item of body["items"] as unknown[]) if (isRecord(item)) objects.push({ ...item, apiVersion, kind });
    const token = isRecord(body["metadata"]) ? body["metadata"]["continue"] : undefined;
    next = typeof token === "string" && token !== "" ? token : undefined;
  } while (next !== undefined);
  return objects;
}

function readObject(action: string, response: { status: number; body: unknown }): ClusterObject {
  const { body } = response;
  if (!isRecord(body) || typeof body["apiVersion"] !== "string" || typeof body["kind"] !== "string") {
    throw clusterFailure(action, { status: response.status, body: { message: "its answer is no Kubernetes object." } });
  }
  return { ...body, apiVersion: body["apiVersion"], kind: body["kind"] };
}

/** Asks until the answer is yes or the time is up; asks once at least. */
async function poll(
  question: () => Promise<boolean>,
  timeoutMilliseconds: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const end = Date.now() + timeoutMilliseconds;
  for (;;) {
    if (await question()) return true;
    if (Date.now() >= end) return false;
    await sleep(pollMilliseconds, undefined, signal === undefined ? {} : { signal });
  }
}

function notServed({ apiVersion, kind }: { apiVersion: string; kind: string }): Failure {
  return new Failure({
    code: "CLUSTER_ABSENT",
    kind: "usage",
    message: `The API server serves no ${kind} of ${apiVersion}.`,
    remedy: "Install the custom resource definition first, or correct apiVersion and kind.",
  });
}
