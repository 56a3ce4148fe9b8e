import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../core/failure.ts";
import type { SignerSettings } from "../../core/signer-settings.ts";

export interface SettingsChangeOptions {
  /** As readMachineSettings. */
  readonly read: (signal: AbortSignal) => Promise<SignerSettings>;
  readonly intervalMilliseconds: number;
  readonly signal: AbortSignal;
}

/**
 * Resolves with true when this machine's metadata says something else than these settings, or nothing that could be a service's;
 * with false once the signal is aborted. A metadata server that does not answer has changed nothing. Throws only bugs.
 */
export async function settingsChange(
  settings: SignerSettings,
  { read, intervalMilliseconds, signal }: SettingsChangeOptions,
): Promise<boolean> {
  const known = JSON.stringify(settings);
  for (;;) {
    try {
      await sleep(intervalMilliseconds, undefined, { signal });
      if (JSON.stringify(await read(signal)) !== known) return true;
    } catch (error) {
      if (signal.aborted) return false;
      if (!(error instanceof Failure)) throw error;
      if (error.code === "METADATA_INVALID") return true;
    }
  }
}
