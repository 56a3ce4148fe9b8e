import { createHash } from "node:crypto";
import type { Resource } from "./provider.ts";
import { masked } from "./wire/values.ts";
import type { ValueMap } from "./wire/values.ts";

/**
 * Values that a recorded resource "has": a pure function of the resource's URN, so that every run shows the same
 * ones, and made so that nobody takes them for real: hosts under `.invalid` (RFC 2606, never resolved), numbers that
 * begin with 99, addresses of RFC 5737, times of 1970.
 */
export interface LabValues {
  /** Hexadecimal characters of a hash over URN and purpose. */
  hex(purpose: string, length: number): string;
  /** A whole number of twelve digits that begins with 99. */
  number(purpose: string): number;
  /** An address in 203.0.113.0/24, the block that is kept for documentation. */
  address(purpose: string): string;
  readonly time: string;
}

export function labValues(urn: string): LabValues {
  const digest = (purpose: string): Buffer => createHash("sha256").update(`${urn}\0${purpose}`).digest();
  return {
    hex: (purpose, length) => digest(purpose).toString("hex").slice(0, length),
    number: (purpose) => 990_000_000_000 + (digest(purpose).readUIntBE(0, 6) % 10_000_000_000),
    address: (purpose) => `203.0.113.${1 + (digest(purpose).readUInt8(0) % 254)}`,
    time: "1970-01-01T00:00:00Z",
  };
}

/**
 * An id for a resource that has no natural one: the same in every run, another for the resource that replaces it.
 * `identity` holds the inputs whose change replaces; secrets among them don't count, as ids are kept in clear.
 */
export function labId(resource: Resource, identity: ValueMap): string {
  return `lab-${labValues(resource.urn).hex(`id ${JSON.stringify(masked(identity))}`, 16)}`;
}
