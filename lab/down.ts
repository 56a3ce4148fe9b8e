import { existsSync, rmSync } from "node:fs";
import type { LabContext, LabReport } from "./context.ts";
import { stopServers } from "./control-plane/servers.ts";
import { serviceNames } from "./places.ts";
import { stopService } from "./processes/service.ts";

/** `make down`: stops every process of the lab, then removes its state, roots and logs. Built tools stay in the cache. */
export async function labDown(context: LabContext): Promise<LabReport> {
  const { state, run, cache } = context.directories;
  const stopped: string[] = [];
  for (const name of Object.values(serviceNames)) if (await stopService(name, run)) stopped.push(name);
  await stopServers({ run });
  const removed = [state, run].filter((folder) => existsSync(folder));
  for (const folder of removed) rmSync(folder, { recursive: true, force: true });
  return {
    healthy: true,
    lines: [
      stopped.length === 0 ? "nothing was running" : `stopped ${stopped.join(", ")}`,
      removed.length === 0 ? "no state was there" : `removed ${removed.join(" and ")}`,
      `kept the tools in ${cache}`,
    ],
    document: { ok: true, stopped, removed, cache },
  };
}
