import { linkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { identityOf, stillRuns } from "../../src/adapters/processes/process-identity.ts";
import { Failure } from "../../src/core/failure.ts";
import { claimPidFile, readPidFile } from "../processes/pid-file.ts";

/**
 * Locks a state folder for this process; returns what unlocks it. A lock whose process is gone is taken over: also one
 * that was killed a moment ago and whose parent has not asked yet, or whose pid another process has by now.
 */
export function lockState(stateDirectory: string): () => void {
  const file = join(stateDirectory, "serving.pid");
  const mine = join(stateDirectory, `serving.${process.pid}.new`);
  rmSync(mine, { force: true });
  const identity = identityOf(process.pid);
  if (identity !== undefined) claimPidFile(mine, identity);
  try {
    for (const attempt of [1, 2]) {
      try {
        linkSync(mine, file); // fails when the file is there: one process only can win
        return () => {
          rmSync(file, { force: true });
        };
      } catch {
        const holder = readPidFile(file);
        const serves = holder !== undefined && stillRuns(holder);
        if (attempt === 2 || serves) throw running(stateDirectory, holder?.pid ?? 0);
        rmSync(file, { force: true });
      }
    }
    throw running(stateDirectory, 0);
  } finally {
    rmSync(mine, { force: true });
  }
}

function running(stateDirectory: string, pid: number): Failure {
  return new Failure({
    code: "LAB_SIGSTORE_RUNNING",
    kind: "unavailable",
    message: `The lab's Sigstore of ${stateDirectory} is running already, as process ${pid}.`,
    remedy: "Use it, or stop it with `make down`.",
  });
}
