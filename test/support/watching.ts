import assert from "node:assert/strict";
import { Failure } from "../../src/core/failure.ts";
import type { FailureKind } from "../../src/core/failure.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import type { LogEntry } from "../../src/core/signer-log.ts";
import type { MachineFacts } from "../../src/operations/attested-key/machine-facts.ts";
import { newServiceState } from "../../src/operations/attested-key/service-state.ts";
import type { ServiceState } from "../../src/operations/attested-key/service-state.ts";
import type { AttestedSignature } from "../../src/operations/attested-key/sign-attested.ts";
import { watch } from "../../src/operations/attested-key/watch.ts";
import type { Offered, WatchedRepository, WatchSteps } from "../../src/operations/attested-key/watch.ts";
import { sampleDigest } from "./policies.ts";
import { sampleReleaseData } from "./releases.ts";

const minute = 60_000;

/** What a watching signer could know of its machine. */
export const sampleMachine: MachineFacts = {
  mrtd: "a".repeat(96),
  rtmr0: "b".repeat(96),
  rtmr1: "c".repeat(96),
  rtmr2: "d".repeat(96),
  rtmr3: "0".repeat(96),
  ppid: "e".repeat(32),
  fmspc: "f".repeat(12),
  tcbStatus: "UpToDate",
  advisories: [],
  evaluation: 20,
  policy: sampleDigest("9"),
};

/** What a registry offers that answers for all of its tags, unless said otherwise. */
export function offering(images: readonly (readonly [string, Digest])[], rest: Partial<Offered> = {}): Offered {
  return { images: new Map(images), silent: new Map(), leftOut: 0, complete: true, ...rest };
}

export function failure(kind: FailureKind, code: string): Failure {
  return new Failure({ code, kind, message: `${code} happened.`, remedy: "Mend it." });
}

export function signatureOf(digest: Digest): AttestedSignature {
  return {
    resolved: `registry/x@${digest}`,
    referrer: sampleDigest("c"),
    listedBy: "api",
    release: sampleReleaseData(digest),
    key: "ephemeral",
    fingerprint: sampleDigest("d"),
    challengedAt: "2026-11-27T00:00:00.000Z",
    signedAt: "2026-11-27T00:00:01.000Z",
  };
}

/** The steps of a service that watches one repository, in one. */
export type FlatSteps = Omit<WatchSteps, "repositories"> & Omit<WatchedRepository, "repository">;

/** The steps that watch() takes: one repository, and others beside it. */
export function stepsOf(
  { attest, approve, ...steps }: FlatSteps,
  others: readonly WatchedRepository[] = [],
): WatchSteps {
  return { attest, approve, repositories: [{ repository: "registry/x", ...steps }, ...others] };
}

export interface WatchedRun {
  /** With the seconds since the start. */
  readonly log: readonly (LogEntry & { readonly at: number })[];
  readonly signed: readonly (readonly [digest: Digest, at: number])[];
  readonly state: ServiceState;
  /** The clock at the end. */
  readonly time: number;
}

/** Runs the service for so many minutes of a clock that moves only while it sleeps, and while it signs and looks if that takes time. */
export async function runFor(
  minutes: number,
  changes: Partial<FlatSteps>,
  {
    signMilliseconds = 0,
    lookMilliseconds = 0,
    others = [],
  }: {
    readonly signMilliseconds?: number;
    /** Before each `stillProven` of `offered`. */
    readonly lookMilliseconds?: number;
    readonly others?: readonly WatchedRepository[];
  } = {},
): Promise<WatchedRun> {
  const start = 1_800_000_000_000;
  let time = start;
  const log: (LogEntry & { readonly at: number })[] = [];
  const signed: (readonly [Digest, number])[] = [];
  const state = newServiceState();
  const stop = new AbortController();
  const sinceStart = (): number => Math.round((time - start) / 1000);
  const steps: FlatSteps = {
    attest: () => Promise.resolve({ machine: sampleMachine, collateralExpires: new Date(start + 10 * minute) }),
    approve: () => Promise.resolve(),
    offered: () => Promise.resolve(offering([["v1", sampleDigest("a")]])),
    isSigned: () => Promise.resolve(false),
    sign: (digest) => Promise.resolve(signatureOf(digest)),
    ...changes,
  };
  const { sign, offered } = steps;
  await watch(
    stepsOf(
      {
        ...steps,
        offered: (signal, stillProven) =>
          offered(signal, () => {
            time += lookMilliseconds;
            return stillProven();
          }),
        sign: (digest, signal) => {
          signed.push([digest, sinceStart()]);
          time += signMilliseconds;
          return sign(digest, signal);
        },
      },
      others,
    ),
    {
      state,
      log: (entry) => log.push({ ...entry, at: sinceStart() }),
      now: () => time,
      intervalMilliseconds: minute,
      sleep: (milliseconds) => {
        assert.ok(milliseconds > 0, "it never spins");
        time += milliseconds;
        if (time - start > minutes * minute) stop.abort();
        return Promise.resolve();
      },
    },
    stop.signal,
  );
  return { log, signed, state, time };
}

/** What was logged, without what each round and each machine begins with. */
export const events = (log: readonly LogEntry[]): string[] =>
  log.map(({ event }) => event).filter((event) => event !== "attested" && event !== "measured");
