import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startServer } from "../unit/adapters/registry/loopback-server.ts";

/**
 * An API server that has pods of namespace "shop" and no engines, one pod for each image, until the test ends; the path of a
 * kubeconfig for it.
 */
export async function servePods(t: TestContext, images: readonly string[]): Promise<string> {
  const pods = images.map((image, position) => ({
    metadata: { name: `web-${position}`, namespace: "shop" },
    spec: { containers: [{ name: "main", image }] },
    status: { phase: "Running" },
  }));
  const resource = (name: string, kind: string, namespaced: boolean) => ({ name, kind, namespaced, verbs: ["list"] });
  const answers = new Map<string, object>([
    ["/api/v1", { resources: [resource("pods", "Pod", true), resource("namespaces", "Namespace", false)] }],
    ["/api/v1/namespaces", { items: [{ metadata: { name: "shop" } }] }],
    ["/api/v1/pods", { metadata: {}, items: pods }],
  ]);
  const { host } = await startServer(t, ({ url }) => {
    const body = answers.get(new URL(url, "http://x").pathname);
    return {
      status: body === undefined ? 404 : 200,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body ?? { message: "not found" }),
    };
  });
  const folder = mkdtempSync(join(tmpdir(), "neko-pods-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, "kubeconfig");
  const named = { name: "c", cluster: { server: `http://${host}`, "insecure-skip-tls-verify": true } };
  writeFileSync(
    path,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [named],
      users: [{ name: "u", user: { token: "none" } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      "current-context": "c",
    }),
  );
  return path;
}
