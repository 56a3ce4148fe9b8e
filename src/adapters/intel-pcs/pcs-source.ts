import { Failure } from "../../core/failure.ts";
import { collateralAge, compareAge } from "../../core/tdx/collateral-age.ts";
import type { CollateralAge } from "../../core/tdx/collateral-age.ts";
import { collateralFaults, readCollateral } from "../../core/tdx/collateral-parts.ts";
import type { Collateral, CollateralSource, QuoteTrust } from "../../core/tdx/contract.ts";
import { faultMeanings } from "../../core/tdx/fault-meanings.ts";
import type { TdxFault } from "../../core/tdx/fault.ts";
import { identifyPlatform, pckAuthority } from "../../core/tdx/identify-platform.ts";
import type { PlatformId } from "../../core/tdx/identify-platform.ts";
import { fetchCollateral, requireAddress } from "./fetch-collateral.ts";
import type { PcsAddresses, UpdateChannel } from "./fetch-collateral.ts";
import { keep, keptFile, readKept } from "./kept-collateral.ts";
import { pcsFailure } from "./pcs-failure.ts";

export interface PcsSettings {
  readonly addresses: PcsAddresses;
  readonly update: UpdateChannel;
  readonly trust: QuoteTrust;
  /** The user's cache folder; what is kept lies below it. */
  readonly cache: string;
  readonly now: () => Date;
  /** How long what was fetched is used without asking again; a day unless given. Never beyond its own time. */
  readonly refreshMilliseconds?: number;
  /** The least evaluation number that is taken; what was newest is known without it only where it was kept. 0 unless given. */
  readonly minEvaluation?: number;
  /** 2 unless given. */
  readonly retries?: number;
}

/** Intel's PCS, or a service that answers like it. */
export interface PcsSource extends CollateralSource {
  readonly collateralOf: (platform: PlatformId, signal?: AbortSignal) => Promise<Collateral>;
}

const day = 24 * 3600 * 1000;

/**
 * Collateral that Intel signed and that is valid now: what was fetched is checked against the root before it is kept or given.
 * An evaluation number that goes back, or is below the floor, is refused; where the service can't be asked, or its answer is older in another way, what
 * was kept is given as long as it is valid. Throws Failure: PCS_…, FOLDER_NOT_PRIVATE; and the signal's reason.
 */
export function createPcsSource(settings: PcsSettings): PcsSource {
  const { trust } = settings;
  const collateralOf = (platform: PlatformId, signal?: AbortSignal): Promise<Collateral> =>
    currentCollateral(settings, platform, signal);
  return {
    collateralOf,
    async collateralFor(quote, signal) {
      const platform = identifyPlatform(quote, trust);
      if (platform.ok) return collateralOf(platform.value, signal);
      const [{ code }] = platform.faults;
      throw pcsFailure(
        "PCS_QUOTE_INVALID",
        "The quote does not say which platform made it.",
        platform.faults.map(line),
        // Of its bytes: half a quote is mended in another way than SGX's. What chains ask for is about collateral.
        code.startsWith("QUOTE_") ? faultMeanings[code].remedy : undefined,
      );
    },
  };
}

async function currentCollateral(
  settings: PcsSettings,
  platform: PlatformId,
  signal: AbortSignal | undefined,
): Promise<Collateral> {
  const { addresses, update, cache, now, refreshMilliseconds = day, retries = 2 } = settings;
  if (!/^[0-9a-f]{12}$/.test(platform.fmspc)) {
    throw pcsFailure("PCS_PLATFORM_UNKNOWN", `${JSON.stringify(platform.fmspc.slice(0, 40))} is no FMSPC.`);
  }
  requireAddress(addresses.api);
  requireAddress(addresses.rootCrl);
  const file = keptFile(cache, update, platform);
  const kept = readKept(file);
  const known = kept === undefined ? undefined : judge(kept.collateral, settings);
  const holds = known?.faults.length === 0 && known.age !== undefined && !isBelow(known.age, settings);
  const age = kept === undefined ? Infinity : now().getTime() - kept.fetched.getTime();
  // A clock that was set back makes no old answer fresh.
  if (kept !== undefined && holds && age >= 0 && age < refreshMilliseconds) return kept.collateral;
  const usable = holds ? kept?.collateral : undefined;
  let fetched: Collateral;
  try {
    fetched = await fetchCollateral({ addresses, platform, update, retries, signal });
  } catch (error) {
    if (usable !== undefined && error instanceof Failure && error.kind === "unavailable") return usable;
    throw error;
  }
  const next = judge(fetched, settings);
  if (next.age === undefined || next.faults.length > 0) {
    throw pcsFailure("PCS_COLLATERAL_REFUSED", "The service's collateral does not hold.", next.faults.map(line));
  }
  if (next.platform?.fmspc !== platform.fmspc || next.platform.ca !== platform.ca) {
    const found = `FMSPC ${next.platform?.fmspc}, CA ${next.platform?.ca}`;
    throw pcsFailure("PCS_COLLATERAL_REFUSED", "The service's collateral is another platform's.", [
      `expected FMSPC ${platform.fmspc}, CA ${platform.ca}; found ${found}`,
    ]);
  }
  if (isBelow(next.age, settings)) throw rolledBack(`evaluation ${settings.minEvaluation} at least`, next.age);
  if (known?.age !== undefined) {
    const order = compareAge(known.age, next.age);
    if (order === "older" && usable !== undefined) return usable;
    if (order !== "newer") throw rolledBack(told(known.age), next.age);
  }
  keep(file, { fetched: now(), collateral: fetched });
  return fetched;
}

interface JudgedCollateral {
  readonly age?: CollateralAge | undefined;
  /** Whose it is. */
  readonly platform?: PlatformId;
  readonly faults: readonly TdxFault[];
}

/** What Intel's signatures say of it, and everything that does not hold now. Its age is told even when its time is over. */
function judge(collateral: Collateral, { trust, now }: PcsSettings): JudgedCollateral {
  const parts = readCollateral(collateral, trust);
  if (!parts.ok) return { faults: parts.faults };
  const { tcbInfo, pckCaChain } = parts.value;
  const platform =
    tcbInfo.ok && pckCaChain.ok ? { fmspc: tcbInfo.value.fmspc, ca: pckAuthority(pckCaChain.value.leaf) } : undefined;
  return {
    age: collateralAge(parts.value),
    ...(platform === undefined ? {} : { platform }),
    faults: collateralFaults(parts.value, now()),
  };
}

function isBelow({ evaluation }: CollateralAge, { minEvaluation = 0 }: PcsSettings): boolean {
  return Math.min(evaluation.tcbInfo, evaluation.qeIdentity) < minEvaluation;
}

function told({ evaluation, issued }: CollateralAge): string {
  return (
    `TCB info ${evaluation.tcbInfo} of ${issued.tcbInfo.toISOString()}, QE identity ${evaluation.qeIdentity} of ${issued.qeIdentity.toISOString()}, ` +
    `lists of ${issued.rootCrl.toISOString()} and ${issued.pckCrl.toISOString()}`
  );
}

function rolledBack(known: string, next: CollateralAge): Failure {
  return pcsFailure("PCS_ROLLBACK", "The service's collateral is older than what was known.", [
    `known: ${known}`,
    `now: ${told(next)}`,
  ]);
}

function line({ code, subject, expected, found }: TdxFault): string {
  return `${code}: ${subject}: expected ${expected}, found ${found}`;
}
