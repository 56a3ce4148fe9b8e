import { read } from "node:fs";
import { promisify } from "node:util";

const readInto = promisify(read);

/** Large enough that a call's cost vanishes, small enough to stay in the processor's cache while it is hashed. */
const chunkSize = 1024 * 1024;

/**
 * Reads an open file from its beginning to its end in pieces. While the caller works on one piece, the next is read on
 * another thread. A piece is only valid until the next one is asked for.
 */
export async function* readLargeFile(descriptor: number): AsyncGenerator<Uint8Array, void, undefined> {
  let spare = Buffer.allocUnsafeSlow(chunkSize);
  let position = 0;
  let pending = readInto(descriptor, Buffer.allocUnsafeSlow(chunkSize), 0, chunkSize, position);
  try {
    for (;;) {
      const { bytesRead, buffer } = await pending;
      if (bytesRead === 0) return;
      position += bytesRead;
      pending = readInto(descriptor, spare, 0, chunkSize, position);
      spare = buffer;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    // The descriptor may be closed, and its number given away, only when no read uses it any more.
    await pending.catch(() => undefined);
  }
}
