import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { z } from "zod";
import { controlPlaneFiles } from "../../lab/control-plane/credentials.ts";
import { kubernetesClient } from "../support/kubernetes.ts";
import { copyCheckout, isRunning } from "../support/program-checkout.ts";
import type { CheckoutCopy } from "../support/program-checkout.ts";

const document = z.object({
  release: z.string(),
  summary: z.record(z.string(), z.int()),
  resources: z.array(
    z.object({ name: z.string(), type: z.string(), op: z.string(), outcome: z.string(), where: z.string() }),
  ),
  verdicts: z.array(
    z.object({ pod: z.string(), image: z.string(), expected: z.string(), verdict: z.string(), message: z.string() }),
  ),
});
type UpDocument = z.infer<typeof document>;

let copy: CheckoutCopy;
let rendered: UpDocument;
let first: UpDocument;
before(() => {
  copy = copyCheckout();
});
after(() => copy.remove());

async function up(...options: string[]): Promise<UpDocument> {
  const finished = await copy.run(["lab", "up", "--json", ...options]);
  assert.equal(finished.code, 0, finished.stdout + finished.stderr);
  return document.parse(JSON.parse(finished.stdout));
}

/** What the API server must say of the three pods, whoever asks. */
function assertVerdicts({ verdicts, release }: UpDocument): void {
  assert.deepEqual(
    verdicts.map(({ pod, verdict }) => [pod, verdict]),
    [
      ["unpinned", "refused"],
      ["unlisted", "refused"],
      ["release", "admitted"],
    ],
  );
  const [unpinned, unlisted, released] = verdicts;
  assert.match(unpinned?.image ?? "", /:latest$/);
  assert.match(unlisted?.image ?? "", /@sha256:0{64}$/);
  assert.equal(released?.image, release);
  for (const refused of [unpinned, unlisted]) {
    assert.match(refused?.message ?? "", /ValidatingAdmissionPolicy 'neko-trust-pods' with binding 'neko-trust-pods'/);
  }
}

function outcomesByType({ resources }: UpDocument): Record<string, string[]> {
  // A Helm release is recorded wherever the objects go: the lab has nobody to install it.
  const kubernetes = resources.filter(({ type }) => type.startsWith("kubernetes:") && !type.includes("helm.sh"));
  return Object.fromEntries(kubernetes.map(({ name, outcome }) => [name, [outcome]]));
}

test("without --cluster, objects are rendered and no pod is asked for", async () => {
  rendered = await up();
  assert.deepEqual(rendered.verdicts, []);
  assert.deepEqual(new Set(Object.values(outcomesByType(rendered)).flat()), new Set(["rendered"]));
});

test("lab up --cluster moves them to a real API server, which refuses and admits as the policy says", async () => {
  first = await up("--cluster");
  assertVerdicts(first);
  assert.equal(first.release, rendered.release);
  const outcomes = outcomesByType(first);
  for (const enforced of ["admission-lab-pods", "admission-lab-pods-binding"]) {
    assert.deepEqual(outcomes[enforced], ["enforced"], `${enforced}: ${JSON.stringify(outcomes)}`);
  }
  // What was not seen to act is stored, and not called more.
  for (const stored of ["admission-lab-namespace", "admission-lab-cron-jobs", "admission-lab-templates"]) {
    assert.deepEqual(outcomes[stored], ["stored"], `${stored}: ${JSON.stringify(outcomes)}`);
  }
  assert.equal(Object.keys(outcomes).length, 38);
  const { kubeconfig } = controlPlaneFiles(copy.directories.state);
  const list = await kubernetesClient(kubeconfig).get({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "neko-trust-images", namespace: "neko-trust" },
  });
  assert.equal(list.status, 200);
  assert.ok(JSON.stringify(list.body).includes(first.release.split("@sha256:")[1] ?? "no digest"));
});

test("a second lab up, without --cluster, keeps the API server, asks again and finds everything the same", async () => {
  const before = copy.pids();
  const second = await up();
  assertVerdicts(second);
  assert.deepEqual(Object.keys(second.summary), ["same"]);
  assert.deepEqual(outcomesByType(second), outcomesByType(first));
  assert.deepEqual(copy.pids(), before, "no process was started anew");
  for (const name of ["etcd", "kube-apiserver"]) assert.ok(isRunning(before[name] ?? 0), name);
});

test("the lab killed whole, as by a power cut, comes back with everything the same", async () => {
  for (const pid of Object.values(copy.pids())) process.kill(pid, "SIGKILL");
  const again = await up();
  assertVerdicts(again);
  assert.deepEqual(Object.keys(again.summary), ["same"]);
  assert.deepEqual(outcomesByType(again), outcomesByType(first));
});

test("lab down leaves no process, no state and no pid file", async () => {
  const pids = Object.values(copy.pids());
  assert.equal(pids.length, 5);
  const finished = await copy.run(["lab", "down"]);
  assert.equal(finished.code, 0, finished.stderr);
  assert.deepEqual(pids.filter(isRunning), []);
  for (const folder of [copy.directories.state, copy.directories.run]) assert.ok(!existsSync(folder), folder);
});
