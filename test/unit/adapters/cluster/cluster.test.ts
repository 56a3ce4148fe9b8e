import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connectLoopback } from "../../../../lab/stand-ins/kubernetes/api-server.ts";
import { clusterFailure } from "../../../../src/adapters/cluster/answers.ts";
import { connectCluster } from "../../../../src/adapters/cluster/cluster.ts";
import type { Cluster } from "../../../../src/adapters/cluster/cluster.ts";
import { imagesOfPod } from "../../../../src/adapters/cluster/pods.ts";
import { Failure } from "../../../../src/core/failure.ts";

const folder = mkdtempSync(join(tmpdir(), "neko-trust-kubeconfig-"));
interface Received {
  readonly method: string;
  readonly url: URL;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
  readonly body: string;
}
const received: Received[] = [];
let answer: { status: number; body: unknown; headers?: Record<string, string> } = { status: 200, body: {} };
const kinds = [
  { name: "configmaps", kind: "ConfigMap", namespaced: true, verbs: ["get"] },
  { name: "configmaps/status", kind: "ConfigMap", namespaced: true, verbs: ["get"] },
  { name: "namespaces", kind: "Namespace", namespaced: false, verbs: ["get"] },
  { name: "pods", kind: "Pod", namespaced: true, verbs: ["get"] },
];
const server = createServer((request, response) => {
  const url = new URL(request.url ?? "", "http://127.0.0.1");
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const send = (status: number, body: unknown, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(body));
    };
    if (url.pathname === "/api/v1") {
      send(200, { kind: "APIResourceList", resources: kinds });
      return;
    }
    const { authorization, "content-type": contentType } = request.headers;
    received.push({
      method: request.method ?? "",
      url,
      authorization,
      contentType,
      body: Buffer.concat(chunks).toString(),
    });
    send(answer.status, answer.body, answer.headers);
  });
});
let cluster: Cluster;
let origin: string;

function kubeconfig(name: string, clusterPart: object, userPart: object = { token: "the-token" }): string {
  const file = join(folder, name);
  const config = {
    ...{ apiVersion: "v1", kind: "Config", "current-context": "x" },
    clusters: [{ name: "c", cluster: clusterPart }],
    users: [{ name: "u", user: userPart }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const file = kubeconfig("plain", { server: origin, "insecure-skip-tls-verify": true });
  cluster = await connectCluster({ kubeconfig: file, timeoutMilliseconds: 2_000 });
});

after(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});

const map = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "Map", namespace: "shop" },
  unknownField: { kept: 1 },
};

function isFailure(code: string, kind?: string): (error: unknown) => boolean {
  return (error) => error instanceof Failure && error.code === code && (kind === undefined || error.kind === kind);
}

test("an object is applied as it is, strictly, under its manager's name and with the credentials", async () => {
  answer = { status: 200, body: map };
  await cluster.serverSideApply(map, { fieldManager: "neko-trust", dryRun: true });
  const last = received.at(-1);
  assert.equal(last?.method, "PATCH");
  assert.equal(last.url.pathname, "/api/v1/namespaces/shop/configmaps/Map");
  assert.deepEqual(Object.fromEntries(last.url.searchParams), {
    fieldManager: "neko-trust",
    fieldValidation: "Strict",
    dryRun: "All",
  });
  assert.equal(last.contentType, "application/apply-patch+yaml");
  assert.equal(last.authorization, "Bearer the-token");
  assert.deepEqual(JSON.parse(last.body), map);
});

test("absent is an answer; so is a kind that is not served", async () => {
  answer = { status: 404, body: { message: "not found" } };
  assert.deepEqual(await cluster.get({ apiVersion: "v1", kind: "ConfigMap", name: "a" }), { kind: "absent" });
  assert.deepEqual(await cluster.get({ apiVersion: "v1", kind: "Nothing", name: "a" }), { kind: "absent" });
  assert.equal(await cluster.delete({ apiVersion: "v1", kind: "ConfigMap", name: "a" }), "absent");
  await assert.rejects(cluster.create({ apiVersion: "v1", kind: "Nothing" }), isFailure("CLUSTER_ABSENT", "usage"));
});

