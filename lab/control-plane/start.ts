import type { Directories } from "../../src/adapters/directories/directories.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../src/adapters/toolchain/tool.ts";
import { startServers } from "./servers.ts";
import type { RunningControlPlane } from "./servers.ts";

export interface ControlPlaneOptions {
  readonly directories: Directories;
  /** For the builds of the two tools: PATH with Go, HOME and the like. The servers themselves inherit nothing. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly progress?: (line: string) => void;
}

/**
 * Builds etcd and kube-apiserver where the cache has none, starts them (or finds them running) and returns when the
 * API server is ready. Throws GO_MISSING and the like (the builds), SERVICE_FAILED or PORT_TAKEN.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<RunningControlPlane> {
  const progress = options.progress ?? (() => undefined);
  const how = { directories: options.directories, environment: options.environment, progress };
  const etcd = await ensureTool(pinnedTools.etcd, how);
  const kubeApiserver = await ensureTool(pinnedTools.kubeApiserver, how);
  return startServers({ etcd: etcd.path, kubeApiserver: kubeApiserver.path }, options.directories, progress);
}
