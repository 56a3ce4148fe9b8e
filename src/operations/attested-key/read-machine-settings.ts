import { readAttributes } from "../../adapters/gce-metadata/read-attributes.ts";
import { Failure } from "../../core/failure.ts";
import { signerSettings } from "../../core/signer-settings.ts";
import type { SignerSettings } from "../../core/signer-settings.ts";

/**
 * What this machine's metadata says of where things are. Throws METADATA_UNREADABLE (unavailable), METADATA_INVALID
 * (usage) with every fault: a machine that is told half does nothing.
 */
export async function readMachineSettings(
  options: { readonly address?: string; readonly signal?: AbortSignal } = {},
): Promise<SignerSettings> {
  const read = signerSettings(await readAttributes(options));
  if (read.ok) return read.settings;
  throw new Failure({
    code: "METADATA_INVALID",
    kind: "usage",
    message: `The machine's metadata has ${read.faults.length} ${read.faults.length === 1 ? "fault" : "faults"}.`,
    remedy: "Correct confidentialSigner.service in the stack, and apply it.",
    details: read.faults,
  });
}
