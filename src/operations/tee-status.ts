import { createPcsSource } from "../adapters/intel-pcs/pcs-source.ts";
import type { PcsSettings } from "../adapters/intel-pcs/pcs-source.ts";
import { Failure } from "../core/failure.ts";
import { collateralAge } from "../core/tdx/collateral-age.ts";
import type { CollateralAge } from "../core/tdx/collateral-age.ts";
import { collateralFaults, readCollateral } from "../core/tdx/collateral-parts.ts";
import type { CollateralParts } from "../core/tdx/collateral-parts.ts";
import type { Collateral, QuoteTrust, VerifiedQuote } from "../core/tdx/contract.ts";
import { fault } from "../core/tdx/fault.ts";
import type { TdxFault } from "../core/tdx/fault.ts";
import type { PlatformId } from "../core/tdx/identify-platform.ts";
import type { TcbLevel } from "../core/tdx/tcb-info.ts";
import { acceptTd } from "../core/tdx/td-policy.ts";
import type { TdPolicy } from "../core/tdx/td-policy.ts";
import { verifyQuote } from "../core/tdx/verify-quote.ts";

export interface TeeStatusRequest {
  /** A quote of the machine, or the platform alone, of which only Intel's statements can be told. */
  readonly subject:
    | { readonly kind: "quote"; readonly quote: Uint8Array }
    | { readonly kind: "platform"; readonly platform: PlatformId };
  /** Left out: the service is asked, for the early statements too. */
  readonly collateral?: Collateral;
  readonly service: Pick<PcsSettings, "addresses" | "cache" | "retries">;
  /** Left out: UpToDate is demanded, and nothing else. */
  readonly policy?: TdPolicy;
  /** What ends within this time counts as ended; 0 for what has ended. */
  readonly withinMilliseconds: number;
  readonly at: Date;
  readonly trust: QuoteTrust;
  readonly signal?: AbortSignal;
}

/** What statements say that Intel publishes before they count. */
export type Announcement =
  | { readonly kind: "not-asked" }
  | { readonly kind: "unknown"; readonly why: string }
  | { readonly kind: "nothing" }
  | {
      readonly kind: "change";
      readonly evaluation: number;
      readonly tcb?: VerifiedQuote["tcb"];
      readonly faults: readonly TdxFault[];
    };

export interface TeeStatus {
  readonly at: Date;
  readonly age: CollateralAge | undefined;
  /** Of the quote; undefined where it does not hold. */
  readonly quote?: VerifiedQuote;
  /** Intel's levels of a platform, the newest first, where no quote says which one a machine has. */
  readonly levels?: readonly TcbLevel[];
  readonly announced: Announcement;
  /** Everything for which the answer is no. */
  readonly faults: readonly TdxFault[];
}

/** How a machine's TCB and the collateral that says so stand at one time. Throws what the service's adapter throws. */
export async function teeStatus(request: TeeStatusRequest): Promise<TeeStatus> {
  const { subject, at, trust } = request;
  const collateral = request.collateral ?? (await ask(request, "standard"));
  const parts = readCollateral(collateral, trust);
  const age = parts.ok ? collateralAge(parts.value) : undefined;
  if (subject.kind === "platform") {
    const levels = parts.ok && parts.value.tcbInfo.ok ? parts.value.tcbInfo.value.tcbLevels : [];
    const faults = parts.ok ? collateralFaults(parts.value, at) : parts.faults;
    const due = [...faults, ...endsSoon(request, age?.nextUpdate), ...evaluationFaults(request, age)];
    const announced = await announcedFor(request, (early) => sameLevels(parts.ok ? parts.value : undefined, early));
    return { at, age, levels, announced, faults: due };
  }
  const verdict = verifyQuote(subject.quote, collateral, { at, trust });
  const announced = await announcedFor(request, (early) => {
    const next = verifyQuote(subject.quote, early.collateral, { at, trust });
    if (!next.ok) return { kind: "change", evaluation: early.evaluation, faults: next.faults };
    const now = verdict.ok ? verdict.quote.tcb : undefined;
    const { tcb } = next.quote;
    if (now?.status === tcb.status && String(now.advisories) === String(tcb.advisories)) return { kind: "nothing" };
    return { kind: "change", evaluation: tcb.evaluation, tcb, faults: [] };
  });
  if (!verdict.ok) return { at, age, announced, faults: verdict.faults };
  const { quote } = verdict;
  const accepted = acceptTd(quote, request.policy ?? upToDate(quote));
  const faults = [...(accepted.ok ? [] : accepted.faults), ...endsSoon(request, quote.expires)];
  return { at, age, quote, announced, faults };
}

/** Advisories of an up-to-date platform are told, not refused. */
function upToDate(quote: VerifiedQuote): TdPolicy {
  return { statuses: ["UpToDate"], advisoriesAllowed: quote.tcb.advisories, minEvaluation: 1, platforms: [] };
}

function ask(
  { subject, service, trust, at, signal }: TeeStatusRequest,
  update: PcsSettings["update"],
): Promise<Collateral> {
  const source = createPcsSource({ ...service, update, trust, now: () => at });
  return subject.kind === "quote"
    ? source.collateralFor(subject.quote, signal)
    : source.collateralOf(subject.platform, signal);
}

interface EarlyStatements {
  readonly collateral: Collateral;
  readonly parts: CollateralParts;
  readonly evaluation: number;
}

async function announcedFor(
  request: TeeStatusRequest,
  compare: (early: EarlyStatements) => Announcement,
): Promise<Announcement> {
  if (request.collateral !== undefined) return { kind: "not-asked" };
  try {
    const collateral = await ask(request, "early");
    const parts = readCollateral(collateral, request.trust);
    const age = parts.ok ? collateralAge(parts.value) : undefined;
    if (!parts.ok || age === undefined) return { kind: "unknown", why: "the early statements do not hold" };
    const { tcbInfo, qeIdentity } = age.evaluation;
    return compare({ collateral, parts: parts.value, evaluation: Math.min(tcbInfo, qeIdentity) });
  } catch (error) {
    // What counts was answered already; that more could not be asked is told, and is not "nothing".
    if (error instanceof Failure) return { kind: "unknown", why: error.message };
    throw error;
  }
}

function sameLevels(now: CollateralParts | undefined, early: EarlyStatements): Announcement {
  const newest = (parts: CollateralParts | undefined): string | undefined =>
    parts?.tcbInfo.ok === true ? JSON.stringify(parts.tcbInfo.value.tcbLevels) : undefined;
  if (newest(now) === newest(early.parts)) return { kind: "nothing" };
  return { kind: "change", evaluation: early.evaluation, faults: [] };
}

function endsSoon({ at, withinMilliseconds }: TeeStatusRequest, end: Date | undefined): TdxFault[] {
  if (end === undefined || end.getTime() <= at.getTime()) return [];
  const least = new Date(at.getTime() + withinMilliseconds);
  if (end > least) return [];
  return [fault("COLLATERAL_EXPIRED", "collateral", `valid beyond ${least.toISOString()}`, end.toISOString())];
}

/** Without a quote: what a policy can ask of the statements alone. */
function evaluationFaults({ policy }: TeeStatusRequest, age: CollateralAge | undefined): TdxFault[] {
  if (policy === undefined || age === undefined) return [];
  const found = Math.min(age.evaluation.tcbInfo, age.evaluation.qeIdentity);
  if (found >= policy.minEvaluation) return [];
  return [fault("TCB_EVALUATION_TOO_OLD", "collateral", `evaluation ${policy.minEvaluation} or newer`, `${found}`)];
}
