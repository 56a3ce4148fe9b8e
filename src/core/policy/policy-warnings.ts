import { policyDigest } from "./policy-digest.ts";
import type { RootEntry } from "../sigstore/root-entries.ts";
import { and, counted, daysUntil, quoted, refWords, when } from "./explanation-words.ts";
import { rootAgeLimit } from "./root-age-limit.ts";
import type { TrustPolicy } from "./trust-policy.ts";

/** From so many days before it ends, a waiver or a root is warned of. */
const soon = 30;

/** What is weak in a policy, in words; `root` is what the trusted root holds, where it could be read. */
export function policyWarnings(policy: TrustPolicy, now: Date, root?: readonly RootEntry[]): string[] {
  return [
    ...requirementWarnings(policy),
    ...policy.signers.flatMap((signer) => signerWarnings(signer)),
    ...rebuildWarnings(policy),
    ...teeWarnings(policy),
    ...rootAgeWarnings(policy, now),
    ...(root === undefined ? [] : operatorWarnings(policy, now, root)),
    ...expiryWarnings(policy, now),
  ];
}

function requirementWarnings({ require, legacySignatures }: TrustPolicy): string[] {
  const missing = Object.entries(require)
    .filter(([, ids]) => ids.length === 0)
    .map(([kind]) => kind);
  return [
    ...missing.map((kind) => `No ${kind === "sbom" ? "SBOM" : kind} is asked for.`),
    ...(legacySignatures === undefined
      ? []
      : ["Signatures of cosign's older form count: sign with a current client, and remove legacySignatures."]),
  ];
}

function signerWarnings({ id, refs, runner }: TrustPolicy["signers"][number]): string[] {
  const branches = refs.filter((ref) => ref.startsWith("refs/heads/"));
  return [
    ...(runner === "self-hosted"
      ? [`"${id}" runs on self-hosted runners: whoever can reach one of them may sign as it.`]
      : []),
    ...(branches.length === 0
      ? []
      : [`"${id}" may sign on ${and(branches.map(refWords))}: whoever may push there can make a release.`]),
  ];
}

function teeWarnings({ tee, ...others }: TrustPolicy): string[] {
  if (tee === undefined) return [];
  const own = policyDigest(others).slice("sha256:".length);
  const weak = tee.statuses.filter((status) => status !== "UpToDate");
  return [
    ...(tee.platforms.length === 0
      ? ["The signer's platform is unbound: whoever extracted a key of any TDX machine can forge its quotes."]
      : []),
    ...(weak.length === 0
      ? []
      : [`Platforms of the TCB status ${and(weak)} may sign: their known faults may be open.`]),
    ...(tee.policyDigests.includes(own)
      ? []
      : [
          `The signer verifies under another policy than this one (none of tee.policyDigests is ${own}): what this one lets pass it may refuse, and the other way round.`,
        ]),
  ];
}

function rebuildWarnings({ rebuilds }: TrustPolicy): string[] {
  const { perPlatform, rebuilders, missing } = rebuilds;
  const issuers = [...new Set(rebuilders.map(({ identity }) => identity.issuer))];
  return [
    ...(perPlatform === 0
      ? ["No independent rebuild is asked for: whoever controls the one build controls the release."]
      : []),
    ...(rebuilders.length > 0 && missing === "allow"
      ? ["A rebuilder may stay silent (missing: allow): whoever can withhold a rebuild that differs can hide it."]
      : []),
    ...(rebuilders.length > 1 && issuers.length === 1
      ? [`All rebuilders have their identity from ${and(issuers)}: that is one failure domain, however many operators.`]
      : []),
  ];
}

function rootAgeWarnings(policy: TrustPolicy, now: Date): string[] {
  const { fetched, maxAge } = policy.roots.sigstore;
  const end = rootAgeLimit(policy).toISOString();
  const left = daysUntil(end, now);
  if (Date.parse(fetched) > now.getTime()) {
    return [`The root's date (fetched ${fetched}) lies in the future: every release is refused.`];
  }
  if (Date.parse(end) < now.getTime()) {
    return [
      `The root is older than ${maxAge} (fetched ${fetched}): every release is refused until "root update" is run.`,
    ];
  }
  return left < soon ? [`The root is refused from ${when(end, now)}: run "root update" before.`] : [];
}

const counts = [
  ["tlog", "transparency log"],
  ["ct", "certificate log"],
  ["tsa", "time-stamp authority"],
] as const;

/** Thresholds that the root can't meet, and those that one operator can meet alone. */
function operatorWarnings({ roots }: TrustPolicy, now: Date, root: readonly RootEntry[]): string[] {
  return counts.flatMap(([key, kind]) => {
    const used = root.filter(
      (entry) =>
        entry.kind === kind &&
        Date.parse(entry.start) <= now.getTime() &&
        (entry.end === undefined || Date.parse(entry.end) >= now.getTime()),
    );
    const operators = [...new Set(used.map(({ operator }) => operator))];
    const many = kind === "time-stamp authority" ? "time-stamp authorities" : `${kind}s`;
    if (used.length < roots[key]) {
      return [
        `${counted(roots[key], kind, many)} ${roots[key] === 1 ? "is" : "are"} demanded (roots.${key}), but the root has ${used.length} in use.`,
      ];
    }
    return operators.length === 1 && kind !== "certificate log"
      ? [`All ${many} of the root are run by ${and(quoted(operators))}: one operator can vouch alone.`]
      : [];
  });
}

function expiryWarnings({ thirdParty, freshness }: TrustPolicy, now: Date): string[] {
  const { rollback } = freshness;
  const exceptions = [
    ...thirdParty.map(({ repository, expires }) => ({ what: `The waiver for ${repository}`, expires })),
    ...(rollback === undefined
      ? []
      : [{ what: "The exception for going back (freshness.rollback)", expires: rollback.expires }]),
  ];
  return exceptions.flatMap(({ what, expires }) => {
    const left = daysUntil(expires, now);
    if (Date.parse(expires) <= now.getTime()) return [`${what} has ended: ${when(expires, now)}.`];
    return left < soon ? [`${what} ends soon: ${when(expires, now)}.`] : [];
  });
}
