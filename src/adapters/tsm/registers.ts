import { join } from "node:path";
import { reasonOf } from "../../core/failure.ts";
import { isZeroHex } from "../../core/zero-hex.ts";
import { readAttribute } from "./read-attribute.ts";
import { errnoOf, tsmFailure } from "./tsm-failure.ts";

const registerBytes = 48;

/**
 * RTMR3 as the kernel tells it now (Linux 6.16, Documentation/ABI/testing/sysfs-devices-virtual-misc-tdx_guest), below `root`: 96
 * hex digits; undefined where the kernel shows no registers. Only a quote proves it to others. Throws TSM_REGISTERS.
 */
async function readRtmr3(root: string): Promise<string | undefined> {
  const path = join(root, "sys", "devices", "virtual", "misc", "tdx_guest", "measurements", "rtmr3:sha384");
  let bytes: Uint8Array;
  try {
    bytes = await readAttribute(path, registerBytes);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw tsmFailure("TSM_REGISTERS", `The kernel does not tell RTMR3: ${reasonOf(error)}.`, error);
  }
  if (bytes.length === registerBytes) return Buffer.from(bytes).toString("hex");
  throw tsmFailure("TSM_REGISTERS", `RTMR3 has ${bytes.length} bytes, not ${registerBytes}.`);
}

/**
 * For what must not go on in a domain whose RTMR3 was extended: a policy demands zero, so that nothing that ran after the boot
 * has a say in it. A kernel that shows no registers (before 6.16) says nothing here; the quote then does, to everybody who
 * verifies it. Throws TSM_RTMR3_EXTENDED, TSM_REGISTERS.
 */
export async function requireRtmr3Untouched(root: string): Promise<void> {
  const rtmr3 = await readRtmr3(root);
  if (rtmr3 === undefined || isZeroHex(rtmr3)) return;
  throw tsmFailure("TSM_RTMR3_EXTENDED", `RTMR3 is ${rtmr3}: something extended it after the boot.`);
}
