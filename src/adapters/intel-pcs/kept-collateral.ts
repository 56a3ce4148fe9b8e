import { join } from "node:path";
import { z } from "zod";
import { Failure, reasonOf } from "../../core/failure.ts";
import { describeJsonProblem, parseStrictJson } from "../../core/json/strict-json.ts";
import { safeParse } from "../../core/safe-parse.ts";
import {
  collateralFileSchema,
  fromCollateralFile,
  readCollateralFile,
  toCollateralFile,
} from "../../core/tdx/collateral.ts";
import type { Collateral } from "../../core/tdx/contract.ts";
import type { PlatformId } from "../../core/tdx/identify-platform.ts";
import { ensurePrivateFolder } from "../files/private-folder.ts";
import { readRegularFile } from "../files/read-regular-file.ts";
import { writeWhole } from "../files/write-whole.ts";
import type { UpdateChannel } from "./fetch-collateral.ts";
import { pcsFailure } from "./pcs-failure.ts";

/** Collateral as it was fetched last. Its signatures say what it is worth, not the file. */
export interface KeptCollateral {
  readonly fetched: Date;
  readonly collateral: Collateral;
}

const keptSchema = z.strictObject({
  schema: z.literal(1),
  fetched: z.iso.datetime(),
  collateral: collateralFileSchema,
});
const mostBytes = 8 * 1024 * 1024;

/**
 * One file for each channel and kind of platform, in a folder that is private to this user. Whose service it came from is no
 * part of it: what Intel signed is the same everywhere, and another address makes nothing older acceptable.
 */
export function keptFile(cache: string, update: UpdateChannel, { fmspc, ca }: PlatformId): string {
  return join(cache, "intel-pcs", `${update}-${fmspc}-${ca}.json`);
}

/** Undefined when nothing was kept yet. Throws PCS_CACHE_INVALID: who could break the file could else make it forget. */
export function readKept(file: string): KeptCollateral | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readRegularFile(file, mostBytes);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw pcsFailure("PCS_CACHE_INVALID", `${file} can't be read.`);
  }
  return parseKept(bytes, file);
}

function parseKept(bytes: Uint8Array, file: string): KeptCollateral {
  const json = parseStrictJson(bytes, { maxBytes: mostBytes, maxDepth: 4 });
  if (!json.ok) throw pcsFailure("PCS_CACHE_INVALID", `${file} is damaged: ${describeJsonProblem(json.problem)}.`);
  const parsed = safeParse(keptSchema, json.value);
  if (!parsed.success) throw pcsFailure("PCS_CACHE_INVALID", `${file} does not hold collateral of this version.`);
  return { fetched: new Date(parsed.data.fetched), collateral: fromCollateralFile(parsed.data.collateral) };
}

/** The collateral of a file, which was kept here or is dcap-qvl's. Throws PCS_CACHE_INVALID, COLLATERAL_FILE_INVALID (usage). */
export function readKeptOrFile(bytes: Uint8Array, file: string): Collateral {
  const json = parseStrictJson(bytes, { maxBytes: mostBytes, maxDepth: 4 });
  const isKept = json.ok && typeof json.value === "object" && json.value !== null && "collateral" in json.value;
  return isKept ? parseKept(bytes, file).collateral : readCollateralFile(bytes, file);
}

/** Throws FOLDER_NOT_PRIVATE, PCS_CACHE_UNWRITABLE: what was not kept could go back unseen. */
export function keep(file: string, { fetched, collateral }: KeptCollateral): void {
  const document = { schema: 1, fetched: fetched.toISOString(), collateral: toCollateralFile(collateral) };
  try {
    ensurePrivateFolder(join(file, ".."));
    writeWhole(file, JSON.stringify(document));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw pcsFailure("PCS_CACHE_UNWRITABLE", `${file} can't be written: ${reasonOf(error)}.`);
  }
}
