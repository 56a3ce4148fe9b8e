import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { readRegularFile } from "../adapters/files/read-regular-file.ts";
import { readKeptOrFile } from "../adapters/intel-pcs/kept-collateral.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import type { Collateral } from "../core/tdx/contract.ts";

/** Some hundred platforms' collateral of 20 KiB each. */
const limits = { files: 256, bytes: 8 * 1024 * 1024 };

/**
 * Intel's collateral of today from a file, or from every *.json of a folder: what `tee status` keeps in the cache folder
 * (`intel-pcs`), or the files of dcap-qvl. Nothing of it is believed. Throws TEE_COLLATERAL_UNREADABLE, TEE_COLLATERAL_NONE and
 * COLLATERAL_FILE_INVALID (usage), PCS_CACHE_INVALID (usage).
 */
export function readCurrentCollateral(path: string): readonly Collateral[] {
  return filesOf(path).map((file) => readKeptOrFile(bytesOf(file), file));
}

function filesOf(path: string): readonly string[] {
  const names = ((): readonly string[] | undefined => {
    try {
      return statSync(path).isDirectory() ? readdirSync(path) : undefined;
    } catch (error) {
      throw unreadable(path, error);
    }
  })();
  if (names === undefined) return [path];
  const files = names.filter((name) => name.endsWith(".json")).sort();
  if (files.length > 0 && files.length <= limits.files) return files.map((name) => join(path, name));
  throw new Failure({
    code: "TEE_COLLATERAL_NONE",
    kind: "usage",
    message: `${path} has ${files.length} files of collateral (*.json); 1 to ${limits.files} are read.`,
    remedy:
      "Have `neko-trust tee status` fetch it, and name the folder intel-pcs in the cache folder; or name one file.",
  });
}

function bytesOf(file: string): Uint8Array {
  try {
    return readRegularFile(file, limits.bytes);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(path: string, error: unknown): Failure {
  return new Failure(
    {
      code: "TEE_COLLATERAL_UNREADABLE",
      kind: "usage",
      message: `${path} can't be read: ${reasonOf(error)}.`,
      remedy: "Name a file of collateral, or a folder of them, that this user may read.",
    },
    { cause: error },
  );
}
