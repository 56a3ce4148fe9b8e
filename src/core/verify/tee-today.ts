import type { TrustPolicy } from "../policy/trust-policy.ts";
import type { ProvenTee } from "../release/verified-release.ts";
import { collateralAge } from "../tdx/collateral-age.ts";
import type { CollateralAge } from "../tdx/collateral-age.ts";
import { readCollateral } from "../tdx/collateral-parts.ts";
import type { Collateral, QuoteFault, QuoteTrust, VerifiedQuote } from "../tdx/contract.ts";
import { faultsOf } from "../tdx/fault.ts";
import { identifyPlatform, pckAuthority } from "../tdx/identify-platform.ts";
import type { PlatformId } from "../tdx/identify-platform.ts";
import { acceptTd } from "../tdx/td-policy.ts";
import { verifyQuote } from "../tdx/verify-quote.ts";

export interface TeeTodayTerms {
  readonly demand: NonNullable<TrustPolicy["tee"]>;
  readonly trust: QuoteTrust;
  readonly now: Date;
  /** Intel's collateral of today, of any platforms. Left out: nobody asked. */
  readonly collateral?: readonly Collateral[] | undefined;
}

export interface TeeToday {
  /** Intel's verdict of today on the quote; left out where none could be made. */
  readonly today?: NonNullable<ProvenTee["today"]>;
  readonly notes: readonly string[];
}

/**
 * What Intel says today of the platform that signed, where its collateral of today was given: it warns, and decides nothing (rule
 * 7). Of several for one platform the newest counts, so that an old one beside it can't hide what the newer one says.
 */
export function teeToday(quote: Uint8Array, then: VerifiedQuote, terms: TeeTodayTerms): TeeToday {
  const { demand, trust, now, collateral } = terms;
  if (collateral === undefined)
    return { notes: then.expires > now ? [] : [over(then, "what it says today was not asked")] };
  const read = collateral.map((one) => ({ one, ...ageAndPlatform(one, trust) }));
  const own = identifyPlatform(quote, trust);
  const [newest] = read
    .filter(({ platform }) => own.ok && platform?.fmspc === own.value.fmspc && platform.ca === own.value.ca)
    .sort((a, b) => compareNewestFirst(a.age, b.age));
  const broken = read.flatMap(({ faults }) => faults);
  const notes = [
    ...new Set(broken.map(({ code, subject }) => `today: ${code} (${subject} that was given does not hold)`)),
  ];
  if (newest === undefined) {
    const none = `no collateral of today was given for platforms with FMSPC ${then.fmspc}`;
    return { notes: [...notes, then.expires > now ? none : over(then, none)] };
  }
  const verdict = verifyQuote(quote, newest.one, { at: now, trust });
  const faults = verdict.ok ? policyFaults(verdict.quote, demand) : verdict.faults;
  return {
    ...(verdict.ok ? { today: verdictOf(verdict.quote) } : {}),
    notes: [
      ...notes,
      ...faults.map(({ code, found }) => `today: ${code} (${found}); the verdict when it signed counts`),
    ],
  };
}

function over({ expires }: VerifiedQuote, why: string): string {
  return `what Intel said when it signed ended ${expires.toISOString()}; ${why}`;
}

function ageAndPlatform(
  collateral: Collateral,
  trust: QuoteTrust,
): { readonly age?: CollateralAge; readonly platform?: PlatformId; readonly faults: readonly QuoteFault[] } {
  const parts = readCollateral(collateral, trust);
  if (!parts.ok) return { faults: parts.faults };
  const { pckCaChain, tcbChain, qeChain, rootCrl, pckCrl, tcbInfo, qeIdentity } = parts.value;
  const age = collateralAge(parts.value);
  if (age === undefined || !tcbInfo.ok || !pckCaChain.ok)
    return { faults: [pckCaChain, tcbChain, qeChain, rootCrl, pckCrl, tcbInfo, qeIdentity].flatMap(faultsOf) };
  return { age, platform: { fmspc: tcbInfo.value.fmspc, ca: pckAuthority(pckCaChain.value.leaf) }, faults: [] };
}

/** By evaluation, then by when each part was issued. */
function compareNewestFirst(a: CollateralAge | undefined, b: CollateralAge | undefined): number {
  const order = (age: CollateralAge | undefined): readonly number[] =>
    age === undefined
      ? []
      : [
          Math.min(age.evaluation.tcbInfo, age.evaluation.qeIdentity),
          age.issued.tcbInfo.getTime(),
          age.issued.qeIdentity.getTime(),
          age.issued.pckCrl.getTime(),
          age.issued.rootCrl.getTime(),
        ];
  const [first, second] = [order(a), order(b)];
  const at = first.findIndex((value, index) => value !== second[index]);
  return at < 0 ? 0 : (second[at] ?? 0) - (first[at] ?? 0);
}

function policyFaults(quote: VerifiedQuote, demand: TeeTodayTerms["demand"]): readonly QuoteFault[] {
  const verdict = acceptTd(quote, demand);
  return verdict.ok ? [] : verdict.faults;
}

function verdictOf({ tcb, expires }: VerifiedQuote): NonNullable<ProvenTee["today"]> {
  const { status, date, advisories, evaluation } = tcb;
  return { status, date: date.toISOString(), advisories, evaluation, until: expires.toISOString() };
}
