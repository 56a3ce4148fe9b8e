import type { StackHandle } from "../../src/engine/open-stack.ts";
import type { BenchContext, BenchEntry, Prepared, RunResult } from "../entry.ts";
import { benchEngine } from "../support/bench-engine.ts";
import { planned } from "../support/planned.ts";
import type { RecordedResource } from "../support/recorded-program.ts";

/** Resources of one cluster for workloads: its provider; the baseline, policy-controller and Gatekeeper. */
const perCluster = 18;
/** The stack, the signer's 35 and its provider, the key broker's 20 and its cluster's provider. */
const others = 60;

/**
 * Plans of stack production as it is committed, all its components and engines, with more or fewer clusters; against a
 * program that registers the same resources and does nothing else. Both run in this process, on the same engine and
 * stand-ins.
 */
export const entries: readonly BenchEntry[] = [1, 10, 100].map((clusters) => ({
  name: `plan-production-${clusters}`,
  title: `offline plan of stack production with ${clusters === 1 ? "one cluster" : `${clusters} clusters`} for workloads: ${resourcesOf(clusters)} resources`,
  prepare: (context) => compareWithRecording(context, clusters),
}));

function resourcesOf(clusters: number): number {
  return clusters * perCluster + others;
}

async function compareWithRecording(context: BenchContext, clusters: number): Promise<Prepared> {
  // Loaded here, so that benchmarks which need no engine don't carry the SDK with them.
  const { bareProgramOf, recording } = await import("../support/recorded-program.ts");
  const { productionProject } = await import("../support/production-project.ts");
  const { default: program } = await import("../../index.ts");
  const { environment, signal, progress } = context;
  const engine = await benchEngine(context);
  if ("missing" in engine) return { kind: "skipped", reason: engine.missing };
  const project = await productionProject(context, { engine, clusters });
  try {
    const resources = resourcesOf(clusters);
    // What groups the resources: a component per cluster, the signer and the key broker.
    const withComponents = resources + clusters + 2;
    const real = () => program({ environment, offline: true });
    const recorded: RecordedResource[] = [];
    progress("recording what the stack's program registers");
    await planned(await project.open(recording(real, recorded), "recorded"), withComponents, signal);
    const stacks = {
      ours: await project.open(real, "ours"),
      bare: await project.open(bareProgramOf(recorded), "bare"),
    };
    return {
      kind: "ready",
      ours: [{ label: "index.ts", run: () => timed(stacks.ours, withComponents, resources, signal) }],
      reference: {
        kind: "floor",
        label: "a bare program",
        run: () => timed(stacks.bare, resources, resources, signal),
      },
      limit: 1.3,
      teardown: project.stop,
    };
  } catch (error) {
    await project.stop();
    throw error;
  }
}

/** One plan, and what one resource took of it: equal in all sizes where the time grows with the resources and no faster. */
async function timed(
  stack: StackHandle,
  creations: number,
  resources: number,
  signal: AbortSignal,
): Promise<RunResult> {
  const { milliseconds } = await planned(stack, creations, signal);
  return { milliseconds, parts: { "one resource": milliseconds / resources } };
}
