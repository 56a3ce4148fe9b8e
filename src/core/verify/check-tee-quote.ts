import type { TdxSignerPredicate } from "../intoto/tdx-signer-predicate.ts";
import { digestOf } from "../oci/digest.ts";
import type { Digest } from "../oci/digest.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import { replayAgainst } from "../tdx/event-log.ts";
import type { QuoteFault, QuoteTrust, VerifiedQuote } from "../tdx/contract.ts";
import { reportData } from "../tdx/report-data.ts";
import { acceptTd, unconditionalFaults } from "../tdx/td-policy.ts";
import { verifyQuote } from "../tdx/verify-quote.ts";
import { isZeroHex } from "../zero-hex.ts";
import type { SignerMeasurements } from "./check-tee-signer.ts";
import type { TeeCandidate } from "./check-tee-signature.ts";
import { all, proven, refuse, skipped } from "./finding.ts";
import type { Checked, FindingCode } from "./finding.ts";

type RefusalCode = Exclude<FindingCode, "SKIPPED">;

type Demand = NonNullable<TrustPolicy["tee"]>;

const signAgain = "Have the confidential signer sign the image again.";
/** Faults of one quote that are told, each in a few words. */
const mostFaults = 5;

function told(faults: readonly QuoteFault[]): string {
  const shown = faults
    .slice(0, mostFaults)
    .map(({ code, subject, expected, found }) => `${code} (${subject}: expected ${expected}, found ${found})`);
  return [...shown, ...(faults.length > mostFaults ? [`${faults.length - mostFaults} more`] : [])].join("; ");
}

/**
 * Rule 7, the quote: it verifies by Intel's rules with the collateral that was carried, as of each time at which it was
 * stamped. What it proved at the first one is returned; all else that is asked is the same at each.
 */
export function checkTeeQuote(
  { name, document }: TeeCandidate,
  stampedAt: readonly [Date, ...Date[]],
  trust: QuoteTrust,
): Checked<VerifiedQuote> {
  const verdicts = stampedAt.map((at) => ({
    at,
    verdict: verifyQuote(document.quote, document.collateral, { at, trust }),
  }));
  for (const { at, verdict } of verdicts) {
    if (verdict.ok) continue;
    return refuse("TEE_QUOTE_REFUSED", {
      subject: name,
      expected: `a quote that verifies with the collateral beside it as of ${at.toISOString()}`,
      found: told(verdict.faults),
      remedy: signAgain,
    });
  }
  const [first] = verdicts;
  return first?.verdict.ok === true ? proven(first.verdict.quote) : skipped(`quote of ${name}`, "a trusted time");
}

/** Rule 7: the quote was made for exactly this key, statement, policy and challenge. */
export function checkTeeBinding(
  { name, document }: TeeCandidate,
  { policy }: TdxSignerPredicate,
  quote: VerifiedQuote,
): Checked<null> {
  const { spki, payload, challenge } = document;
  const expected = Buffer.from(reportData({ spki, payload, policy, challenge })).toString("hex");
  const found = Buffer.from(quote.report.reportData).toString("hex");
  if (found === expected) return proven(null);
  return refuse("TEE_BINDING_MISMATCH", {
    subject: name,
    expected: `report data ${expected}`,
    found,
    remedy: "Do not use this signature: the quote beside it was made for something else.",
  });
}

/**
 * Rule 7, the trust domain as it booted: RTMR3 is zero, and the event log replays to the quote's registers.
 */
export function checkTeeDomain({ name, document }: TeeCandidate, { report }: VerifiedQuote): Checked<null> {
  const log = replayAgainst(document.eventLog, report);
  const checked = all<unknown>([
    isZeroHex(report.rtmr3)
      ? proven(null)
      : refuse("TEE_TD_REFUSED", {
          subject: `${name}, RTMR3`,
          expected: "zero: nothing was measured after boot",
          found: report.rtmr3,
          remedy: "Run the signer as its release has it; nothing in it extends RTMR3.",
        }),
    log.ok
      ? proven(null)
      : refuse("TEE_EVENT_LOG_MISMATCH", {
          subject: name,
          expected: "an event log that replays to the quote's registers",
          found: told(log.faults),
          remedy: signAgain,
        }),
  ]);
  return checked.ok ? proven(null) : checked;
}

/**
 * Rule 7, the machine: its registers are those of the signer's verified release, of a firmware and of a machine that the
 * policy lists. Never those of the release that is verified.
 */
