import { cidrContains, parseCidr } from "../../src/core/cidr.ts";
import type { Cidr } from "../../src/core/cidr.ts";
import { sha256Hex } from "../../src/core/oci/digest.ts";

/** IPv4 ranges in CIDR form and firewall rules' numbers, as settings name them. Pure. */

/** Compute Engine's firewalls here are for IPv4. */
function parseRange(text: string): Cidr | undefined {
  const range = parseCidr(text);
  return range?.family === 4 ? range : undefined;
}

/** How many bits a range fixes; undefined for a text that is no range, or has host bits set. */
export function prefixLength(text: string): number | undefined {
  return parseRange(text)?.prefix;
}

/** Whether every address of `inner` lies in `outer`. A single address is a range of /32. */
export function rangeContains(outer: string, inner: string): boolean {
  const one = parseRange(outer);
  const other = parseRange(inner);
  return one !== undefined && other !== undefined && cidrContains(one, other);
}

/** RFC 1918. */
const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

export function isPrivateRange(text: string): boolean {
  return privateRanges.some((range) => rangeContains(range, text));
}

interface Destination {
  readonly hosts?: readonly string[] | undefined;
  readonly ranges?: readonly string[] | undefined;
  readonly ports: readonly number[];
}

/** Whether a destination lets a host, by name or by address, be reached at a port. */
export function hostsAndRangesCover(destinations: readonly Destination[], host: string, port: number): boolean {
  return destinations.some(
    ({ hosts, ranges, ports }) =>
      ports.includes(port) &&
      (hosts?.includes(host) === true || ranges?.some((range) => rangeContains(range, `${host}/32`)) === true),
  );
}

/**
 * A rule's priority follows from its name: rules of one policy must differ in it, and a position in the list would move
 * when another entry comes or goes, onto a number that is still taken. From 1000 to 60,999.
 */
export function rulePriority(name: string): number {
  return 1000 + (Number.parseInt(sha256Hex(name).slice(0, 12), 16) % 60_000);
}
