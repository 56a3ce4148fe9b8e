import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { startTestCluster } from "../support/cluster/test-cluster.ts";
import { checkout } from "../support/engine/engine-under-test.ts";
import { kubernetesClient } from "../support/kubernetes.ts";
import type { KubernetesClient, KubernetesObject } from "../support/kubernetes.ts";

/** policy/ci-access, applied to a real API server, which then says who may do what. */
let stop: () => Promise<void> = () => Promise.resolve();
let cluster: KubernetesClient;

before(async () => {
  const started = await startTestCluster();
  stop = started.stop;
  cluster = kubernetesClient(started.kubeconfig);
});

after(() => stop());

function objectsOf(file: string): KubernetesObject[] {
  const text = readFileSync(join(checkout, "policy", "ci-access", `${file}.yaml`), "utf8");
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}

const answerSchema = z.object({ status: z.object({ allowed: z.boolean() }) });

/** `verb group/resource` in a namespace, or cluster-wide. */
async function may(identity: string, right: string, namespace = ""): Promise<boolean> {
  const [, verb = "", group = "", resource = ""] = /^(\w+) ([^/]*)\/(\w+)$/.exec(right) ?? [];
  const user = `${identity}@placeholder-platform.iam.gserviceaccount.com`;
  const spec = { user, resourceAttributes: { verb, group, resource, namespace } };
  const review = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", metadata: { name: "" }, spec };
  const { body, message } = await cluster.create(review);
  const answer = answerSchema.safeParse(body);
  assert.ok(answer.success, message);
  return answer.data.status.allowed;
}

test("in the broker's cluster: plan and drift look, apply writes what the stack has, in its namespace", async () => {
  for (const object of objectsOf("key-broker")) {
    if (object.metadata.namespace !== undefined) await makeNamespace(object.metadata.namespace);
    const { status, message } = await cluster.apply(object);
    assert.ok(status < 300, `${object.kind} ${object.metadata.name}: ${message}`);
  }
  for (const identity of ["production-plan", "production-drift"]) {
    assert.ok(await may(identity, "get /secrets", "neko-trust-kbs"));
    assert.ok(await may(identity, "list /namespaces"));
    assert.ok(!(await may(identity, "get /secrets", "kube-system")));
    for (const right of ["patch /secrets", "create batch/jobs", "delete apps/deployments"]) {
      assert.ok(!(await may(identity, right, "neko-trust-kbs")), `${identity}: ${right}`);
    }
  }
  for (const right of [
    "patch /secrets",
    "create batch/jobs",
    "delete apps/deployments",
    "patch policy/poddisruptionbudgets",
  ]) {
    assert.ok(await may("production-apply", right, "neko-trust-kbs"), right);
    assert.ok(!(await may("production-apply", right, "kube-system")), right);
  }
  assert.ok(!(await may("production-apply", "create rbac.authorization.k8s.io/clusterrolebindings")));
  assert.ok(!(await may("staging-apply", "get /secrets", "neko-trust-kbs")));
});

test("in a cluster of workloads: plan and drift read no Secret but Helm's, and change nothing; apply administers", async () => {
  for (const object of objectsOf("workloads")) {
    if (object.metadata.namespace !== undefined) await makeNamespace(object.metadata.namespace);
    const { status, message } = await cluster.apply(object);
    assert.ok(status < 300, `${object.kind} ${object.metadata.name}: ${message}`);
  }
  for (const identity of ["production-plan", "production-drift"]) {
    for (const right of ["list /pods", "get admissionregistration.k8s.io/validatingadmissionpolicies"]) {
      assert.ok(await may(identity, right), `${identity}: ${right}`);
    }
    assert.ok(await may(identity, "list /secrets", "cosign-system"));
    for (const right of ["list /secrets", "patch /configmaps", "create /pods"]) {
      assert.ok(!(await may(identity, right)), `${identity}: ${right}`);
    }
  }
  assert.ok(await may("production-apply", "create rbac.authorization.k8s.io/clusterroles"));
});

async function makeNamespace(name: string): Promise<void> {
  const { status, message } = await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  assert.ok(status < 300, message);
}