export function checkTeeMeasurements(
  { name }: TeeCandidate,
  { report }: VerifiedQuote,
  demand: Demand,
  signer: Checked<SignerMeasurements>,
): Checked<null> {
  const measured = (what: string, found: string, allowed: readonly string[], from: string): Checked<null> =>
    allowed.includes(found)
      ? proven(null)
      : refuse("TEE_MEASUREMENT_MISMATCH", {
          subject: `${name}, ${what}`,
          expected: `${allowed.join(" or ")} (${from})`,
          found,
          remedy: "Find out what booted there: only a machine that measured exactly this may sign.",
        });
  const checked = all<unknown>([
    measured("MRTD", report.mrtd, demand.mrtd, "tee.mrtd"),
    measured("RTMR0", report.rtmr0, demand.rtmr0, "tee.rtmr0"),
    ...(signer.ok
      ? [
          measured("RTMR1", report.rtmr1, [signer.proof.rtmr1], `release ${demand.signerRelease}`),
          measured("RTMR2", report.rtmr2, [signer.proof.rtmr2], `release ${demand.signerRelease}`),
        ]
      : [skipped(`RTMR1 and RTMR2 of ${name}`, "a verified release of the signer")]),
  ]);
  return checked.ok ? proven(null) : checked;
}

/** Codes of src/core/tdx/td-policy.ts that have one of their own here; every other one is about the trust domain. */
const policyCodes: Readonly<Record<string, RefusalCode>> = {
  TCB_REVOKED: "TEE_STATUS_NOT_ALLOWED",
  TCB_STATUS_NOT_ALLOWED: "TEE_STATUS_NOT_ALLOWED",
  TCB_ADVISORY_NOT_ALLOWED: "TEE_ADVISORY_NOT_ALLOWED",
  TCB_EVALUATION_TOO_OLD: "TEE_EVALUATION_TOO_OLD",
  TD_PLATFORM_NOT_ALLOWED: "TEE_PLATFORM_NOT_ALLOWED",
};

function refusals(name: string, faults: readonly QuoteFault[]): Checked<never>[] {
  return faults.map(({ code, subject, expected, found }) =>
    refuse(policyCodes[code] ?? "TEE_TD_REFUSED", {
      subject: `${name}, ${subject}`,
      expected,
      found: `${found} (${code})`,
      remedy:
        "Run the signer as its release has it, on an updated platform, and sign again; or review the policy's tee.",
    }),
  );
}

/** Rule 7, what the policy demands of the platform and of the trust domain, by Intel's verdict when it signed. */
export function checkTeePlatform({ name }: TeeCandidate, quote: VerifiedQuote, demand: Demand): Checked<null> {
  const verdict = acceptTd(quote, demand);
  return verdict.ok ? proven(null) : (all<never>(refusals(name, verdict.faults)) as Checked<never>);
}

/** What no trust domain and no platform may have, whatever a policy says. */
export function checkTeeAttributes({ name }: TeeCandidate, quote: VerifiedQuote): Checked<null> {
  const checked = all<never>(refusals(name, unconditionalFaults(quote)));
  return checked.ok ? proven(null) : checked;
}

/** Rule 7, revocation: it overturns what was good when it was signed, and nothing else does. */
export function checkTeeRevocation(
  { name, document }: TeeCandidate,
  referrer: Digest,
  { policy }: TdxSignerPredicate,
  { ppid, report }: VerifiedQuote,
  demand: Demand,
): Checked<null> {
  const { mrtd, rtmr0, rtmr1, rtmr2 } = report;
  const names = {
    platform: ppid,
    MRTD: mrtd,
    RTMR0: rtmr0,
    RTMR1: rtmr1,
    RTMR2: rtmr2,
    "signer release": demand.signerRelease,
    "signer's policy": policy,
    signature: referrer,
    key: digestOf(document.spki),
  };
  const revoked = Object.entries(names).filter(([, value]) => demand.revoked.includes(value));
  const checked = all(
    revoked.map(([what, value]) =>
      refuse("TEE_REVOKED", {
        subject: `${name}, ${what}`,
        expected: "nothing that tee.revoked lists",
        found: value,
        remedy: "Have a signer that is not revoked sign the image again.",
      }),
    ),
  );
  return checked.ok ? proven(null) : checked;
}
