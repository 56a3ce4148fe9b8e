import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { controlPlaneFiles } from "../../lab/control-plane/credentials.ts";
import { removeServers } from "../../lab/control-plane/servers.ts";
import { startControlPlane } from "../../lab/control-plane/start.ts";
import { serviceStatus } from "../../lab/processes/service.ts";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { kubernetesClient } from "../support/kubernetes.ts";

const work = mkdtempSync(join(tmpdir(), "neko-trust-control-plane-"));
const checkout = fileURLToPath(new URL("../../", import.meta.url));
const directories = { ...directoriesOf(checkout, process.env), state: join(work, "state"), run: join(work, "run") };
const files = controlPlaneFiles(directories.state);
const marker = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "marker", namespace: "default" } };
const start = (progress: (line: string) => void = console.error) =>
  startControlPlane({ directories, environment: process.env, progress });
const ports = () => JSON.parse(readFileSync(files.ports, "utf8")) as { etcdClient: number; apiServer: number };
const pids = () =>
  ["etcd", "kube-apiserver"].map((name) => {
    const status = serviceStatus(name, directories.run);
    return status.state === "running" ? status.pid : 0;
  });

before(async () => {
  await start();
});

after(async () => {
  await removeServers(directories);
  rmSync(work, { recursive: true, force: true });
});

test("the API server answers over TLS with its own CA, to its token and to nobody else", async () => {
  const cluster = kubernetesClient(files.kubeconfig);
  assert.equal((await cluster.apply(marker)).status, 201);
  const { apiServer } = ports();
  // Without the CA the certificate is not believed.
  await assert.rejects(fetch(`https://127.0.0.1:${apiServer}/api/v1/namespaces`));
  assert.ok(!readFileSync(files.kubeconfig, "utf8").includes("insecure"));
});

test("keys, token and kubeconfig are readable by their owner only, and no log holds the token", () => {
  for (const path of [files.serviceAccountKey, files.tokens, files.kubeconfig]) {
    assert.equal(statSync(path).mode & 0o777, 0o600, path);
  }
  assert.equal(statSync(files.directory).mode & 0o777, 0o700);
  const [token = ""] = readFileSync(files.tokens, "utf8").split(",");
  assert.ok(token.length >= 32);
  for (const name of readdirSync(directories.run).filter((file) => file.endsWith(".log"))) {
    assert.ok(!readFileSync(join(directories.run, name), "utf8").includes(token), name);
  }
});

test("a second start finds what runs", async () => {
  const before = [...pids(), JSON.stringify(ports())];
  await start();
  assert.deepEqual([...pids(), JSON.stringify(ports())], before);
});

test("a restart keeps the address and what was stored", async () => {
  const before = ports();
  const plane = await start();
  await plane.stop();
  assert.deepEqual(pids(), [0, 0]);
  await start();
  assert.deepEqual(ports(), before);
  assert.equal((await kubernetesClient(files.kubeconfig).get(marker)).status, 200);
});

test("starts both anew when etcd was killed", async () => {
  const [etcd = 0, apiServer = 0] = pids();
  const before = ports();
  assert.ok(etcd > 0 && apiServer > 0);
  process.kill(etcd, "SIGKILL");
  while (serviceStatus("etcd", directories.run).state === "running")
    await new Promise((resolve) => setTimeout(resolve, 20));
  await start();
  assert.ok(pids().every((pid) => pid > 0 && pid !== etcd && pid !== apiServer));
  assert.deepEqual(ports(), before);
  assert.equal((await kubernetesClient(files.kubeconfig).get(marker)).status, 200);
});

test("moves to another port, and says so, when a program took the old one meanwhile", async () => {
  const plane = await start();
  await plane.stop();
  const before = ports();
  const holder = createServer();
  await new Promise<undefined>((resolve) => {
    holder.listen(before.apiServer, "127.0.0.1", () => {
      resolve(undefined);
    });
  });
  const lines: string[] = [];
  await start((line) => lines.push(line));
  await new Promise((resolve) => holder.close(resolve));
  assert.notEqual(ports().apiServer, before.apiServer);
  assert.equal(ports().etcdClient, before.etcdClient);
  assert.ok(lines.some((line) => line.includes(`now on ${ports().apiServer}`)));
  assert.equal((await kubernetesClient(files.kubeconfig).get(marker)).status, 200);
});

test("removing leaves no process and no key behind", async () => {
  await removeServers(directories);
  assert.deepEqual(pids(), [0, 0]);
  assert.equal(existsSync(files.directory), false);
});
