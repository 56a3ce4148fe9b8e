import { randomBytes } from "node:crypto";
import { Failure } from "../../core/failure.ts";
import { readTrustedRoot } from "../../core/sigstore/trusted-root.ts";
import { verifyTimestamp } from "../../core/sigstore/verify-timestamp.ts";
import { describeFinding } from "../verify-releases.ts";
import type { AttestedSigner } from "./attested-signer.ts";

type Clock = Pick<AttestedSigner, "timestamps" | "trustedRoot" | "now">;

/** A clock further off from the authority's judges ages and windows wrongly; stamping itself takes seconds. */
const mostClockSkewMilliseconds = 2 * 60_000;
const hour = 60 * 60_000;

/**
 * The first authority's stamp of these bytes, RFC 3161, where this clock agrees with it: ages and windows are judged with this
 * clock. Throws ATTESTED_NO_AUTHORITY (usage), ATTESTED_TIME_INVALID, ATTESTED_CLOCK (refused), and what the authority throws.
 */
export async function stampByClock(
  { timestamps, trustedRoot, now }: Clock,
  imprint: Uint8Array,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const [stamp] = timestamps;
  if (stamp === undefined) {
    throw new Failure({
      code: "ATTESTED_NO_AUTHORITY",
      kind: "usage",
      message: "An attested signature needs a time-stamp authority, and none is named.",
      remedy: "Name one of the trusted root with --tsa-url.",
    });
  }
  const stamped = await stamp(imprint, signal);
  const root = readTrustedRoot(trustedRoot);
  const verdict = root.ok
    ? verifyTimestamp(stamped, imprint, root.proof)
    : { ok: false as const, fault: describeFinding(root.findings[0]) };
  if (!verdict.ok) {
    throw new Failure({
      code: "ATTESTED_TIME_INVALID",
      kind: "refused",
      message: `The time stamp is not by an authority that the trusted root names: ${verdict.fault}.`,
      remedy: "Use a time-stamp authority of the trusted root in the signer's image.",
    });
  }
  const difference = now().getTime() - verdict.time.time.getTime();
  if (Math.abs(difference) <= mostClockSkewMilliseconds) return stamped;
  throw new Failure({
    code: "ATTESTED_CLOCK",
    kind: "refused",
    message: `This machine's clock is ${Math.round(Math.abs(difference) / 1000)} s ${difference > 0 ? "ahead of" : "behind"} the time-stamp authority's.`,
    remedy: "Set the clock (chrony, the metadata server): with a wrong one, old releases look fresh.",
  });
}

/** Whether this clock is an authority's, before anything is judged by it. Throws as stampByClock. */
export async function requireClock(clock: Clock, signal?: AbortSignal): Promise<void> {
  await stampByClock(clock, randomBytes(32), signal);
}

/**
 * The same for a service: asks the authority once an hour, and whenever the clock was set. Throws ATTESTED_CLOCK alone: an
 * authority that does not answer says nothing of the clock, and signing tells of it.
 */
export function clockWatch(clock: Clock): (signal: AbortSignal) => Promise<void> {
  const offset = (): number => clock.now().getTime() - performance.now();
  let agreed: { readonly at: number; readonly offset: number } | undefined;
  return async (signal) => {
    if (
      agreed !== undefined &&
      Math.abs(offset() - agreed.offset) < mostClockSkewMilliseconds &&
      performance.now() - agreed.at < hour
    )
      return;
    agreed = undefined;
    try {
      await requireClock(clock, signal);
      agreed = { at: performance.now(), offset: offset() };
    } catch (error) {
      if (!(error instanceof Failure) || error.code === "ATTESTED_CLOCK") throw error;
    }
  };
}
