import type { Digest } from "../../core/oci/digest.ts";

/** What a watching signer knows of itself: what health, metrics and back-off go by. All times in milliseconds since 1970. */
export interface ServiceState {
  /** The last time at which this machine proved to be attested. */
  attestedAt: number | undefined;
  /** What Intel said then, and until when the collateral holds. */
  tcbStatus: string | undefined;
  collateralExpires: number | undefined;
  /** Until when the policy in this image takes the trusted root in it: after that no image verifies here. */
  rootValidUntil: number | undefined;
  polledAt: number | undefined;
  polls: number;
  signed: number;
  refused: number;
  failed: number;
  /** Digests that wait for another try. */
  waiting: number;
  /** Tags that were listed in the last round and not looked at, and whether there are more than were listed. */
  tagsLeftOut: number;
  tagsUnlisted: boolean;
}

export function newServiceState(): ServiceState {
  return {
    attestedAt: undefined,
    tcbStatus: undefined,
    collateralExpires: undefined,
    rootValidUntil: undefined,
    polledAt: undefined,
    polls: 0,
    signed: 0,
    refused: 0,
    failed: 0,
    waiting: 0,
    tagsLeftOut: 0,
    tagsUnlisted: false,
  };
}

/** How long a proof of being attested counts: a heartbeat (a minute, four at most), and time for slow collateral or evidence. */
export const attestedMilliseconds = 5 * 60_000;

/** Healthy means attested, lately and by Intel's rules; a process that merely runs is not healthy. */
export function isAttested({ attestedAt }: Pick<ServiceState, "attestedAt">, now: number): boolean {
  return attestedAt !== undefined && now >= attestedAt && now - attestedAt <= attestedMilliseconds;
}

const seconds = (milliseconds: number | undefined): number => Math.floor((milliseconds ?? 0) / 1000);

/** The state as Prometheus reads it (exposition formats, "Text-based format", version 0.0.4). */
export function metricsText(
  state: ServiceState,
  { now, policy }: { readonly now: number; readonly policy: Digest },
): string {
  const metrics = [
    ["attested", "gauge", "Whether this machine proved lately that it is attested.", isAttested(state, now) ? 1 : 0],
    ["attested_timestamp_seconds", "gauge", "When it last proved it; 0 for never.", seconds(state.attestedAt)],
    ["collateral_expires_timestamp_seconds", "gauge", "When Intel's statements end.", seconds(state.collateralExpires)],
    [
      "root_valid_until_timestamp_seconds",
      "gauge",
      "When this image's trusted root is too old to sign by.",
      seconds(state.rootValidUntil),
    ],
    ["tcb_up_to_date", "gauge", "Whether Intel calls the platform UpToDate.", state.tcbStatus === "UpToDate" ? 1 : 0],
    ["polled_timestamp_seconds", "gauge", "When the registry last answered; 0 for never.", seconds(state.polledAt)],
    ["polls_total", "counter", "How often the registry was asked.", state.polls],
    ["signatures_total", "counter", "Signatures that were published.", state.signed],
    ["refusals_total", "counter", "Images that did not verify and were not signed.", state.refused],
    ["failures_total", "counter", "Tries that ended because something was down.", state.failed],
    ["waiting", "gauge", "Digests that wait for another try.", state.waiting],
    ["tags_left_out", "gauge", "Tags that the last round did not look at.", state.tagsLeftOut],
    ["tags_unlisted", "gauge", "Whether there are more tags than are listed.", state.tagsUnlisted ? 1 : 0],
  ] as const;
  const written = metrics.map(([name, type, help, value]) => {
    const full = `neko_trust_signer_${name}`;
    return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${full} ${value}\n`;
  });
  const info = "neko_trust_signer_policy_info";
  const about = `# HELP ${info} The policy in this image.\n# TYPE ${info} gauge\n${info}{digest="${policy}"} 1\n`;
  return [...written, about].join("");
}
