import { readFileSync } from "node:fs";
import { request } from "node:https";
import { parse } from "yaml";
import { z } from "zod";

/** A Kubernetes object as the tests send it: plain JSON with a kind. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

export interface KubernetesAnswer {
  readonly status: number;
  /** The Status object's message when the request was refused. */
  readonly message: string;
  /** Texts of the Warning headers: what a policy that only warns has to say. */
  readonly warnings: readonly string[];
  readonly body: unknown;
}

const kubeconfigSchema = z.object({
  clusters: z.array(z.object({ cluster: z.object({ server: z.string(), "certificate-authority-data": z.string() }) })),
  users: z.array(z.object({ user: z.object({ token: z.string() }) })),
});

const plurals: Readonly<Record<string, string>> = { NetworkPolicy: "networkpolicies" };
const clusterWide = new Set([
  ...["Namespace", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
  ...["ClusterRole", "ClusterRoleBinding", "SubjectAccessReview"],
]);

/** The REST path of an object's collection. */
function collectionOf(object: KubernetesObject): string {
  const root = object.apiVersion.includes("/") ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`;
  const lower = object.kind.toLowerCase();
  const plural = plurals[object.kind] ?? (lower.endsWith("y") ? `${lower.slice(0, -1)}ies` : `${lower}s`);
  return clusterWide.has(object.kind)
    ? `${root}/${plural}`
    : `${root}/namespaces/${object.metadata.namespace ?? "default"}/${plural}`;
}

/** A client of one API server that hides nothing: status, message and warnings as they came. */
export function kubernetesClient(kubeconfigPath: string) {
  const config = kubeconfigSchema.parse(parse(readFileSync(kubeconfigPath, "utf8")));
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  if (cluster === undefined || user === undefined) throw new Error(`${kubeconfigPath} names no cluster or user`);
  const authority = Buffer.from(cluster["certificate-authority-data"], "base64").toString("utf8");

  function send(
    method: string,
    path: string,
    body?: unknown,
    contentType = "application/json",
  ): Promise<KubernetesAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<KubernetesAnswer>();
    const outgoing = request(
      new URL(path, cluster?.server),
      {
        method,
        ca: authority,
        headers: {
          authorization: `Bearer ${user?.token ?? ""}`,
          accept: "application/json",
          "content-type": contentType,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          const parsed: unknown = text.startsWith("{") ? JSON.parse(text) : text;
          const message = z.object({ message: z.string() }).safeParse(parsed);
          const warnings = (response.headersDistinct["warning"] ?? []).map((line) =>
            line.replace(/^299 - "(.*)"$/s, "$1"),
          );
          resolve({
            status: response.statusCode ?? 0,
            message: message.success ? message.data.message : "",
            warnings,
            body: parsed,
          });
        });
      },
    );
    outgoing.once("error", reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  }

  const at = (object: KubernetesObject): string => `${collectionOf(object)}/${object.metadata.name}`;
  return {
    send,
    /** Server-side apply with strict validation: an unknown or doubled field is an error. */
    apply: (object: KubernetesObject) =>
      send(
        "PATCH",
        `${at(object)}?fieldManager=neko-trust-test&force=true&fieldValidation=Strict`,
        object,
        "application/apply-patch+yaml",
      ),
    create: (object: KubernetesObject, dryRun = false) =>
      send("POST", `${collectionOf(object)}?fieldValidation=Strict${dryRun ? "&dryRun=All" : ""}`, object),
    get: (object: KubernetesObject) => send("GET", at(object)),
    patch: (object: KubernetesObject, subresource: string, patch: unknown) =>
      send("PATCH", `${at(object)}${subresource}`, patch, "application/strategic-merge-patch+json"),
    remove: (object: KubernetesObject) => send("DELETE", `${at(object)}?gracePeriodSeconds=0`),
  };
}

export type KubernetesClient = ReturnType<typeof kubernetesClient>;
