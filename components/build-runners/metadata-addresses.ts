import { cidrContains, parseCidr } from "../../src/core/cidr.ts";

/**
 * Where clouds answer for a machine's own credentials: all link-local addresses (169.254.169.254 at most clouds,
 * 169.254.169.252 for GKE's server), and the IPv6 ones of Amazon and Google. No job may reach them.
 */
export const metadataRanges = ["169.254.0.0/16", "fd00:ec2::254/128", "fd20:ce::254/128"] as const;

const blocked = metadataRanges.flatMap((text) => parseCidr(text) ?? []);

/** The metadata ranges inside `cidr`, as a NetworkPolicy's `except` takes them. */
export function metadataWithin(cidr: string): string[] {
  const outer = parseCidr(cidr);
  if (outer === undefined) return [];
  return metadataRanges.filter((_, index) => {
    const inner = blocked[index];
    return inner !== undefined && cidrContains(outer, inner);
  });
}

/** Whether the whole range is one of metadata servers, so that nothing of it could be let through. */
export function isMetadata(cidr: string): boolean {
  const inner = parseCidr(cidr);
  return inner !== undefined && blocked.some((outer) => cidrContains(outer, inner));
}
