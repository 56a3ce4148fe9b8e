import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { localPassphrase } from "../../lab/places.ts";
import { projectWithoutSecrets } from "../../lab/project-without-secrets.ts";
import { startStandIns } from "../../lab/stand-ins/start.ts";
import { writeWhole } from "../../src/adapters/files/write-whole.ts";
import { projectName, stackFile } from "../../src/config/read-config.ts";
import type { Engine } from "../../src/engine/find-engine.ts";
import { openStack } from "../../src/engine/open-stack.ts";
import type { StackHandle } from "../../src/engine/open-stack.ts";
import type { Program } from "../../src/engine/program.ts";
import type { BenchContext } from "../entry.ts";

const stack = "production";

/** A copy of this project whose stack production has any number of clusters for workloads, and is else as it is. */
export interface ProductionProject {
  /** The stack with a program, in an engine folder of its own; all share the stand-ins. */
  readonly open: (program: Program, folder: string) => Promise<StackHandle>;
  readonly stop: () => Promise<void>;
}

/** Set up as `make preview STACK=production OFFLINE=1` does: no credentials, and stand-ins that only plan. */
export async function productionProject(
  { checkout, scratch, environment }: BenchContext,
  options: { readonly engine: Engine; readonly clusters: number },
): Promise<ProductionProject> {
  const { engine, clusters } = options;
  const project = projectWithoutSecrets(checkout, stack, join(scratch, "project"));
  const file = join(project, stackFile(stack));
  writeWhole(file, withClusters(readFileSync(file, "utf8"), clusters));
  const standIns = await startStandIns({
    stack,
    project: projectName,
    mode: "preview",
    journalFile: join(scratch, "journal.jsonl"),
    kubernetes: { kind: "files", directory: join(scratch, "rendered") },
  });
  return {
    open: (program, name) =>
      openStack({
        engine,
        checkout: project,
        stack,
        program,
        folder: join(scratch, name),
        passphrase: localPassphrase,
        attach: standIns.debugProviders,
        environment,
      }),
    stop: () => standIns.stop(),
  };
}

/** The stack's file with so many clusters for workloads; the key broker's stays. */
function withClusters(text: string, count: number): string {
  const document = parseDocument(text);
  const key = `${projectName}:clusters`;
  const { config } = document.toJS() as { readonly config: Readonly<Record<string, unknown>> };
  const others = (config[key] as readonly { readonly runs?: readonly string[] }[]).filter(
    ({ runs }) => runs !== undefined && !runs.includes("workloads"),
  );
  const workloads = Array.from({ length: count }, (_, number) => ({
    name: `cluster-${number}`,
    kubeconfig: `kubeconfigs/placeholder-${number}.yaml`,
  }));
  document.setIn(["config", key], [...workloads, ...others]);
  return document.toString();
}
