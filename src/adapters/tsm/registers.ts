import { join } from "node:path";
import { reasonOf } from "../../core/failure.ts";
import type { TdMeasurements } from "../../core/tdx/contract.ts";
import { isZeroHex } from "../../core/zero-hex.ts";
import { readAttribute } from "./read-attribute.ts";
import { tsmFailure } from "./tsm-failure.ts";

const registerBytes = 48;

/**
 * One measurement register as the kernel tells it now (Linux 6.16, Documentation/ABI/testing/sysfs-devices-virtual-misc-tdx_guest),
 * below `root`: 96 hex digits. Only a quote proves it to others. Throws TSM_REGISTERS.
 */
export async function readRegister(root: string, name: keyof TdMeasurements): Promise<string> {
  const path = join(root, "sys", "devices", "virtual", "misc", "tdx_guest", "measurements", `${name}:sha384`);
  let bytes: Uint8Array;
  try {
    bytes = await readAttribute(path, registerBytes);
  } catch (error) {
    throw tsmFailure("TSM_REGISTERS", `The kernel does not tell ${name.toUpperCase()}: ${reasonOf(error)}.`, error);
  }
  if (bytes.length === registerBytes) return Buffer.from(bytes).toString("hex");
  throw tsmFailure("TSM_REGISTERS", `${name.toUpperCase()} has ${bytes.length} bytes, not ${registerBytes}.`);
}

/**
 * For what must not go on in a domain whose RTMR3 was extended: a policy demands zero, so that nothing that ran after the boot
 * has a say in it. Throws TSM_RTMR3_EXTENDED, TSM_REGISTERS.
 */
export async function requireRtmr3Untouched(root: string): Promise<void> {
  const rtmr3 = await readRegister(root, "rtmr3");
  if (isZeroHex(rtmr3)) return;
  throw tsmFailure("TSM_RTMR3_EXTENDED", `RTMR3 is ${rtmr3}: something extended it after the boot.`);
}