test("names that would lead to another path are refused", async () => {
  for (const name of ["..", "."]) {
    await assert.rejects(cluster.get({ apiVersion: "v1", kind: "ConfigMap", name }), isFailure("CLUSTER_INVALID"));
    await assert.rejects(
      cluster.get({ apiVersion: "v1", kind: "ConfigMap", name: "a", namespace: name }),
      isFailure("CLUSTER_INVALID"),
    );
  }
  answer = { status: 404, body: {} };
  await cluster.get({ apiVersion: "v1", kind: "ConfigMap", name: "../../secrets/x?y#z" });
  assert.equal(received.at(-1)?.url.pathname, "/api/v1/namespaces/default/configmaps/..%2F..%2Fsecrets%2Fx%3Fy%23z");
});

test("each way in which a server says no has its code", () => {
  const cases: [number, string, string, string][] = [
    [403, 'admission webhook "x.sigstore.dev" denied the request: no signature', "CLUSTER_REFUSED", "refused"],
    [400, 'admission webhook "x" denied the request: no', "CLUSTER_REFUSED", "refused"],
    [
      422,
      "pods \"p\" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'b' denied request: tag",
      "CLUSTER_REFUSED",
      "refused",
    ],
    [403, 'pods "p" is forbidden: violates PodSecurity "restricted:latest"', "CLUSTER_REFUSED", "refused"],
    [403, 'pods is forbidden: User "u" cannot create resource "pods" in API group ""', "CLUSTER_FORBIDDEN", "usage"],
    [401, "Unauthorized", "CLUSTER_UNAUTHORIZED", "usage"],
    [422, 'ConfigMap "x" is invalid: metadata.name', "CLUSTER_INVALID", "usage"],
    [400, 'strict decoding error: unknown field "spec.x"', "CLUSTER_INVALID", "usage"],
    [409, "Apply failed with 1 conflict", "CLUSTER_CONFLICT", "usage"],
    [404, 'namespaces "shop" not found', "CLUSTER_ABSENT", "usage"],
    [429, "too many requests", "CLUSTER_UNREACHABLE", "unavailable"],
    [500, "etcdserver: leader changed", "CLUSTER_UNREACHABLE", "unavailable"],
    [307, "", "CLUSTER_UNREACHABLE", "unavailable"],
  ];
  for (const [status, message, code, kind] of cases) {
    const failure = clusterFailure("create Pod a/p", { status, body: { message } });
    assert.ok(isFailure(code, kind)(failure), `${status} ${message}: ${failure.code}`);
    assert.ok(failure.message.includes(message));
  }
});

test("a redirect is not followed, and an answer that is no object is none", async () => {
  const count = received.length;
  answer = { status: 307, body: {}, headers: { location: `${origin}/elsewhere` } };
  await assert.rejects(
    cluster.get({ apiVersion: "v1", kind: "ConfigMap", name: "a" }),
    isFailure("CLUSTER_UNREACHABLE"),
  );
  assert.equal(received.length, count + 1);
  for (const body of [[], "text", { kind: "ConfigMap" }, null]) {
    answer = { status: 200, body };
    await assert.rejects(
      cluster.get({ apiVersion: "v1", kind: "ConfigMap", name: "a" }),
      isFailure("CLUSTER_UNREACHABLE"),
    );
  }
});

test("lists are read to the end, in pages", async () => {
  const pages = ["next", undefined];
  const seen: (string | null)[] = [];
  answer = {
    status: 200,
    get body() {
      seen.push(received.at(-1)?.url.searchParams.get("continue") ?? null);
      const token = pages.shift();
      return { items: [{ metadata: { name: `pod-${pages.length}` } }], metadata: { continue: token } };
    },
  };
  const pods = await cluster.list({ apiVersion: "v1", kind: "Pod" });
  assert.deepEqual(
    pods.map(({ metadata, kind }) => [metadata?.name, kind]),
    [
      ["pod-1", "Pod"],
      ["pod-0", "Pod"],
    ],
  );
  assert.deepEqual(seen, [null, "next"]);
  assert.equal(received.at(-1)?.url.pathname, "/api/v1/pods");
});

test("a server that is not there is told as such, and waiting for it ends", async () => {
  const dead = await connectCluster({ kubeconfig: kubeconfig("dead", { server: "https://127.0.0.1:1" }) });
  await assert.rejects(
    dead.get({ apiVersion: "v1", kind: "Pod", name: "a" }),
    isFailure("CLUSTER_UNREACHABLE", "unavailable"),
  );
  assert.equal(await dead.isReady(), false);
  await assert.rejects(dead.waitReady(150), isFailure("CLUSTER_UNREACHABLE"));
});

