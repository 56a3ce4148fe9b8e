/**
 * DSSE's pre-authentication encoding: the bytes that an envelope's signature covers (DSSE v1, protocol.md). Lengths
 * count bytes, of the type too.
 */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Buffer<ArrayBuffer> {
  const type = Buffer.from(payloadType, "utf8");
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload]);
}
