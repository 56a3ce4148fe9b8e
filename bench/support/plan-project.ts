import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { projectName, readYamlConfig } from "../../src/config/read-config.ts";
import type { StackConfig } from "../../src/config/stack-config.ts";
import type { Engine } from "../../src/engine/find-engine.ts";
import { openStack } from "../../src/engine/open-stack.ts";
import type { StackHandle } from "../../src/engine/open-stack.ts";
import type { Program } from "../../src/engine/program.ts";
import { localPassphrase } from "../../lab/places.ts";
import { startStandIns } from "../../lab/stand-ins/start.ts";
import type { BenchLab } from "./bench-lab.ts";

/** A copy of this project whose stack local has any number of clusters and nothing else to provision. */
export interface PlanProject {
  readonly config: StackConfig;
  /** The stack with a program, in an engine folder of its own; all share the stand-ins. */
  readonly open: (program: Program, folder: string) => Promise<StackHandle>;
  readonly stop: () => Promise<void>;
}

export async function planProject(
  lab: BenchLab,
  options: { readonly folder: string; readonly engine: Engine; readonly clusters: number },
): Promise<PlanProject> {
  const { folder, engine, clusters } = options;
  const { checkout } = lab.directories;
  const project = join(folder, "project");
  mkdirSync(join(project, "stacks"), { recursive: true });
  copyFileSync(join(checkout, "Pulumi.yaml"), join(project, "Pulumi.yaml"));
  const stack = parseDocument(readFileSync(join(checkout, "stacks", "Pulumi.local.yaml"), "utf8"));
  // Nothing but AdmissionPolicies, whose resources grow with the clusters.
  for (const key of [
    "ghcrRepository",
    "ciSecrets",
    "buildRunners",
    "keyBroker",
    "confidentialSigner",
    "signerRelease",
    "gcp",
  ]) {
    stack.deleteIn(["config", `${projectName}:${key}`]);
  }
  stack.setIn(
    ["config", `${projectName}:clusters`],
    Array.from({ length: clusters }, (_, number) => ({ name: `cluster-${number}` })),
  );
  writeFileSync(join(project, "stacks", "Pulumi.local.yaml"), stack.toString());
  const standIns = await startStandIns({
    stack: "local",
    project: projectName,
    mode: "local",
    journalFile: join(folder, "journal.jsonl"),
    kubernetes: { kind: "files", directory: join(folder, "rendered") },
  });
  return {
    config: readYamlConfig("local", { ...lab.directories, checkout: project }),
    open: (program, name) =>
      openStack({
        engine,
        checkout: project,
        stack: "local",
        program,
        folder: join(folder, name),
        passphrase: localPassphrase,
        attach: standIns.debugProviders,
        environment: lab.environment,
      }),
    stop: () => standIns.stop(),
  };
}
