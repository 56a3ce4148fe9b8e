/**
 * Reads DER (X.690), as far as Intel's certificates and revocation lists need it, and nothing that is not DER: one form of
 * every length and number, no indefinite lengths, no tags of several bytes, nothing left over. Whoever signs over two
 * readings of one text must not find two readers here.
 */

export interface DerElement {
  /** The tag's byte: class, whether it is constructed, and number. */
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag, length and content. */
  readonly whole: Uint8Array;
}

export const derTags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

const longForm = 0x80;

function elementAt(bytes: Uint8Array, at: number): { readonly element: DerElement; readonly end: number } {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new Error("it ends in the middle of an element");
  if ((tag & 0x1f) === 0x1f || tag === 0) throw new Error(`it has a tag that is not used here, ${tag}`);
  let start = at + 2;
  let length = first;
  if (first >= longForm) {
    const count = first - longForm;
    // Three bytes are 16 MiB, more than anything that is read here.
    if (count === 0 || count > 3) throw new Error("it has a length of a form that is not used here");
    length = 0;
    for (let index = 0; index < count; index++) length = length * 256 + (bytes[start + index] ?? 0);
    start += count;
    if (length < (count === 1 ? 128 : 256 ** (count - 1)))
      throw new Error("it has a length that is not in its shortest form");
  }
  const end = start + length;
  if (end > bytes.length) throw new Error("it ends in the middle of an element");
  return { element: { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) }, end };
}

/** The one element that the bytes are. Throws an Error whose message goes on after "it". */
export function readDer(bytes: Uint8Array, tag?: number): DerElement {
  const { element, end } = elementAt(bytes, 0);
  if (end !== bytes.length) throw new Error("it has bytes after its end");
  return tag === undefined ? element : tagged(element, tag);
}

/** The parts of a constructed element. */
export function derParts({ content }: DerElement): DerElement[] {
  const parts: DerElement[] = [];
  for (let at = 0; at < content.length;) {
    const { element, end } = elementAt(content, at);
    parts.push(element);
    at = end;
  }
  return parts;
}

/** That element, if it is there and has that tag. */
export function tagged(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw new Error(`it has ${element?.tag ?? "nothing"} where a tag of ${tag} belongs`);
  return element;
}

/** The content of an INTEGER that is not negative, without a sign's leading zero. */
export function derUnsigned(element: DerElement | undefined, tag: number = derTags.integer): Uint8Array {
  const { content } = tagged(element, tag);
  const [first, second] = content;
  if (first === undefined) throw new Error("it has a number without bytes");
  if (first >= 0x80) throw new Error("it has a negative number");
  if (first !== 0 || content.length === 1) return content;
  if (second !== undefined && second < 0x80) throw new Error("it has a number that is not in its shortest form");
  return content.subarray(1);
}

/** A number from 0 to `most`. */
export function derNumber(element: DerElement | undefined, most: number): number {
  const bytes = derUnsigned(element);
  const value = bytes.length > 4 ? Infinity : bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  if (value > most) throw new Error(`it has a number above ${most}`);
  return value;
}

export function derBoolean(element: DerElement | undefined): boolean {
  const { content } = tagged(element, derTags.boolean);
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
    throw new Error("it has a boolean that is none");
  return content[0] === 0xff;
}

/** Dotted form. */
export function derIdentifier(element: DerElement | undefined): string {
  const { content } = tagged(element, derTags.objectIdentifier);
  const arcs: number[] = [];
  let arc = 0;
  let started = false;
  for (const byte of content) {
    if (!started && byte === 0x80) throw new Error("it has an object identifier that is not in its shortest form");
    arc = arc * 128 + (byte & 0x7f);
    if (arc > 0xffff_ffff) throw new Error("it has an object identifier with too large a number");
    started = byte >= 0x80;
    if (started) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [head, ...rest] = arcs;
  if (head === undefined || started) throw new Error("it has an object identifier without an end");
  const first = Math.min(Math.floor(head / 40), 2);
  return [first, head - first * 40, ...rest].join(".");
}

/** Whole bytes of a BIT STRING. */
export function derBytes(element: DerElement | undefined): Uint8Array {
  const { content } = tagged(element, derTags.bitString);
  if (content[0] !== 0) throw new Error("it has a bit string that is not of whole bytes");
  return content.subarray(1);
}

/** Whether that bit of a named bit list is set (X.690, section 11.2.2). */
export function derBits(element: DerElement): (bit: number) => boolean {
  const { content } = tagged(element, derTags.bitString);
  const [unused] = content;
  const last = content.at(-1) ?? 0;
  if (unused === undefined || unused > 7 || (content.length === 1 && unused > 0))
    throw new Error("it has a malformed bit string");
  if (content.length > 1 && (last & ((1 << unused) - 1)) !== 0)
    throw new Error("it has a bit string with bits after its end");
  return (bit) => (((content[1 + (bit >> 3)] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
}

const timeForms: Readonly<Record<number, RegExp>> = {
  [derTags.utcTime]: /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/,
  [derTags.generalizedTime]: /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/,
};

/** A time as certificates and lists have it: whole seconds, UTC (RFC 5280, section 4.1.2.5). */
export function derTime(element: DerElement | undefined): Date {
  const text = Buffer.from(element?.content ?? []).toString("latin1");
  const [, year = "", month, day, hour, minute, second] = timeForms[element?.tag ?? 0]?.exec(text) ?? [];
  const century = year.length === 4 ? "" : Number(year) >= 50 ? "19" : "20";
  const iso = `${century}${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = new Date(iso);
  if (Number.isNaN(time.getTime()) || time.toISOString() !== iso) throw new Error("it has a time that is none");
  return time;
}
