import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { ensureTool } from "../../src/adapters/toolchain/tool.ts";
import type { PinnedTool } from "../../src/adapters/toolchain/tool.ts";
import { Failure } from "../../src/core/failure.ts";
import type { BenchContext } from "../entry.ts";

/** The tool's program, built when it is not cached; or why it can't be had here, for which a benchmark is skipped. */
export async function benchTool(
  tool: PinnedTool,
  { checkout, environment, signal, progress }: BenchContext,
): Promise<{ readonly path: string } | { readonly missing: string }> {
  try {
    return await ensureTool(tool, { directories: directoriesOf(checkout, environment), environment, progress, signal });
  } catch (error) {
    if (!(error instanceof Failure) || !error.code.startsWith("GO_")) throw error;
    return { missing: `${tool.name} can't be built: ${error.message}` };
  }
}
