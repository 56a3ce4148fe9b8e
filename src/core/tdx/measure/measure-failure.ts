import { Failure } from "../../failure.ts";

/** Why the measurements of an image can't be told; one code per rule. */
export type MeasureFailureCode =
  /** No GUID partition table that firmware would measure as it stands. */
  | "DISK_GPT_INVALID"
  /** Not a PE32+ image for x86-64 whose Authenticode hash every implementation computes alike. */
  | "PE_INVALID"
  /** A unified kernel image without a section that it can't do without, or with one of them twice. */
  | "UKI_SECTION_MISSING"
  /** A section that the stub measures in a way that the chosen model does not know. */
  | "UKI_SECTION_UNMODELLED"
  /** The unified kernel image is not a file in the disk's EFI system partition. */
  | "UKI_NOT_ON_DISK"
  /** A model's name that nobody has described. */
  | "MEASUREMENT_MODEL_UNKNOWN";

const remedies: Readonly<Record<MeasureFailureCode, string>> = {
  DISK_GPT_INVALID: "Make the disk image anew, with one GPT of 128-byte entries and its backup at the image's end.",
  PE_INVALID: "Give the unified kernel image (.efi) as ukify put it out, for x86-64.",
  UKI_SECTION_MISSING: "Give a unified kernel image: systemd-stub with .linux, .cmdline and .initrd, each once.",
  UKI_SECTION_UNMODELLED: "Leave that section out of the image, or use a model with vTPM, where it does not matter.",
  UKI_NOT_ON_DISK: "Give the .efi file that this very disk boots; it must lie there in one piece.",
  MEASUREMENT_MODEL_UNKNOWN: "Give one of the models of docs/measurements.md.",
};

export function measureFailure(code: MeasureFailureCode, message: string): Failure {
  return new Failure({
    code,
    kind: code === "MEASUREMENT_MODEL_UNKNOWN" ? "usage" : "refused",
    message,
    remedy: remedies[code],
  });
}
