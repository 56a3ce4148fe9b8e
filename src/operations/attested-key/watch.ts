import { Failure } from "../../core/failure.ts";
import type { Digest } from "../../core/oci/digest.ts";
import { attestedEvent, downEntry, wordsOf } from "../../core/signer-log.ts";
import type { LogEntry } from "../../core/signer-log.ts";
import type { MachineFacts } from "./machine-facts.ts";
import type { AttestedSignature } from "./sign-attested.ts";
import type { ServiceState } from "./service-state.ts";

export interface Attested {
  readonly machine: MachineFacts;
  readonly collateralExpires: Date;
}

/** What a registry offers, as far as it was looked at. */
export interface Offered {
  /** Tags and what they name, what matters most first. */
  readonly images: ReadonlyMap<string, Digest>;
  /** Tags of which the registry did not say what they name. */
  readonly silent: ReadonlyMap<string, Failure>;
  /** Tags that were listed and not looked at, and whether all were listed. */
  readonly leftOut: number;
  readonly complete: boolean;
}

/** Whether this machine proved within the last interval that it is attested; proves it anew where that is longer ago. */
export type StillProven = () => Promise<boolean>;

/** A repository that is watched. Each step throws Failure. */
export interface WatchedRepository {
  /** `registry/path` */
  readonly repository: string;
  /**
   * What the registry offers now. It asks for each tag, which may take long, and asks `stillProven` before each: undefined where
   * that said no.
   */
  readonly offered: (signal: AbortSignal, stillProven: StillProven) => Promise<Offered | undefined>;
  /** Whether the image has a signature already that this signer would make. */
  readonly isSigned: (digest: Digest, signal: AbortSignal) => Promise<boolean>;
  /** Verifies, signs and publishes. */
  readonly sign: (digest: Digest, signal: AbortSignal) => Promise<AttestedSignature>;
}

/** What a watching signer does, one at a time; each throws Failure. */
export interface WatchSteps {
  /** Proves by Intel's rules that this machine is attested, and as what. */
  readonly attest: (signal: AbortSignal) => Promise<Attested>;
  /** Has the key broker agree. */
  readonly approve: (signal: AbortSignal) => Promise<void>;
  readonly repositories: readonly WatchedRepository[];
}

export interface WatchOptions {
  readonly state: ServiceState;
  readonly log: (entry: LogEntry) => void;
  readonly now: () => number;
  /** Rejects when the signal is aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Between two looks at the registry. */
  readonly intervalMilliseconds: number;
}

/** A digest that was tried in vain. */
interface Waiting {
  readonly tries: number;
  readonly notBefore: number;
}

const minute = 60_000;
/** An image may be pushed before its statements are: it is looked at again, ever less often. */
const refusedBackOff = { first: minute, most: 60 * minute };
/** What a repository may take of a round where others wait for theirs; it goes on in the next. */
const turn = 5 * minute;
/** Something is down: sooner, as it says nothing about the image. */
const failedBackOff = { first: 10_000, most: 10 * minute };

function waitAfter(tries: number, { first, most }: { readonly first: number; readonly most: number }): number {
  return Math.min(first * 2 ** Math.min(tries, 20), most);
}

/**
 * The service: looks at the repositories in turn, and verifies, signs and publishes what they offer, one image after the other.
 * Nothing is asked of a registry, and nothing signed, while the machine can't prove that it is attested, which it does anew
 * before each step that begins an interval or more after the last proof; how long a step takes is bounded. What does not verify is
 * logged and tried again ever less often, never in a loop; a repository that is slow, or has much that is new, takes no more than
 * minutes of a round. Ends when the signal is aborted; else it never returns. Throws only bugs.
 */
export async function watch(steps: WatchSteps, options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { state, log, sleep, intervalMilliseconds } = options;
  const watched = steps.repositories.map((each) => ({ each, known: nothingKnown() }));
  log({ level: "info", event: "started", ...endOfRoot(state) });
  let measured: string | undefined;
  let silentTries = 0;
  const prove = async (): Promise<void> => {
    const { machine, collateralExpires } = await steps.attest(signal);
    const facts = JSON.stringify(machine);
    if (facts !== measured) {
      // Before the key broker agrees: its policy, and the verifiers', take these values from here.
      log({ level: "info", event: "measured", ...machine });
      // Signatures of another platform or state than now may be worth less: each is looked at again.
      for (const { known } of watched) known.signed.clear();
    }
    measured = facts;
    await steps.approve(signal);
    beat({ machine, collateralExpires }, options);
  };
  while (!signal.aborted) {
    let answered = 0;
    let proven = await unlessDown(prove, options, signal);
    if (proven) state.polls += 1;
    for (const { each, known } of watched) {
      // What this machine can't prove is no repository's fault, and ends the round for all of them.
      if (!proven) break;
      const work = async (): Promise<void> => {
        proven = await round(each, options, { known, prove, ...(watched.length > 1 ? { turn } : {}) }, signal);
      };
      if (await unlessDown(work, options, signal, each)) answered += 1;
    }
    state.waiting = sum(watched.map(({ known }) => known.waiting.size));
    state.tagsLeftOut = sum(watched.map(({ known }) => known.unseen.leftOut));
    state.tagsUnlisted = watched.some(({ known }) => known.unseen.more);
    const went = proven && answered > 0;
    silentTries = went ? 0 : silentTries + 1;
    const pause = went ? intervalMilliseconds : waitAfter(silentTries - 1, failedBackOff);
    await sleep(pause, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
  log({ level: "info", event: "stopped", signed: state.signed, refused: state.refused, failed: state.failed });
}

const sum = (numbers: readonly number[]): number => numbers.reduce((one, other) => one + other, 0);

/** For each heartbeat, as the first lines are soon too old to be found: the machine stays attested when its image's root is too old, and signs nothing. */
function endOfRoot({ rootValidUntil }: ServiceState): { readonly rootValidUntil?: string } {
  return rootValidUntil === undefined ? {} : { rootValidUntil: new Date(rootValidUntil).toISOString() };
}

function beat({ machine, collateralExpires }: Attested, { state, log, now }: WatchOptions): void {
  state.attestedAt = now();
  state.tcbStatus = machine.tcbStatus;
  state.collateralExpires = collateralExpires.getTime();
  const ends = { collateralExpires: collateralExpires.toISOString(), ...endOfRoot(state) };
  log({ level: "info", event: attestedEvent, ...ends, ...machine });
}

/** Whether it went through; a Failure is logged, a bug is thrown. */
async function unlessDown(
  work: () => Promise<void>,
  { state, log }: WatchOptions,
  signal: AbortSignal,
  of?: WatchedRepository,
): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (signal.aborted) return true;
    if (!(error instanceof Failure)) throw error;
    state.failed += 1;
    log(downEntry(error, of === undefined ? {} : { repository: of.repository }));
    return false;
  }
}

