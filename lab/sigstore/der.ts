/** Writes DER (X.690), as far as certificates and time stamps need it. */

/** One element: tag byte, length, content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const hex = body.length.toString(16);
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, body]);
}

export function sequence(...content: readonly Uint8Array[]): Buffer {
  return element(0x30, ...content);
}

/** SET OF: its elements lie in the order of their bytes (X.690, section 11.6). */
export function setOf(...content: readonly Uint8Array[]): Buffer {
  return element(0x31, ...content.toSorted((a, b) => Buffer.compare(a, b)));
}

/** A non-negative integer, from a number or from big-endian bytes. */
export function integer(value: number | Uint8Array): Buffer {
  const hex = typeof value === "number" ? value.toString(16) : Buffer.from(value).toString("hex");
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  const first = bytes.findIndex((byte) => byte !== 0);
  const trimmed = first < 0 ? Buffer.of(0) : bytes.subarray(first);
  const negative = (trimmed[0] ?? 0) >= 0x80;
  return element(0x02, negative ? Buffer.concat([Buffer.of(0), trimmed]) : trimmed);
}

export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const arcs = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return element(0x06, Buffer.from(arcs));
}

export function octetString(content: Uint8Array): Buffer {
  return element(0x04, content);
}

/** A bit string of whole bytes, or with `unused` bits at its end. */
export function bitString(content: Uint8Array, unused = 0): Buffer {
  return element(0x03, Buffer.of(unused), content);
}

export function utf8String(text: string): Buffer {
  return element(0x0c, Buffer.from(text, "utf8"));
}

export const trueValue: Buffer = element(0x01, Buffer.of(0xff));
export const nullValue: Buffer = element(0x05);

/** [n], constructed: explicit tags, and implicit tags of sequences and sets. */
export function tagged(number: number, ...content: readonly Uint8Array[]): Buffer {
  return element(0xa0 | number, ...content);
}

/** [n], primitive: implicit tags of strings. */
export function taggedPrimitive(number: number, content: Uint8Array): Buffer {
  return element(0x80 | number, content);
}

/** `20261123170000`, always without a fraction: some parsers take three digits of it or none. */
function digits(time: Date): string {
  return time.toISOString().slice(0, 19).replaceAll(/[-:T]/g, "");
}

export function generalizedTime(time: Date): Buffer {
  return element(0x18, Buffer.from(`${digits(time)}Z`));
}

/** As certificates write times: UTCTime until 2049, GeneralizedTime after (RFC 5280, section 4.1.2.5). */
export function certificateTime(time: Date): Buffer {
  return time.getUTCFullYear() < 2050 ? element(0x17, Buffer.from(`${digits(time).slice(2)}Z`)) : generalizedTime(time);
}

/** Down to the whole second. */
export function wholeSecond(time: Date): Date {
  return new Date(Math.floor(time.getTime() / 1000) * 1000);
}
