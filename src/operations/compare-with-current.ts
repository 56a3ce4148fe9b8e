import type { RegistryClient } from "../adapters/registry/client.ts";
import { Failure } from "../core/failure.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import { formatDigestReference, parseDigestReference } from "../core/release/reference.ts";
import type { ReleaseChange } from "../core/release/release-list.ts";
import { versionStep } from "../core/release/version-step.ts";
import type { OpenStackFile } from "./edit-stack-file.ts";
import { verifyImage } from "./verify-image.ts";
import type { VerifyImageRequest } from "./verify-image.ts";
import { isUnavailable, releaseRefused } from "./verify-releases.ts";

/** What both releases are verified under. */
export type Under = Pick<VerifyImageRequest, "policy" | "trustedRoot" | "now" | "tee">;

/** Whether the new release is older than the current one, where that can still be told. */
export async function compareWithOld(
  client: RegistryClient,
  { image, old, current, retained }: ReleaseChange,
  version: string,
  under: Under,
): Promise<{ readonly oldVersion?: string; readonly older?: string; readonly notes: readonly string[] }> {
  if (old === undefined) return { notes: [] };
  const before = await versionOf(client, image, old, under);
  if (typeof before !== "string") {
    const kept = retained.includes(old) && !under.policy.revoked.includes(old);
    return {
      notes: [
        `What was current does not verify any more (${before.why.join(", ")}), so its version is not known and was not compared.`,
        ...(kept ? ["As a retained release it has to verify, too: leave it out with --drop-old."] : []),
      ],
    };
  }
  const known = { oldVersion: before, notes: [] };
  switch (versionStep(before, { version, digest: current }, under.policy, under.now)) {
    case "newer":
      return known;
    case "same":
      return { ...known, notes: [`Both are version ${version}, with other bytes.`] };
    case "older":
      return { ...known, older: `${image}: ${before} (${old}) → ${version} (${current})` };
    case "rollback":
      return { ...known, notes: [rollbackNote(under.policy)] };
  }
}

function rollbackNote({ freshness: { rollback } }: TrustPolicy): string {
  const { expires = "", reason = "", approvedBy = "" } = rollback ?? {};
  return `Goes back to an older version, as freshness.rollback allows until ${expires}: ${reason} (approved by ${approvedBy}).`;
}

/** The version of a release that verifies, or why it does not. A registry that can't be asked is no answer to that. */
async function versionOf(
  client: RegistryClient,
  repository: string,
  digest: Digest,
  under: Under,
): Promise<string | { readonly why: readonly string[] }> {
  const reference = parseDigestReference(formatDigestReference(repository, digest));
  try {
    const { resolved, result } = await verifyImage(client, { reference, ...under });
    if (result.ok) return result.proof.data.manifest.version;
    if (isUnavailable(result.findings)) throw releaseRefused(resolved, under.policy.name, result.findings);
    const refusals = result.findings.filter(({ severity }) => severity === "refuse");
    return { why: [...new Set(refusals.map(({ code }) => code))] };
  } catch (error) {
    if (error instanceof Failure && error.code === "REGISTRY_ABSENT") return { why: [error.code] };
    throw error;
  }
}

/** The refusal to go back without an exception: RELEASE_OLDER, with both versions of each image. */
export function olderReleases(open: OpenStackFile, older: readonly string[]): Failure {
  return new Failure({
    code: "RELEASE_OLDER",
    kind: "refused",
    message: `${older.length === 1 ? "The release is" : "Releases are"} older than what stack ${open.stack} runs: nothing was changed.`,
    remedy: `To go back, have digest, reason, approvedBy and expires reviewed in freshness.rollback of ${open.file} first.`,
    details: older,
  });
}