/** What is remembered of a repository between two looks. */
interface Known {
  readonly signed: Set<Digest>;
  /** By tag, the code of why it was not answered for: it is logged when that changes. */
  readonly silent: Map<string, string>;
  readonly waiting: Map<Digest, Waiting>;
  /** Tags that were listed and not looked at, and whether there are more than were listed. */
  unseen: { readonly leftOut: number; readonly more: boolean };
}

function nothingKnown(): Known {
  return { signed: new Set(), silent: new Map(), waiting: new Map(), unseen: { leftOut: 0, more: false } };
}

/** What was not looked at is counted each time, and logged when it changes: one tag holds nobody up, and none is lost unheard. */
function tellUnseen(
  { silent, leftOut, complete }: Offered,
  { repository }: WatchedRepository,
  { state, log }: WatchOptions,
  known: Known,
): void {
  const before = known.silent;
  state.failed += silent.size;
  for (const [tag, failure] of silent) {
    if (before.get(tag) !== failure.code)
      log({ level: "error", event: "failed", repository, tags: [tag], ...wordsOf(failure) });
  }
  before.clear();
  for (const [tag, { code }] of silent) before.set(tag, code);
  const more = !complete;
  if (leftOut !== known.unseen.leftOut || more !== known.unseen.more) {
    const level = leftOut > 0 || more ? "warning" : "info";
    log({ level, event: "left-out", repository, tags: leftOut, more });
  }
  known.unseen = { leftOut, more };
}

interface Round {
  readonly known: Known;
  /** Proves again that the machine is attested, and beats; throws Failure where it is not. */
  readonly prove: () => Promise<void>;
  /** After so many milliseconds no further image is begun. */
  readonly turn?: number;
}

/** Whether the machine could prove all the while that it is attested: it ends where it can't. Throws what the registry throws. */
async function round(
  each: WatchedRepository,
  options: WatchOptions,
  { known, prove, turn: longest = Infinity }: Round,
  signal: AbortSignal,
): Promise<boolean> {
  const { state, log, now, intervalMilliseconds } = options;
  const { repository } = each;
  const { signed, waiting } = known;
  const start = now();
  // A round may last for an hour, and what is proven once is not proven for that long.
  const stillProven: StillProven = async () => {
    const age = now() - (state.attestedAt ?? -Infinity);
    // A clock that went back made no proof younger.
    if (age >= 0 && age < intervalMilliseconds) return true;
    const proven = await unlessDown(prove, options, signal);
    signal.throwIfAborted();
    return proven;
  };
  if (!(await stillProven())) return false;
  const offered = await each.offered(signal, stillProven);
  if (offered === undefined) return false;
  state.polledAt = now();
  tellUnseen(offered, each, options, known);
  const digests = new Set(offered.images.values());
  // What is not offered any more is forgotten: a registry can't fill this machine's memory with digests.
  for (const digest of signed) if (!digests.has(digest)) signed.delete(digest);
  for (const digest of waiting.keys()) if (!digests.has(digest)) waiting.delete(digest);
  // What was never tried comes first: with a turn that ends, what is tried in vain would keep the rest from it.
  const inOrder = [...digests].sort((one, other) => Number(waiting.has(one)) - Number(waiting.has(other)));
  for (const digest of inOrder) {
    signal.throwIfAborted();
    if (now() - start >= longest) break;
    const before = waiting.get(digest);
    if (signed.has(digest) || (before !== undefined && now() < before.notBefore)) continue;
    if (!(await stillProven())) return false;
    const tags = [...offered.images]
      .filter(([, named]) => named === digest)
      .map(([tag]) => tag)
      .slice(0, 20);
    const image = { repository, digest, tags };
    try {
      if (await each.isSigned(digest, signal)) log({ level: "info", event: "already-signed", ...image });
      else {
        const { referrer, signedAt, key } = await each.sign(digest, signal);
        state.signed += 1;
        log({ level: "info", event: "signed", ...image, referrer, signedAt, key });
      }
      signed.add(digest);
      waiting.delete(digest);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Failure)) throw error;
      const tries = before?.tries ?? 0;
      const isRefused = error.kind === "refused";
      if (isRefused) state.refused += 1;
      else state.failed += 1;
      const wait = waitAfter(tries, isRefused ? refusedBackOff : failedBackOff);
      waiting.set(digest, { tries: tries + 1, notBefore: now() + wait });
      const event = isRefused ? "refused" : "failed";
      const level = isRefused ? "warning" : "error";
      log({ level, event, ...image, againInSeconds: wait / 1000, ...wordsOf(error) });
    }
  }
  return true;
}
