import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { writeWhole } from "../../src/adapters/files/write-whole.ts";
import { freePorts, portIsFree } from "./ports.ts";

const portsSchema = z.record(z.string(), z.int().min(1).max(65_535));

/**
 * The loopback ports of the last start, so that a restart keeps addresses; new ones for services that have none yet,
 * and where another program took a port while its service was down (`isDown`). `moved` says that an address changed.
 */
export async function keptPorts<Name extends string>(
  path: string,
  names: readonly Name[],
  isDown: (name: Name) => boolean,
): Promise<{ readonly ports: Readonly<Record<Name, number>>; readonly moved: boolean }> {
  const kept = readPorts(path);
  const fresh = await freePorts(names.length);
  const ports: Record<string, number> = {};
  for (const [index, name] of names.entries()) {
    const old = kept[name];
    const usable = old !== undefined && (!isDown(name) || (await portIsFree(old)));
    ports[name] = usable ? old : (fresh[index] ?? 0);
  }
  writeWhole(path, `${JSON.stringify(ports)}\n`);
  const moved = names.some((name) => kept[name] !== undefined && kept[name] !== ports[name]);
  return { ports: ports as Record<Name, number>, moved };
}

function readPorts(path: string): Readonly<Record<string, number>> {
  if (!existsSync(path)) return {};
  try {
    return portsSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    // Damaged: new ports are chosen, as at the first start.
    return {};
  }
}
