import type { HttpResponse } from "./http-fetch.ts";

const firstBytes = 64 * 1024;

/** The bytes of a response, read as they come; undefined, with the connection closed, once there are more than allowed. */
export async function readCapped(response: HttpResponse, maxBytes: number): Promise<Uint8Array | undefined> {
  const { body } = response;
  if (body === null) return new Uint8Array();
  if (await refusedAsLonger(response, maxBytes)) return undefined;
  const declared = Number(response.headers.get("content-length") ?? firstBytes);
  // One buffer that grows: chunks may be a byte each, and keeping them would cost a hundred times what they hold. What is
  // announced may be a lie, so that no more is set aside for it.
  let held = new Uint8Array(Math.min(declared > 0 ? declared : firstBytes, firstBytes, maxBytes));
  let total = 0;
  for await (const value of body) {
    const needed = total + value.length;
    // Leaving the loop closes the connection.
    if (needed > maxBytes) return undefined;
    if (needed > held.length) {
      const larger = new Uint8Array(Math.min(Math.max(held.length * 2, needed), maxBytes));
      larger.set(held.subarray(0, total));
      held = larger;
    }
    held.set(value, total);
    total = needed;
  }
  return total === held.length ? held : held.slice(0, total);
}

/** Whether a body is announced as longer than allowed; the connection is then closed. */
export async function refusedAsLonger(response: HttpResponse, maxBytes: number): Promise<boolean> {
  const declared = response.headers.get("content-length");
  if (declared === null || Number(declared) <= maxBytes) return false;
  await response.body?.cancel();
  return true;
}
