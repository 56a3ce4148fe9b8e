import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { Failure } from "../../src/core/failure.ts";
import { findEngine } from "../../src/engine/find-engine.ts";
import type { Engine } from "../../src/engine/find-engine.ts";
import type { BenchContext } from "../entry.ts";

/** The pinned engine, or why it can't be had here. */
export async function benchEngine(context: BenchContext): Promise<Engine | { readonly missing: string }> {
  const { checkout, environment, signal, progress } = context;
  try {
    return await findEngine({ directories: directoriesOf(checkout, environment), environment, progress, signal });
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "ENGINE_NOT_FOUND") throw error;
    return { missing: error.message };
  }
}
