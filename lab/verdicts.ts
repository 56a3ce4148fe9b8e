import { setTimeout as sleep } from "node:timers/promises";
import { connectCluster } from "../src/adapters/cluster/cluster.ts";
import type { Cluster } from "../src/adapters/cluster/cluster.ts";
import { Failure } from "../src/core/failure.ts";
import { markEnforced } from "./stand-ins/journal.ts";
import type { JournalEntry } from "./stand-ins/journal.ts";

/** What the API server said of one pod. */
export interface Verdict {
  readonly pod: string;
  readonly image: string;
  readonly expected: "admitted" | "refused";
  readonly verdict: "admitted" | "refused";
  /** The API server's words when it refused. */
  readonly message: string;
}

const namespace = "neko-lab-demo";
/** A policy acts a moment after it is stored: the API server's admission plugin watches for it. */
const settleMilliseconds = 30_000;

function pod(name: string, image: string) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace },
    spec: { containers: [{ name: "neko", image }] },
  };
}

async function tryPod(cluster: Cluster, name: string, image: string): Promise<Pick<Verdict, "verdict" | "message">> {
  try {
    await cluster.create(pod(name, image));
  } catch (error) {
    if (error instanceof Failure && error.kind === "refused") return { verdict: "refused", message: error.message };
    throw error;
  }
  await cluster.delete({ apiVersion: "v1", kind: "Pod", name, namespace });
  return { verdict: "admitted", message: "" };
}

/** Waits until an unpinned pod is refused: from then on the policies are known to act. */
async function untilActing(cluster: Cluster, image: string): Promise<void> {
  const deadline = Date.now() + settleMilliseconds;
  while (Date.now() < deadline) {
    const { verdict } = await tryPod(cluster, "probe", image);
    if (verdict === "refused") return;
    await sleep(250);
  }
}

/** Creates three pods on the real API server, as any user would: unpinned, unlisted, and the release's. */
export async function askForVerdicts(kubeconfig: string, repository: string, digest: string): Promise<Verdict[]> {
  const cluster = await connectCluster({ kubeconfig });
  await cluster.serverSideApply(
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace, labels: { "neko-trust.dev/admission": "enforced" } },
    },
    { fieldManager: "neko-lab" },
  );
  const cases = [
    { pod: "unpinned", image: `${repository}:latest`, expected: "refused" },
    { pod: "unlisted", image: `${repository}@sha256:${"0".repeat(64)}`, expected: "refused" },
    { pod: "release", image: `${repository}@${digest}`, expected: "admitted" },
  ] as const;
  await untilActing(cluster, cases[0].image);
  const verdicts: Verdict[] = [];
  for (const entry of cases) verdicts.push({ ...entry, ...(await tryPod(cluster, entry.pod, entry.image)) });
  return verdicts;
}

/** Throws VERDICT_WRONG when the API server did not decide as the policy says. */
export function assertVerdicts(verdicts: readonly Verdict[]): void {
  // A refusal by anything else (quota, pod security) would say nothing about the baseline.
  const wrong = verdicts.filter(
    ({ expected, verdict, message }) =>
      expected !== verdict || (verdict === "refused" && !message.includes("ValidatingAdmissionPolicy 'neko-trust-")),
  );
  if (wrong.length === 0) return;
  throw new Failure({
    code: "VERDICT_WRONG",
    kind: "refused",
    message: "The API server did not decide as the admission baseline says.",
    remedy: 'Look at the policies with "kubectl get validatingadmissionpolicies -o yaml", and report this.',
    details: wrong.map(
      ({ pod: name, image, expected, verdict, message }) =>
        `${name} (${image}): expected ${expected}, was ${verdict}${message === "" ? "" : `: ${message}`}`,
    ),
  });
}

/**
 * Marks as enforced what a refusal showed to act by naming it: the policy and its binding. The list that they read
 * stays "stored": no answer of the API server names it.
 */
export function markActing(journalFile: string, entries: readonly JournalEntry[], verdicts: readonly Verdict[]): void {
  const refusals = verdicts.filter(({ verdict }) => verdict === "refused").map(({ message }) => message);
  const admissionTypes = /ValidatingAdmissionPolicy(?:Binding)?$/;
  for (const { urn, type, where, outcome } of entries) {
    if (outcome !== "stored" && outcome !== "enforced") continue;
    const name = where.split("/").at(-1) ?? "";
    const refusal = refusals.find((message) => admissionTypes.test(type) && message.includes(`'${name}'`));
    if (refusal !== undefined) markEnforced(journalFile, urn, refusal.slice(0, 300));
  }
}
