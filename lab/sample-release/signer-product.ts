import { sha256Hex } from "../../src/core/oci/digest.ts";
import { labMachine } from "../tdx/lab-machine.ts";
import type { SampleProduct } from "./sample-defaults.ts";
import { signerDisk } from "./signer-disk.ts";

const { rtmr1, rtmr2 } = labMachine().measurements;

/** The confidential signer's own release: a stream of its own, which stack local verifies first. */
export const signerProduct: SampleProduct = {
  name: "neko-trust-signer",
  attribute: "signer-image",
  signer: {
    disk: { sha256: sha256Hex(signerDisk()) },
    measurements: { model: "neko-lab", rtmr1, rtmr2 },
  },
};
