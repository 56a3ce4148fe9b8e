import { sha256Hex } from "../../src/core/oci/digest.ts";
import { labMachine } from "../tdx/lab-machine.ts";
import { sampleProduct } from "./sample-defaults.ts";
import type { SampleProduct } from "./sample-defaults.ts";
import { signerDisk } from "./signer-disk.ts";

/** What the manifest says of the machine that boots a disk. */
function machineOf(disk: Uint8Array): NonNullable<SampleProduct["signer"]> {
  const { rtmr1, rtmr2 } = labMachine(disk).measurements;
  return { disk: { sha256: sha256Hex(disk) }, measurements: { model: "neko-lab", rtmr1, rtmr2 } };
}

/** The confidential signer's own release: a stream of its own, which stack local verifies first. */
export const signerProduct: SampleProduct = {
  name: "neko-trust-signer",
  attribute: "signer-image",
  signer: machineOf(signerDisk()),
};

/** A disk that no release of the signer has. */
export const otherDisk: Uint8Array = Buffer.from("NEKO-LAB another disk\n");

/** The application, with measurements of the machine that boots the other disk in its manifest. */
export const vouchingProduct: SampleProduct = { ...sampleProduct, signer: machineOf(otherDisk) };
