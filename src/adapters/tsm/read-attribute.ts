import { open } from "node:fs/promises";

/**
 * Reads a file of sysfs or configfs to its end: the size that such files claim is no size. Throws what node:fs throws, and
 * EFBIG for more than `most` bytes.
 */
export async function readAttribute(path: string, most: number): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(most + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) return buffer.subarray(0, length);
      length += bytesRead;
    }
    throw Object.assign(new Error(`more than ${most} bytes`), { code: "EFBIG" });
  } finally {
    await file.close();
  }
}
