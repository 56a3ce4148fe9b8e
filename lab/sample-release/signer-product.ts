import { createHash } from "node:crypto";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import type { SampleProduct } from "./sample-defaults.ts";

/** What the lab has in place of a disk image: a file that no machine boots, and that says so. */
export function signerDisk(): Buffer {
  return Buffer.from("NEKO-LAB-NOT-A-DISK\n".repeat(3_000));
}

/** In place of what a machine would measure. */
function measurement(register: string): string {
  return createHash("sha384").update(`NEKO-LAB ${register}\0`).update(signerDisk()).digest("hex");
}

/** The confidential signer's own release: a stream of its own, which stack local verifies first. */
export const signerProduct: SampleProduct = {
  name: "neko-trust-signer",
  attribute: "signer-image",
  signer: {
    disk: { sha256: sha256Hex(signerDisk()) },
    measurements: { model: "neko-lab", rtmr1: measurement("rtmr1"), rtmr2: measurement("rtmr2") },
  },
};
