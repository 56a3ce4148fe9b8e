import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Failure } from "../../../src/core/failure.ts";
import { readClusterWorkloads } from "../../../src/operations/read-cluster-workloads.ts";

const digest = `sha256:${"a".repeat(64)}`;
const pod = (name: string, spec: object, phase = "Running") => ({
  metadata: { name, namespace: "shop" },
  spec,
  status: { phase },
});
const pages: Readonly<Record<string, object>> = {
  "": {
    metadata: { continue: "second" },
    items: [
      pod("web", {
        initContainers: [{ name: "init", image: "a:1" }],
        containers: [{ name: "main", image: `ghcr.io/m1k1o/neko/base@${digest}` }],
        ephemeralContainers: [{ name: "debug", image: "b:1" }],
        volumes: [
          { name: "data", image: { reference: "c:1" } },
          { name: "tmp", emptyDir: {} },
        ],
      }),
    ],
  },
  second: {
    metadata: {},
    items: [
      pod("done", { containers: [{ name: "main", image: "d:1" }] }, "Succeeded"),
      pod("failed", { containers: [{ name: "main", image: "e:1" }] }, "Failed"),
      pod("waiting", { containers: [{ name: "main", image: "f:1" }] }, "Pending"),
    ],
  },
};
const resources = (...entries: [string, string, boolean][]) => ({
  resources: entries.map(([name, kind, namespaced]) => ({ name, kind, namespaced, verbs: ["list"] })),
});

/** What the server does with the second page of pods. */
let midway: "answer" | "hang up" | "stall" | "forbid" = "answer";
const authorizations = new Set<string | undefined>();
let server: Server;
let folder: string;

before(async () => {
  server = createServer((request, response) => {
    authorizations.add(request.headers.authorization);
    const url = new URL(request.url ?? "/", "http://x");
    const send = (body: object, status = 200): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    switch (url.pathname) {
      case "/api/v1":
        send(resources(["pods", "Pod", true], ["namespaces", "Namespace", false]));
        return;
      case "/api/v1/namespaces":
        send({
          items: [{ metadata: { name: "shop", labels: { guarded: "yes", odd: 7 } } }, { metadata: { name: "x" } }],
        });
        return;
      case "/api/v1/pods": {
        const page = url.searchParams.get("continue") ?? "";
        if (page === "" || midway === "answer") send(pages[page] ?? {});
        else if (midway === "hang up") request.socket.destroy();
        else if (midway === "forbid") send({ message: 'pods is forbidden: User "x" cannot list resource "pods"' }, 403);
        return;
      }
      case "/apis/policies.kyverno.io/v1":
        send(resources(["imagevalidatingpolicies", "ImageValidatingPolicy", false]));
        return;
      case "/apis/policy.sigstore.dev/v1beta1":
        // Served, but without the kind.
        send(resources());
        return;
      default:
        send({ message: "not found" }, 404);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  folder = await mkdtemp(join(tmpdir(), "neko-trust-workloads-"));
});

after(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

async function kubeconfig(port = (server.address() as AddressInfo).port): Promise<string> {
  const path = join(folder, `config-${port}`);
  const context = (user: string) => ({ name: user, context: { cluster: "c", user } });
  await writeFile(
    path,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
      users: ["first", "second"].map((name) => ({ name, user: { token: `token-of-${name}` } })),
      contexts: ["first", "second"].map(context),
      "current-context": "first",
    }),
  );
  return path;
}

/** A port that nothing listens on. */
async function deadPort(): Promise<number> {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  other.close();
  await once(other, "close");
  return port;
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Failure, String(error));
  return error;
}

test("reads all pages: every kind of container and image volumes, of pods that have not ended", async () => {
  midway = "answer";
  const [cluster = assert.fail()] = await readClusterWorkloads([{ name: "europe", kubeconfig: await kubeconfig() }]);
  assert.equal(cluster.name, "europe");
  assert.deepEqual(
    cluster.images.map(({ namespace, pod: name, container, image }) => [namespace, name, container, image]),
    [
      ["shop", "web", "init", "a:1"],
      ["shop", "web", "main", `ghcr.io/m1k1o/neko/base@${digest}`],
      ["shop", "web", "debug", "b:1"],
      ["shop", "web", "volume data", "c:1"],
      ["shop", "waiting", "main", "f:1"],
    ],
  );
  assert.deepEqual(cluster.namespaces, [
    { name: "shop", labels: { guarded: "yes" } },
    { name: "x", labels: {} },
  ]);
});

test("finds the engines whose kinds are served in the version that is compiled for", async () => {
  const [cluster] = await readClusterWorkloads([{ name: "europe", kubeconfig: await kubeconfig() }]);
  assert.deepEqual(cluster?.crds, ["imagevalidatingpolicies.policies.kyverno.io"]);
});

test("uses the context that is named, and refuses one that is not there", async () => {
  authorizations.clear();
  await readClusterWorkloads([{ name: "europe", kubeconfig: await kubeconfig(), context: "second" }]);
  assert.deepEqual([...authorizations], ["Bearer token-of-second"]);
  const failure = await failureOf(
    readClusterWorkloads([{ name: "europe", kubeconfig: await kubeconfig(), context: "third" }]),
  );
  assert.equal(failure.code, "KUBECONFIG_INVALID");
});

test("a cluster that goes away midway is named, and no part of its list is taken", async () => {
  for (const how of ["hang up", "stall"] as const) {
    midway = how;
    const failure = await failureOf(
      readClusterWorkloads([{ name: "europe", kubeconfig: await kubeconfig() }], { timeoutMilliseconds: 300 }),
    );
    assert.equal(failure.code, "CLUSTER_UNREACHABLE");
    assert.match(failure.message, /^Cluster "europe": /);
  }
  midway = "answer";
});

test("a user who may not list pods is told so", async () => {
  midway = "forbid";
  const failure = await failureOf(readClusterWorkloads([{ name: "europe", kubeconfig: await kubeconfig() }]));
  assert.equal(failure.code, "CLUSTER_FORBIDDEN");
  midway = "answer";
});

test("several clusters that fail are told at once; one that can be read does not make up for them", async () => {
  const dead = await kubeconfig(await deadPort());
  const failure = await failureOf(
    readClusterWorkloads([
      { name: "europe", kubeconfig: await kubeconfig() },
      { name: "asia", kubeconfig: dead },
      { name: "america", kubeconfig: join(folder, "none") },
    ]),
  );
  assert.equal(failure.code, "KUBECONFIG_MISSING");
  assert.equal(failure.details.length, 2);
  assert.match(
    failure.details.join("\n"),
    /Cluster "asia": [\s\S]*Cluster "america": |Cluster "america": [\s\S]*Cluster "asia": /,
  );
});

test("no clusters is no request", async () => {
  assert.deepEqual(await readClusterWorkloads([]), []);
});
