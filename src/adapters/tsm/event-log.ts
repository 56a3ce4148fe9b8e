import { join } from "node:path";
import { reasonOf } from "../../core/failure.ts";
import { eventLogLimits } from "../../core/tdx/parse-event-log.ts";
import { readAttribute } from "./read-attribute.ts";
import { tsmFailure } from "./tsm-failure.ts";

/** An ACPI table has a header of 36 bytes; CCEL 20 more (ACPI 6.5, section 5.2.34). */
const tableBytes = 56;
const intelTdx = 2;

/**
 * The guest's event log, as the firmware left it: below `root`, sys/firmware/acpi/tables/{CCEL,data/CCEL}. Throws
 * TSM_EVENT_LOG when there is none, when the table is not of Intel TDX, or when the log is larger than any.
 */
export async function readEventLog(root: string): Promise<Uint8Array> {
  const tables = join(root, "sys", "firmware", "acpi", "tables");
  const table = Buffer.from(await read(join(tables, "CCEL"), 4096));
  if (table.length < tableBytes || table.toString("latin1", 0, 4) !== "CCEL") {
    throw tsmFailure("TSM_EVENT_LOG", "The firmware's table CCEL is none.");
  }
  if (table[36] !== intelTdx) {
    throw tsmFailure("TSM_EVENT_LOG", `The firmware's event log is of technology ${table[36]}, not of Intel TDX (2).`);
  }
  return read(join(tables, "data", "CCEL"), eventLogLimits.bytes);
}

async function read(path: string, most: number): Promise<Uint8Array> {
  try {
    return await readAttribute(path, most);
  } catch (error) {
    throw tsmFailure("TSM_EVENT_LOG", `The event log can't be read: ${reasonOf(error)}.`, error);
  }
}
