import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { rootUpdateAction } from "../../src/cli/actions/root-update.ts";
import type { RootUpdateOptions } from "../../src/cli/actions/root-update.ts";
import type { Outcome } from "../../src/cli/outcome.ts";
import type { Failure } from "../../src/core/failure.ts";
import { failureFrom } from "./failures.ts";
import type { ReleaseLab } from "./release-lab.ts";
import { stackLab } from "./stack-lab.ts";
import type { StackLab } from "./stack-lab.ts";
import { serveTuf } from "./tuf-server.ts";
import type { TufServer } from "./tuf-server.ts";

/** A checkout whose stack local pins the lab's root, and a TUF repository that offers a root. */
export interface RootUpdateRig {
  readonly stack: StackLab;
  readonly tuf: TufServer;
  readonly rootFile: string;
  readonly options: RootUpdateOptions;
  readonly run: (options?: RootUpdateOptions) => Promise<Outcome>;
  /** The Failure of a run that must leave both files as they are, and no temporary folder. */
  readonly refusal: (options?: RootUpdateOptions) => Promise<Failure>;
}

export async function rootUpdateRig(t: TestContext, lab: ReleaseLab, offered: Uint8Array): Promise<RootUpdateRig> {
  const stack = await stackLab(t, lab);
  const tuf = await serveTuf(t, offered);
  const rootFile = join(stack.context.directories.checkout, "trusted_root.json");
  const options = { tufMirror: tuf.mirror, tufRoot: tuf.rootFile };
  const run: RootUpdateRig["run"] = (more = {}) => rootUpdateAction("local", { ...options, ...more }, stack.context);
  const refusal: RootUpdateRig["refusal"] = async (more) => {
    const before = [stack.text(), existsSync(rootFile) ? readFileSync(rootFile) : undefined];
    const failure = await failureFrom(run(more));
    assert.deepEqual([stack.text(), existsSync(rootFile) ? readFileSync(rootFile) : undefined], before);
    return failure;
  };
  return { stack, tuf, rootFile, options, run, refusal };
}
