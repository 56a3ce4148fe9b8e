/** The fields of one protobuf message, by number, in the order of the message. Length-delimited values are views. */
export type ProtobufFields = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>;

const mostFields = 4096;

/**
 * Reads one message of the protocol buffers' wire format (protobuf.dev, "Encoding"): varints as numbers, length-delimited
 * values as bytes, fixed ones as bytes. Undefined where it is malformed: cut, a varint of more than ten bytes or 64 bits, a group,
 * field 0, or more than 4,096 fields.
 */
export function readProtobuf(bytes: Uint8Array): ProtobufFields | undefined {
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  let at = 0;

  function varint(): bigint | undefined {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined) return undefined;
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value < 1n << 64n ? value : undefined;
    }
    return undefined;
  }

  function take(length: bigint | undefined): Uint8Array | undefined {
    if (length === undefined || length > BigInt(bytes.length - at)) return undefined;
    at += Number(length);
    return bytes.subarray(at - Number(length), at);
  }

  /** By the wire type. Groups (3 and 4) are of proto2 alone. */
  function valueOf(type: number): bigint | Uint8Array | undefined {
    switch (type) {
      case 0:
        return varint();
      case 1:
        return take(8n);
      case 2:
        return take(varint());
      case 5:
        return take(4n);
      default:
        return undefined;
    }
  }

  for (let count = 0; at < bytes.length; count += 1) {
    const tag = varint();
    if (tag === undefined || tag >= 1n << 32n || count >= mostFields) return undefined;
    const number = Number(tag >> 3n);
    const value = valueOf(Number(tag & 7n));
    if (value === undefined || number === 0) return undefined;
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}
