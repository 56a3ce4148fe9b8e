import { createHash } from "node:crypto";
import { efiActions } from "../event-type.ts";
import { measureFailure } from "./measure-failure.ts";
import type { UnifiedKernelImage } from "./uki.ts";

/**
 * What is measured between firmware and kernel depends on the version of systemd-stub and on whether the machine has a
 * TPM; a model names one combination (docs/measurements.md tells how to choose):
 *
 * - Up to version 257 the stub gives the kernel to the firmware's LoadImage, which measures it into RTMR1; since version
 *   258 (systemd/systemd#37372) it starts the kernel itself, and the firmware sees the unified image alone.
 * - With a TPM, stub and kernel measure into its PCRs and RTMR2 stays zero; without one, the stub extends RTMR2 by name and
 *   contents of each section (src/boot/measure.c, src/boot/stub.c).
 */
const models = {
  "systemd-stub-vtpm": { kernelByFirmware: true, sections: false },
  "systemd-stub": { kernelByFirmware: true, sections: true },
  "systemd-stub-258-vtpm": { kernelByFirmware: false, sections: false },
  "systemd-stub-258": { kernelByFirmware: false, sections: true },
} as const;
export type MeasurementModel = keyof typeof models;
export const measurementModels = Object.keys(models) as readonly MeasurementModel[];

/** Throws MEASUREMENT_MODEL_UNKNOWN. */
export function requireModel(name: string): MeasurementModel {
  const model = measurementModels.find((known) => known === name);
  if (model !== undefined) return model;
  const known = measurementModels.join(", ");
  throw measureFailure("MEASUREMENT_MODEL_UNKNOWN", `${JSON.stringify(name.slice(0, 60))} is no model: ${known}.`);
}

/** What a release manifest says of a signer's image. */
export interface PredictedMeasurements {
  readonly model: MeasurementModel;
  readonly rtmr1: string;
  readonly rtmr2: string;
}

/** Before the first event, and after none. */
const zeros = "0".repeat(96);

/**
 * RTMR1 and RTMR2 of a machine that boots this image from a disk with this GPT event. Throws UKI_SECTION_UNMODELLED.
 *
 * RTMR1 in order (edk2, TdTcg2Dxe; the same in teepot's rtmr-calc and dstack-mr-gcp): the boot attempt, the separator, the
 * partition table, the image, the kernel by the model, and the two events of ExitBootServices.
 */
export function predictMeasurements(
  model: MeasurementModel,
  gptEvent: Uint8Array,
  image: UnifiedKernelImage,
): PredictedMeasurements {
  const { kernelByFirmware, sections } = models[model];
  const rtmr1 = extended([
    sha384(efiActions.callingApplication),
    sha384(Buffer.alloc(4)),
    sha384(gptEvent),
    image.authenticode,
    ...(kernelByFirmware ? [image.kernelAuthenticode] : []),
    sha384(efiActions.exitBootServices),
    sha384(efiActions.exitBootServicesDone),
  ]);
  return { model, rtmr1, rtmr2: sections ? extended(sectionDigests(image)) : zeros };
}

/**
 * Sections in the order in which the stub measures them (src/fundamental/uki.h), whatever their order in the file. The
 * signature of PCR values (.pcrsig) is not measured, as it signs what the others give.
 */
const measuredSections = [
  ".linux",
  ".osrel",
  ".cmdline",
  ".initrd",
  ".ucode",
  ".splash",
  ".dtb",
  ".uname",
  ".sbat",
  ".pcrpkey",
] as const;
/** What versions treat differently, or choose among at boot. */
const unmodelled = [".profile", ".dtbauto", ".hwids", ".efifw"] as const;

function sectionDigests({ sections }: UnifiedKernelImage): string[] {
  const found = unmodelled.find((name) => sections.has(name));
  if (found !== undefined) {
    const message = `The unified kernel image has a section ${found}, whose measurement differs between versions of the stub.`;
    throw measureFailure("UKI_SECTION_UNMODELLED", message);
  }
  return measuredSections.flatMap((name) => {
    const data = sections.get(name);
    // The stub takes a section without contents for none (PE_SECTION_VECTOR_IS_SET).
    return data === undefined || data.length === 0 ? [] : [sha384(`${name}\0`), sha384(data)];
  });
}

/** A register after these digests (Intel TDX Module Base Architecture Specification, "RTMR: Run-Time Measurement Registers"). */
function extended(digests: readonly string[]): string {
  return digests.reduce((register, digest) => sha384(Buffer.from(register + digest, "hex")), zeros);
}

function sha384(data: string | Uint8Array): string {
  return createHash("sha384").update(data).digest("hex");
}
