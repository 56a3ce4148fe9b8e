import type { Program } from "../../src/engine/program.ts";
import { verifyReleases } from "../../src/operations/verify-releases.ts";
import type { BenchContext, BenchEntry, Prepared, RunResult } from "../entry.ts";
import { benchEngine } from "../support/bench-engine.ts";
import { startBenchLab } from "../support/bench-lab.ts";
import type { BenchLab } from "../support/bench-lab.ts";
import { planned } from "../support/planned.ts";

/** Resources of one cluster: its provider, a namespace, a list, three policies and their bindings. */
const perCluster = 9;

/**
 * Plans of the real program on the real engine, against a program that registers the same resources and does nothing
 * else. Both run in this process, with the same imports, arguments and stand-in providers.
 */
export const entries: readonly BenchEntry[] = [1, 11, 111].map((clusters) => {
  const resources = clusters * perCluster + 1;
  return {
    name: `plan-${resources}-resources`,
    title: `plan of ${resources} resources: the stack, and AdmissionPolicies in ${clusters === 1 ? "one cluster" : `${clusters} clusters`}`,
    prepare: (context) => compareWithBareProgram(context, clusters),
  };
});

async function compareWithBareProgram(context: BenchContext, clusters: number): Promise<Prepared> {
  // Loaded here, so that benchmarks which need no engine don't carry the SDK with them.
  const { bareProgram } = await import("../support/bare-program.ts");
  const { planProject } = await import("../support/plan-project.ts");
  const engine = await benchEngine(context);
  if ("missing" in engine) return { kind: "skipped", reason: engine.missing };
  const lab = await startBenchLab(context, 1);
  if ("missing" in lab) return { kind: "skipped", reason: lab.missing };
  const started = [lab.stop];
  const teardown = async (): Promise<void> => {
    for (const stop of started.reverse()) await stop();
  };
  try {
    const project = await planProject(lab, { folder: context.scratch, engine, clusters });
    started.push(project.stop);
    const evidence = { milliseconds: 0 };
    const stacks = {
      ours: await project.open(await realProgram(lab, evidence), "ours"),
      bare: await project.open(bareProgram(project.config, context.checkout), "bare"),
    };
    const resources = clusters * perCluster + 1;
    const { signal } = context;
    const ours = async (): Promise<RunResult> => {
      // One component more per cluster: what groups the resources.
      const { milliseconds } = await planned(stacks.ours, resources + clusters, signal);
      // The evidence's time depends on the registry, and a bare program has none.
      return { milliseconds: milliseconds - evidence.milliseconds, parts: { evidence: evidence.milliseconds } };
    };
    return {
      kind: "ready",
      ours: [{ label: "index.ts, its evidence apart", run: ours }],
      reference: { kind: "floor", label: "a bare program", run: () => planned(stacks.bare, resources, signal) },
      limit: 1.3,
      teardown,
    };
  } catch (error) {
    await teardown();
    throw error;
  }
}

/**
 * index.ts with the time of its evidence told apart: what it does first, verifying the stack's releases, is done and
 * timed here; what follows is itself, planning with the digests.
 */
async function realProgram(lab: BenchLab, evidence: { milliseconds: number }): Promise<Program> {
  const { default: program } = await import("../../index.ts");
  return async (): Promise<Record<string, unknown>> => {
    const { client, config, environment, directories } = lab;
    const start = performance.now();
    const verified = await verifyReleases(config, { client, checkout: directories.checkout, now: new Date() });
    evidence.milliseconds = performance.now() - start;
    if (verified.length !== 1) throw new Error(`${verified.length} releases were verified, not one`);
    return program({ environment, offline: true });
  };
}
