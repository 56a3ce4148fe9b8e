import type { OperationResult, StackHandle } from "../../src/engine/open-stack.ts";

/** A plan that creates so many resources; throws when it would do anything else. */
export async function planned(stack: StackHandle, resources: number, signal: AbortSignal): Promise<OperationResult> {
  const result = await stack.preview({ signal });
  const { create, ...others } = result.summary;
  if (create !== resources || Object.keys(others).length > 0) {
    throw new Error(`planned ${JSON.stringify(result.summary)}, not ${resources} creations`);
  }
  return result;
}
