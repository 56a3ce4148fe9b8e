import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { checkout } from "../support/engine/engine-under-test.ts";

/** policy/ci-access gives CI's identities what the stacks' plans need in a cluster, and no more to those that nobody reviews. */

const files = ["workloads", "key-broker"] as const;
const objectSchema = z.object({
  kind: z.string(),
  metadata: z.object({ name: z.string(), namespace: z.string().optional() }),
  rules: z
    .array(z.object({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) }))
    .default([]),
  roleRef: z.object({ name: z.string() }).optional(),
  subjects: z.array(z.object({ name: z.string() })).default([]),
});
type AccessObject = z.infer<typeof objectSchema>;

const objects: readonly AccessObject[] = files.flatMap((file) =>
  parseAllDocuments(readFileSync(join(checkout, "policy", "ci-access", `${file}.yaml`), "utf8")).map((document) =>
    objectSchema.parse(document.toJS()),
  ),
);

/** `group/resource` → verbs of all that is bound to an identity. */
function rightsOf(identity: string): Map<string, Set<string>> {
  const rights = new Map<string, Set<string>>();
  for (const { roleRef, subjects } of objects) {
    if (!subjects.some(({ name }) => name.startsWith(`${identity}@`))) continue;
    for (const rule of objects.find(({ metadata }) => metadata.name === roleRef?.name)?.rules ?? []) {
      for (const group of rule.apiGroups) {
        for (const resource of rule.resources) {
          const key = `${group}/${resource}`;
          rights.set(key, new Set([...(rights.get(key) ?? []), ...rule.verbs]));
        }
      }
    }
  }
  return rights;
}

/** `group/resource` of every object that a stack's page lists; charts are Helm's, which keeps Secrets. */
function plannedKinds(stack: string): Set<string> {
  const page = readFileSync(join(checkout, "docs", "plans", `${stack}.md`), "utf8");
  const types = [...page.matchAll(/kubernetes:([a-zA-Z0-9.]+)\/[a-z0-9]+:([A-Za-z]+)/g)];
  return new Set(
    types.map(([, group = "", kind = ""]) => {
      if (group === "helm.sh") return "/secrets";
      // NekoTrustImages is plural as it is, as its template names it.
      const plural = kind.toLowerCase().replace(/y$/, "ie").replace(/s$/, "") + "s";
      return `${group === "core" ? "" : group}/${plural.replace("policys", "policies")}`;
    }),
  );
}

test("every kind of object that a stack makes can be looked at by its plan and its drift", () => {
  for (const identity of ["production-plan", "production-drift"]) {
    const rights = rightsOf(identity);
    for (const stack of ["staging", "production"]) {
      const kinds = plannedKinds(stack);
      assert.ok(kinds.size > 10, String(kinds.size));
      for (const kind of kinds) {
        assert.deepEqual([...(rights.get(kind) ?? [])].sort(), ["get", "list", "watch"], `${identity}: ${kind}`);
      }
    }
  }
});

test("who plans and looks for drift changes nothing, and reads Secrets in namespaces of the stack alone", () => {
  for (const { roleRef, subjects, metadata } of objects) {
    if (!subjects.some(({ name }) => /-(plan|drift)@/.test(name))) continue;
    const role = objects.find((object) => object.kind === "ClusterRole" && object.metadata.name === roleRef?.name);
    assert.ok(role !== undefined, roleRef?.name);
    for (const { verbs, resources } of role.rules) {
      assert.deepEqual(verbs, ["get", "list", "watch"]);
      if (resources.includes("secrets")) assert.ok(metadata.namespace !== undefined, metadata.name);
    }
  }
});

test("only who applies writes: everything where charts are installed, listed kinds where the broker is", () => {
  const all = objects.filter(({ roleRef }) => roleRef?.name === "cluster-admin");
  assert.deepEqual(
    all.flatMap(({ subjects }) => subjects.map(({ name }) => name.split("@")[0])),
    ["production-apply"],
  );
  const rights = rightsOf("production-apply");
  for (const kind of ["/secrets", "batch/jobs", "apps/deployments", "gateway.networking.k8s.io/httproutes"]) {
    for (const verb of ["create", "patch", "delete"]) assert.ok(rights.get(kind)?.has(verb), `${verb} ${kind}`);
  }
  assert.ok(!rights.has("rbac.authorization.k8s.io/clusterroles"));
});
