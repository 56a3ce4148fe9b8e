import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { Failure, reasonOf } from "../../core/failure.ts";
import { goEnvironment, requireGo } from "./go.ts";
import type { Environment } from "./go.ts";

const run = promisify(execFile);

/** A Go module that is read, not built: its charts and custom resource definitions. */
export interface PinnedModule {
  /** The module's path, for example `github.com/kyverno/kyverno`. */
  readonly path: string;
  /** The folder of the go.mod and go.sum that pin it, relative to the checkout. */
  readonly pinnedBy: string;
}

export interface ModuleFolder {
  /** The module's files in Go's module cache: read-only, checked against go.sum. */
  readonly folder: string;
  /** With its v, for example `v1.19.1`. */
  readonly version: string;
}

/**
 * The folder of a pinned module in Go's module cache, downloaded first when it is not there.
 * @throws Failure GO_MISSING, GO_TOO_OLD, MODULE_UNAVAILABLE
 */
export async function moduleFolder(
  module: PinnedModule,
  options: { readonly checkout: string; readonly environment: Environment },
): Promise<ModuleFolder> {
  const directory = join(options.checkout, module.pinnedBy);
  await requireGo(directory, module.path, options.environment);
  const args = ["mod", "download", "-json", module.path];
  const { stdout } = await run("go", args, { cwd: directory, env: goEnvironment(options.environment) }).catch(
    (cause: unknown) => {
      throw unavailable(module, reasonOf(cause), cause);
    },
  );
  const { Dir: folder, Version: version } = JSON.parse(stdout) as { readonly Dir?: string; readonly Version?: string };
  if (folder === undefined || version === undefined) throw unavailable(module, "go told no folder of it");
  return { folder, version };
}

function unavailable(module: PinnedModule, reason: string, cause?: unknown): Failure {
  return new Failure(
    {
      code: "MODULE_UNAVAILABLE",
      kind: "unavailable",
      message: `The Go module ${module.path}, pinned in ${module.pinnedBy}/go.mod, can't be had: ${reason.slice(0, 400)}`,
      remedy: "Check the network or GOPROXY, then try again; a checksum that differs from go.sum is no accident.",
    },
    { cause },
  );
}
