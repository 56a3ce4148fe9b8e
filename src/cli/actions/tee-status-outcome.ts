import { legible } from "../../core/legible.ts";
import { faultMeanings } from "../../core/tdx/fault-meanings.ts";
import type { Announcement, TeeStatus } from "../../operations/tee-status.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";

const day = 24 * 3600 * 1000;
/** More of Intel's levels than a reader looks at; --json has all. */
const shownLevels = 6;
const otherFile =
  "Leave out --collateral, and Intel's service is asked; or give with --at a time at which the file held.";

/** What a person and a program get to see of a status. */
export function teeStatusOutcome(status: TeeStatus): Outcome {
  const { at, age, quote, levels, announced, faults } = status;
  const ok = faults.length === 0;
  return {
    exitCode: ok ? exitCodes.done : exitCodes.refused,
    lines: [
      ...headLines(status),
      ...(quote === undefined ? [] : [`  everything valid until ${until(quote.expires, at)}`]),
      ...ageLines(status),
      ...(levels ?? []).slice(0, shownLevels).map(levelLine),
      `  announced: ${announcedText(announced)}`,
      ...faultLines(status),
    ],
    document: {
      ok,
      at,
      ...(quote === undefined
        ? {}
        : {
            platform: { ppid: quote.ppid, fmspc: quote.fmspc, pceId: quote.pceId },
            tcb: quote.tcb,
            expires: quote.expires,
          }),
      ...(age === undefined ? {} : { collateral: age }),
      ...(levels === undefined ? {} : { levels }),
      announced,
      faults,
    },
  };
}

function headLines({ quote, levels, faults }: TeeStatus): string[] {
  const mark = faults.length === 0 ? "✓" : "✗";
  if (quote !== undefined) {
    const { status, date, advisories } = quote.tcb;
    return [
      `${mark} ${status}: level of ${dayOf(date)}, platform ${quote.fmspc}, PPID ${quote.ppid}`,
      `  advisories that apply: ${advisories.length === 0 ? "none" : advisories.join(", ")}`,
    ];
  }
  return [levels === undefined ? `${mark} the quote does not hold` : `${mark} Intel's statements about the platform`];
}

function ageLines({ age, at }: TeeStatus): string[] {
  if (age === undefined) return [];
  const { evaluation, issued, nextUpdate } = age;
  return [
    `  TCB info ${evaluation.tcbInfo} of ${dayOf(issued.tcbInfo)}, QE identity ${evaluation.qeIdentity} of ${dayOf(issued.qeIdentity)}`,
    `  lists: root of ${dayOf(issued.rootCrl)}, PCK of ${dayOf(issued.pckCrl)}`,
    `  the first of these is valid until ${until(nextUpdate, at)}`,
  ];
}

function levelLine({ tcbDate, tcbStatus, advisoryIDs }: NonNullable<TeeStatus["levels"]>[number]): string {
  const advisories = advisoryIDs.length === 0 ? "" : `: ${advisoryIDs.join(", ")}`;
  return `  level of ${dayOf(tcbDate)} ${tcbStatus}${advisories}`;
}

function announcedText(announced: Announcement): string {
  switch (announced.kind) {
    case "not-asked":
      return "not asked";
    case "unknown":
      return `could not be asked (${legible(announced.why)})`;
    case "nothing":
      return "no change";
    case "change": {
      const { tcb, faults, evaluation } = announced;
      const told =
        tcb === undefined ? faults.map(({ code }) => code).join(", ") : [tcb.status, ...tcb.advisories].join(" ");
      return `evaluation ${evaluation} changes it${told === "" ? "" : ` to ${told}`}`;
    }
  }
}

/** What to do stands once below faults that follow each other and ask for the same. */
function faultLines({ faults, announced }: TeeStatus): string[] {
  const remedies = faults.map(({ code }) => {
    const { remedy } = faultMeanings[code];
    // That of a signature's time: nothing is being signed here, and whoever gave a file chose its time.
    return remedy === faultMeanings.COLLATERAL_EXPIRED.remedy && announced.kind === "not-asked" ? otherFile : remedy;
  });
  return faults.flatMap(({ code, subject, expected, found }, index) => {
    const remedy = remedies[index] ?? "";
    return [
      `✗ ${code}: ${legible(subject)}: expected ${legible(expected)}, found ${legible(found)}`,
      ...(remedies[index + 1] === remedy ? [] : [`  to do: ${remedy}`]),
    ];
  });
}

function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}

function until(end: Date, at: Date): string {
  const days = Math.floor((end.getTime() - at.getTime()) / day);
  const distance = days < 0 ? "over" : days === 1 ? "1 day" : `${days} days`;
  return `${end.toISOString()} (${distance})`;
}
