/** The bytes of a response, read as they come; undefined, with the connection closed, once there are more than allowed. */
export async function readCapped(response: Response, maxBytes: number): Promise<Uint8Array | undefined> {
  const { body } = response;
  if (body === null) return new Uint8Array();
  const declared = response.headers.get("content-length");
  if (declared !== null && Number(declared) > maxBytes) {
    await body.cancel();
    return undefined;
  }
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    total += value.length;
    if (total > maxBytes) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(value);
  }
  return Uint8Array.from(Buffer.concat(chunks, total));
}
