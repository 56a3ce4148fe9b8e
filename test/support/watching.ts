import type { Digest } from "../../src/core/oci/digest.ts";
import type { MachineFacts } from "../../src/operations/attested-key/machine-facts.ts";
import type { Offered } from "../../src/operations/attested-key/watch.ts";
import { sampleDigest } from "./policies.ts";

/** What a watching signer could know of its machine. */
export const sampleMachine: MachineFacts = {
  mrtd: "a".repeat(96),
  rtmr0: "b".repeat(96),
  rtmr1: "c".repeat(96),
  rtmr2: "d".repeat(96),
  rtmr3: "0".repeat(96),
  ppid: "e".repeat(32),
  fmspc: "f".repeat(12),
  tcbStatus: "UpToDate",
  advisories: [],
  evaluation: 20,
  policy: sampleDigest("9"),
};

/** What a registry offers that answers for all of its tags, unless said otherwise. */
export function offering(images: readonly (readonly [string, Digest])[], rest: Partial<Offered> = {}): Offered {
  return { images: new Map(images), silent: new Map(), leftOut: 0, complete: true, ...rest };
}
