/** Ranges of IP addresses, as firewalls and network policies name them: `192.0.2.0/24`, `2001:db8::/32`. */
export interface Cidr {
  readonly family: 4 | 6;
  /** The range's first address. */
  readonly first: bigint;
  readonly prefix: number;
}

const width = { 4: 32, 6: 128 } as const;

/**
 * Reads a range; undefined for anything else, also for one whose address has bits behind the prefix: `10.0.0.1/8` is
 * more likely a mistake than a range, and systems differ in what they make of it.
 */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", length = "", ...rest] = text.split("/");
  if (rest.length > 0 || !/^(?:0|[1-9][0-9]{0,2})$/.test(length)) return undefined;
  const family = address.includes(":") ? 6 : 4;
  const first = family === 4 ? parseFour(address) : parseSix(address);
  const prefix = Number(length);
  if (first === undefined || prefix > width[family]) return undefined;
  const behind = BigInt(width[family] - prefix);
  return (first >> behind) << behind === first ? { family, first, prefix } : undefined;
}

/** Whether every address of `inner` is one of `outer`. */
export function cidrContains(outer: Cidr, inner: Cidr): boolean {
  if (outer.family !== inner.family || outer.prefix > inner.prefix) return false;
  const behind = BigInt(width[outer.family] - outer.prefix);
  return outer.first >> behind === inner.first >> behind;
}

function parseFour(text: string): bigint | undefined {
  const parts = text.split(".");
  // No leading zeros: some systems read them as octal (CVE-2021-29921).
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return parts.reduce((sum, part) => (sum << 8n) + BigInt(part), 0n);
}

function parseSix(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: tail === undefined ? 0 : missing }, () => "0"), ...(tail ?? [])];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return groups.reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}
