import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { freePorts, portIsFree } from "../processes/ports.ts";
import { writeWhole } from "./credentials.ts";

const port = z.int().min(1).max(65_535);
const portsSchema = z.strictObject({ etcdClient: port, etcdPeer: port, apiServer: port });
/** Loopback TCP ports of one control plane. */
export type ControlPlanePorts = z.infer<typeof portsSchema>;

/**
 * The ports of the last start, so that a restart keeps the API server's address. New ones are chosen (and kept) on the
 * first start, and when `mayMove` says that a port's own service is down while another program holds it.
 */
export async function controlPlanePorts(
  path: string,
  mayMove: Readonly<Record<keyof ControlPlanePorts, boolean>>,
): Promise<{ ports: ControlPlanePorts; moved: boolean }> {
  const kept = readPorts(path);
  const [first = 0, second = 0, third = 0] = await freePorts(3);
  const fresh: ControlPlanePorts = { etcdClient: first, etcdPeer: second, apiServer: third };
  if (kept === undefined) {
    writeWhole(path, `${JSON.stringify(fresh)}\n`);
    return { ports: fresh, moved: false };
  }
  const choose = async (name: keyof ControlPlanePorts): Promise<number> =>
    mayMove[name] && !(await portIsFree(kept[name])) ? fresh[name] : kept[name];
  const ports: ControlPlanePorts = {
    etcdClient: await choose("etcdClient"),
    etcdPeer: await choose("etcdPeer"),
    apiServer: await choose("apiServer"),
  };
  const moved = JSON.stringify(ports) !== JSON.stringify(kept);
  if (moved) writeWhole(path, `${JSON.stringify(ports)}\n`);
  return { ports, moved };
}

function readPorts(path: string): ControlPlanePorts | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const parsed = portsSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
