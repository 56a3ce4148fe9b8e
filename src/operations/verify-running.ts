import type { RegistryClient } from "../adapters/registry/client.ts";
import { Failure } from "../core/failure.ts";
import type { Digest } from "../core/oci/digest.ts";
import { withoutAge } from "../core/policy/without-age.ts";
import { verifyImages } from "./verify-images.ts";
import type { ImageVerdict, VerifyImagesTerms } from "./verify-images.ts";
import { describeFinding } from "./verify-releases.ts";

/** What is known about an image that runs and is none of the stack's releases. */
export type RunningVerdict =
  | {
      readonly kind: "verified";
      /** Its platforms' manifests: a pod may name one of them instead of the index. */
      readonly platforms: readonly Digest[];
      /** Codes of what it does not fulfil any more, for age alone; empty when it would pass as a new release, too. */
      readonly aged: readonly string[];
    }
  | {
      readonly kind: "refused";
      /** Codes of findings, each once; with REVOKED, the policy revoked one of its digests or whoever signed it. */
      readonly codes: readonly string[];
    };

/** Where an image runs, and its `repository@digest`. */
export interface RunningToVerify {
  readonly image: string;
  readonly clusters: readonly string[];
}

/** Each is some ten requests: more distinct ones than this are no rollout that is under way. */
const mostRunning = 500;

/**
 * What a release comes to by time alone: it was good when it was signed. It has to go on running until it is replaced, as an
 * update that brings a newer one must not be held up by the old one.
 */
const ofAge: ReadonlySet<string> = new Set([
  "VERSION_TOO_OLD",
  "RELEASE_TOO_OLD",
  "ROLLBACK_EXPIRED",
  "SCAN_TOO_OLD",
  "VULNERABILITY_REFUSED",
]);

/**
 * Verifies what runs, each image once, under the stack's policy; one that fails for its age alone is verified again without
 * that demand. Throws RUNNING_TOO_MANY, and EVIDENCE_UNAVAILABLE when the registry can't be asked about one of them: that is
 * neither a proof nor a refusal.
 */
export async function verifyRunning(
  client: RegistryClient,
  running: readonly RunningToVerify[],
  terms: VerifyImagesTerms,
): Promise<ReadonlyMap<string, RunningVerdict>> {
  if (running.length > mostRunning) throw tooMany(running);
  const verify = async (images: readonly string[], policy = terms.policy): Promise<ImageVerdict[]> => {
    const verdicts = await verifyImages(client, images, { ...terms, policy });
    if (verdicts.some(isSilent)) throw unavailable(verdicts, running);
    return verdicts;
  };
  const known = new Map<string, RunningVerdict>();
  const old = new Map<string, readonly string[]>();
  for (const verdict of await verify(running.map(({ image }) => image))) {
    const codes = codesOf(verdict);
    if (codes.length > 0 && codes.every((code) => ofAge.has(code))) old.set(verdict.reference, codes);
    else known.set(verdict.reference, runningVerdict(verdict));
  }
  for (const verdict of await verify([...old.keys()], withoutAge(terms.policy))) {
    known.set(verdict.reference, runningVerdict(verdict, old.get(verdict.reference)));
  }
  return known;
}

function runningVerdict(verdict: ImageVerdict, aged: readonly string[] = []): RunningVerdict {
  if (verdict.kind !== "verified") return { kind: "refused", codes: codesOf(verdict) };
  return { kind: "verified", platforms: verdict.release.manifest.platforms.map(({ digest }) => digest), aged };
}

/** What refused it, each code once; "absent" is an answer: what is gone from the registry proves nothing. */
function codesOf(verdict: ImageVerdict): readonly string[] {
  if (verdict.kind === "verified") return [];
  if (verdict.kind === "unanswered") return [verdict.failure.code];
  const refusals = verdict.findings.filter(({ severity }) => severity === "refuse");
  return [...new Set(refusals.map(({ code }) => code))];
}

/** Whether only the registry's silence stands between the evidence and a verdict. Age says nothing about who made it. */
function isSilent(verdict: ImageVerdict): boolean {
  if (verdict.kind === "unanswered") {
    return verdict.failure.kind === "unavailable" && verdict.failure.code !== "REGISTRY_ABSENT";
  }
  const others = codesOf(verdict).filter((code) => !ofAge.has(code));
  return others.length > 0 && others.every((code) => code.startsWith("REGISTRY_"));
}

function unavailable(verdicts: readonly ImageVerdict[], running: readonly RunningToVerify[]): Failure {
  const clusters = new Map(running.map(({ image, clusters: names }) => [image, names]));
  const silent = verdicts.filter(isSilent);
  return new Failure({
    code: "EVIDENCE_UNAVAILABLE",
    kind: "unavailable",
    message: `The evidence for ${silent.length === 1 ? "an image that runs and is" : `${silent.length} images that run and are`} none of the stack's releases can't be read: neither proven nor refused.`,
    remedy:
      "Mend what each line says, then try again; nothing was changed. A digest that the policy revokes is not asked for.",
    details: silent.map((verdict) => {
      const { reference } = verdict;
      return `${reference} in cluster ${(clusters.get(reference) ?? []).join(", ")}: ${whySilent(verdict)}`;
    }),
  });
}

function whySilent(verdict: ImageVerdict): string {
  if (verdict.kind === "unanswered") return `${verdict.failure.message} ${verdict.failure.remedy}`;
  if (verdict.kind === "verified") return "it verifies";
  const [finding] = verdict.findings.filter(({ code }) => code.startsWith("REGISTRY_"));
  return finding === undefined ? "the registry did not answer" : describeFinding(finding);
}

function tooMany(running: readonly RunningToVerify[]): Failure {
  const byCluster = new Map<string, number>();
  for (const name of running.flatMap(({ clusters }) => clusters)) byCluster.set(name, (byCluster.get(name) ?? 0) + 1);
  return new Failure({
    code: "RUNNING_TOO_MANY",
    kind: "refused",
    message: `${running.length} digests of the policy's images run that are none of the stack's releases; at most ${mostRunning} are verified.`,
    remedy:
      "Find out who runs so many. Delete those pods, or revoke their digests in the policy: what is revoked is not verified.",
    details: [...byCluster].map(([name, count]) => `cluster ${name} runs ${count} of them`),
  });
}
