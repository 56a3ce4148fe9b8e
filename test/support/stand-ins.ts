import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startStandIns } from "../../lab/stand-ins/start.ts";
import type { KubernetesTarget, StandIns } from "../../lab/stand-ins/start.ts";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { findEngine } from "../../src/engine/find-engine.ts";
import { openStack } from "../../src/engine/open-stack.ts";
import type { StackHandle } from "../../src/engine/open-stack.ts";
import type { Program } from "../../src/engine/program.ts";

/** A project in a folder of its own, with stand-ins that outlive each of its stacks. */
export interface Bench {
  readonly folder: string;
  readonly journalFile: string;
  /** Where Kubernetes objects are rendered to, unless the bench has an API server. */
  readonly rendered: string;
  readonly standIns: StandIns;
  stack(program: Program, name?: string): Promise<StackHandle>;
  /** The state file of a stack, as text: what a thief of the disk would read. */
  stateText(stack?: string): string;
  renderedFiles(): Promise<string[]>;
  /** Stops the stand-ins and starts others on the same journal. */
  restart(mode?: "local" | "preview", kubernetes?: KubernetesTarget): Promise<void>;
  close(): Promise<void>;
}

export interface BenchOptions {
  readonly stack?: string;
  readonly project?: string;
  readonly mode?: "local" | "preview";
  readonly kubernetes?: KubernetesTarget;
}

/** The project that the stand-ins serve; the engine's project may be another, to see it refused. */
export const benchProject = "bench";

export async function standInsBench(options: BenchOptions = {}): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), "neko-trust-stand-ins-"));
  const project = join(folder, "project");
  await mkdir(project);
  await writeFile(
    join(project, "Pulumi.yaml"),
    `name: ${options.project ?? benchProject}\nruntime: nodejs\ndescription: made by a test\n`,
  );
  for (const stack of ["local", "staging"]) await writeFile(join(project, `Pulumi.${stack}.yaml`), "config: {}\n");
  const journalFile = join(folder, "journal.jsonl");
  const rendered = join(folder, "rendered");
  const usual = options.kubernetes ?? { kind: "files", directory: rendered };
  const start = (mode: "local" | "preview", kubernetes: KubernetesTarget): Promise<StandIns> =>
    startStandIns({
      stack: options.stack ?? "local",
      project: benchProject,
      mode,
      journalFile,
      kubernetes,
    });
  const checkout = fileURLToPath(new URL("../../", import.meta.url));
  const engine = await findEngine({ directories: directoriesOf(checkout, process.env), environment: process.env });
  let standIns = await start(options.mode ?? "local", usual);
  return {
    folder,
    journalFile,
    rendered,
    get standIns() {
      return standIns;
    },
    stack: (program, name = "local") =>
      openStack({
        engine,
        checkout: project,
        stack: name,
        program,
        folder: join(folder, "engine"),
        passphrase: "test",
        // Saved plans.
        variables: { PULUMI_EXPERIMENTAL: "true" },
        attach: standIns.debugProviders,
        environment: process.env,
      }),
    stateText: (stack = "local") =>
      readFileSync(
        join(folder, "engine/backend/.pulumi/stacks", options.project ?? benchProject, `${stack}.json`),
        "utf8",
      ),
    renderedFiles: async () => (await readdir(rendered).catch(() => [])).sort(),
    async restart(mode = "local", kubernetes = usual) {
      await standIns.stop();
      standIns = await start(mode, kubernetes);
    },
    async close() {
      await standIns.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
