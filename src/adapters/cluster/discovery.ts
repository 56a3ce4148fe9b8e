import { Failure } from "../../core/failure.ts";
import { clusterFailure } from "./answers.ts";
import { isRecord } from "../../core/is-record.ts";
import type { ObjectReference } from "./object.ts";
import type { ClusterTransport } from "./transport.ts";

export interface ResourceKind {
  /** The plural in the URL, for example `configmaps`. */
  readonly plural: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly kind: string;
}

/** What the API server serves, asked for per group and version and remembered once found. */
export interface Discovery {
  /** Undefined when the server serves no such kind (yet). */
  resource(apiVersion: string, kind: string): Promise<ResourceKind | undefined>;
  /** Every kind of a group and version; undefined when it isn't served. */
  resources(apiVersion: string): Promise<readonly ResourceKind[] | undefined>;
  /** All group versions that the server prefers, core first. */
  groupVersions(): Promise<readonly string[]>;
}

export function discovery(send: ClusterTransport): Discovery {
  const known = new Map<string, readonly ResourceKind[]>();
  const resources = async (apiVersion: string): Promise<readonly ResourceKind[] | undefined> => {
    const response = await send({ method: "GET", path: groupPath(apiVersion) });
    if (response.status === 404) return undefined;
    if (response.status !== 200) throw clusterFailure(`list what it serves in ${apiVersion}`, response);
    const found = readResources(response.body);
    known.set(apiVersion, found);
    return found;
  };
  return {
    resources,
    async resource(apiVersion, kind) {
      const remembered = known.get(apiVersion)?.find((resource) => resource.kind === kind);
      if (remembered !== undefined) return remembered;
      return (await resources(apiVersion))?.find((resource) => resource.kind === kind);
    },
    async groupVersions() {
      const response = await send({ method: "GET", path: "/apis" });
      if (response.status !== 200) throw clusterFailure("list its groups", response);
      return ["v1", ...readPreferred(response.body)];
    },
  };
}

/** `/api/v1` for the core group, `/apis/<group>/<version>` for the others. */
export function groupPath(apiVersion: string): string {
  const parts = apiVersion.split("/").map(encodeURIComponent).join("/");
  return apiVersion.includes("/") ? `/apis/${parts}` : `/api/${parts}`;
}

/** The path of a kind's objects, or of one of them when the reference names it. */
export function objectPath(
  resource: ResourceKind,
  reference: { apiVersion: string; name?: string; namespace?: string | undefined },
): string {
  const namespace = reference.namespace ?? "default";
  for (const part of [namespace, reference.name]) {
    // Percent-encoding leaves dots alone, and URLs resolve them: `..` would name something else.
    if (part === "." || part === ".." || part === "") throw badName(part);
  }
  const place = resource.namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  const name = reference.name === undefined ? "" : `/${encodeURIComponent(reference.name)}`;
  return `${groupPath(reference.apiVersion)}${place}/${resource.plural}${name}`;
}

function badName(part: string): Failure {
  return new Failure({
    code: "CLUSTER_INVALID",
    kind: "usage",
    message: `${JSON.stringify(part)} is no name of a Kubernetes object or namespace.`,
    remedy: "Use a DNS label (RFC 1123).",
  });
}

/** The reference with its namespace written out, or without one for a kind that has none. */
export function located(resource: ResourceKind, reference: ObjectReference): ObjectReference {
  const { apiVersion, kind, name, namespace } = reference;
  return resource.namespaced
    ? { apiVersion, kind, name, namespace: namespace ?? "default" }
    : { apiVersion, kind, name };
}

function readResources(body: unknown): readonly ResourceKind[] {
  const list = isRecord(body) && Array.isArray(body["resources"]) ? (body["resources"] as unknown[]) : [];
  return list.flatMap((entry) => {
    if (!isRecord(entry)) return [];
    const { name, kind, namespaced, verbs } = entry;
    if (typeof name !== "string" || typeof kind !== "string" || name.includes("/")) return [];
    const known = Array.isArray(verbs) ? verbs.filter((verb) => typeof verb === "string") : [];
    return [{ plural: name, kind, namespaced: namespaced === true, verbs: known }];
  });
}

function readPreferred(body: unknown): string[] {
  const groups = isRecord(body) && Array.isArray(body["groups"]) ? (body["groups"] as unknown[]) : [];
  return groups.flatMap((group) => {
    const preferred = isRecord(group) ? group["preferredVersion"] : undefined;
    return isRecord(preferred) && typeof preferred["groupVersion"] === "string" ? [preferred["groupVersion"]] : [];
  });
}
