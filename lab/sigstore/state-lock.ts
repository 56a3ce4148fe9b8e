import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../../src/core/failure.ts";

/** Locks a state folder for this process; returns what unlocks it. A lock whose process is gone is taken over. */
export function lockState(stateDirectory: string): () => void {
  const file = join(stateDirectory, "serving.pid");
  const mine = join(stateDirectory, `serving.${process.pid}.new`);
  writeFileSync(mine, `${process.pid}\n`);
  try {
    for (const attempt of [1, 2]) {
      try {
        linkSync(mine, file); // fails when the file is there: one process only can win
        return () => {
          rmSync(file, { force: true });
        };
      } catch {
        const holder = Number(readText(file));
        if (attempt === 2 || isAlive(holder)) throw running(stateDirectory, holder);
        rmSync(file, { force: true });
      }
    }
    throw running(stateDirectory, 0);
  } finally {
    rmSync(mine, { force: true });
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
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
