import { lackedLater } from "../core/verify/lacks-later-statements.ts";
import type { LaterStatement } from "../core/verify/lacks-later-statements.ts";
import type { ImageVerdict, VerifyImagesTerms } from "./verify-images.ts";

/** What differs from one verification of the same images to the next. */
export type Look = Pick<VerifyImagesTerms, "now" | "deep">;

export interface UntilRebuiltRequest {
  readonly references: readonly string[];
  /** The verdicts in the order of the references. */
  readonly verify: (references: readonly string[], look: Look) => Promise<ImageVerdict[]>;
  readonly deep: boolean;
  /** From the first verification on; 0 looks once. */
  readonly waitMilliseconds: number;
  readonly now: () => Date;
  /** Rejects when the whole is interrupted. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly progress: (line: string) => void;
}

export interface UntilRebuiltResult {
  readonly verdicts: readonly ImageVerdict[];
  /** When all of them were verified, for the last time. */
  readonly verifiedAt: Date;
}

/** A rebuild takes an hour or so, and the confidential signer waits for it, too: soon it may be there, later there is no hurry. */
const backOff = { first: 30_000, most: 300_000 };

/**
 * Verifies images, and as long as nothing is wrong with any of them but that rebuilds or the attested signature are missing,
 * again, until the time is over: then the verdict is what it is. Any other refusal, and a registry that doesn't answer, ends it
 * at once. Tags are resolved the first time alone. The first verification and one that proves something are whole; those between them leave
 * `deep` out, as it pulls the image. Throws what `verify` and `sleep` throw.
 */
export async function verifyUntilRebuilt(request: UntilRebuiltRequest): Promise<UntilRebuiltResult> {
  const { references, verify, deep, waitMilliseconds, now, sleep, progress } = request;
  let names = references;
  const look = async (goDeep: boolean): Promise<UntilRebuiltResult> => {
    const verifiedAt = now();
    const verdicts = await verify(names, { now: verifiedAt, deep: goDeep });
    // They are told by the names that they were asked for.
    const named = verdicts.map((verdict, at) => ({ ...verdict, reference: references[at] ?? verdict.reference }));
    return { verdicts: named, verifiedAt };
  };
  const end = now().getTime() + waitMilliseconds;
  let result = await look(deep);
  for (let pause = backOff.first; ; pause = Math.min(pause * 2, backOff.most)) {
    const lacking = lackedBy(result.verdicts);
    if (lacking.length === 0) break;
    const left = end - now().getTime();
    if (left <= 0) break;
    names = result.verdicts.map((verdict) => ("resolved" in verdict ? verdict.resolved : verdict.reference));
    const seconds = Math.ceil(Math.min(pause, left) / 1000);
    progress(`${inWords(lacking)} missing: looking again in ${seconds} s, until ${new Date(end).toISOString()}`);
    await sleep(Math.min(pause, left));
    const seen = await look(false);
    result = deep && seen.verdicts.every(isSettled) ? await look(true) : seen;
  }
  return result;
}

/** What time alone can mend: some lack it, and none anything else. */
function lackedBy(verdicts: readonly ImageVerdict[]): readonly LaterStatement[] {
  const lacking = verdicts.flatMap((verdict) => (verdict.kind === "refused" ? [lackedLater(verdict.findings)] : []));
  const hopeless = lacking.some((statements) => statements.length === 0);
  if (hopeless || lacking.length + verdicts.filter(isSettled).length !== verdicts.length) return [];
  return [...new Set(lacking.flat())];
}

function inWords(lacking: readonly LaterStatement[]): string {
  const named = lacking.map((statement) => (statement === "rebuilds" ? statement : `the ${statement}`)).join(" and ");
  return `${named} ${lacking.includes("rebuilds") ? "are" : "is"}`;
}

function isSettled({ kind }: ImageVerdict): boolean {
  return kind === "verified" || kind === "waived";
}