test("a kubeconfig that can't be used is refused without quoting it", async () => {
  await assert.rejects(connectCluster({ kubeconfig: join(folder, "none") }), isFailure("KUBECONFIG_MISSING", "usage"));
  const broken = join(folder, "broken");
  for (const text of [
    "token: hunter2\n\t- [",
    "{}",
    '{"users": "hunter2"}',
    "apiVersion: v1\nkind: Config\ncurrent-context: x\n",
  ]) {
    writeFileSync(broken, text);
    await assert.rejects(connectCluster({ kubeconfig: broken }), (error) => {
      return isFailure("KUBECONFIG_INVALID", "usage")(error) && !(error as Failure).message.includes("hunter2");
    });
  }
});

test("the stand-ins take a kubeconfig on loopback, and no other", async () => {
  for (const host of ["127.0.0.1:6443", "localhost:6443", "[::1]:6443"]) {
    const access = await connectLoopback(kubeconfig("good", { server: `https://${host}` }));
    assert.equal(access.server, `https://${host}`);
  }
  const servers = [
    ...["https://kubernetes.example.com", "https://127.0.0.1.example.com:6443", "https://127.0.0.1@example.com"],
    ...["https://10.0.0.1:6443", "https://0.0.0.0:6443", "https://[::]:6443", "https://127.0.0.2", "ftp://127.0.0.1"],
  ];
  for (const address of servers) {
    await assert.rejects(
      connectLoopback(kubeconfig("bad", { server: address })),
      isFailure("STAND_INS_NOT_LOOPBACK"),
      address,
    );
  }
});

test("the stand-ins take no kubeconfig that leads out by a proxy or runs a program", async () => {
  const near = { server: "https://127.0.0.1:6443" };
  const exec = { exec: { apiVersion: "client.authentication.k8s.io/v1", command: "touch", args: ["/tmp/never"] } };
  const files = [
    kubeconfig("proxy", { ...near, "proxy-url": "http://proxy.example.com:3128" }),
    kubeconfig("exec", near, exec),
    kubeconfig("provider", near, {
      "auth-provider": { name: "oidc", config: { "idp-issuer-url": "https://example.com" } },
    }),
  ];
  for (const file of files) await assert.rejects(connectLoopback(file), isFailure("STAND_INS_NOT_LOOPBACK"), file);
});

test("only the current context of a kubeconfig counts", async () => {
  const file = join(folder, "two");
  const config = {
    ...{ apiVersion: "v1", kind: "Config", "current-context": "real" },
    clusters: [
      { name: "lab", cluster: { server: "https://127.0.0.1:1" } },
      { name: "real", cluster: { server: "https://real.example.com" } },
    ],
    users: [{ name: "u", user: { token: "t" } }],
    contexts: ["lab", "real"].map((name) => ({ name, context: { cluster: name, user: "u" } })),
  };
  writeFileSync(file, JSON.stringify(config));
  await assert.rejects(connectLoopback(file), isFailure("STAND_INS_NOT_LOOPBACK"));
  writeFileSync(file, JSON.stringify({ ...config, "current-context": "lab" }));
  assert.equal((await connectLoopback(file)).server, "https://127.0.0.1:1");
});

test("a pod's images are those of all its containers, by the digest that runs", () => {
  const [a, b] = [`sha256:${"a".repeat(64)}`, `sha256:${"b".repeat(64)}`];
  const pod = {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "shop" } },
    spec: {
      initContainers: [{ name: "init", image: `ghcr.io/x/init@${a}` }],
      containers: [
        { name: "main", image: "ghcr.io/x/main:1" },
        { name: "new", image: "ghcr.io/x/new:1" },
      ],
      ephemeralContainers: [{ name: "debug", image: "busybox" }],
    },
    status: {
      containerStatuses: [
        { name: "main", imageID: `docker-pullable://ghcr.io/x/main@${b}` },
        { name: "new", imageID: "" },
      ],
      ephemeralContainerStatuses: [{ name: "debug", imageID: `sha256:${"c".repeat(64)}` }],
    },
  };
  const images = imagesOfPod(pod).map(({ container, digest }) => [container, digest]);
  assert.deepEqual(images, [
    ["init", a],
    ["main", b],
    ["new", undefined],
    ["debug", undefined],
  ]);
  assert.deepEqual(imagesOfPod({ apiVersion: "v1", kind: "Pod" }), []);
});
