import { and, or, quoted, refWords } from "./explanation-words.ts";
import type { Rebuilder, Signer, TrustPolicy } from "./trust-policy.ts";

type Identity = Omit<Signer, "id"> | Rebuilder["identity"];

/** Whom an identity stands for, as the end of a sentence: every field of it is named. */
export function identityWords(identity: Identity): string {
  const { repository, repositoryId, ownerId, refs, triggers, environment, runner, issuer } = identity;
  return [
    workflowWords(identity),
    `run for ${repository} (repository id ${repositoryId}, owner id ${ownerId})`,
    `on ${or(refs.map(refWords))}`,
    `started by ${or(triggers)}`,
    runner === "github-hosted" ? "on GitHub's own runners" : "on self-hosted runners",
    environment === undefined ? "in no deployment environment" : `in the deployment environment "${environment}"`,
    `with a token of ${issuer}`,
  ].join(", ");
}

function workflowWords({ signerWorkflow, callerWorkflow }: Identity): string {
  const { repository, path } = signerWorkflow;
  const own = callerWorkflow.repository === repository && callerWorkflow.path === path;
  const caller = own ? "" : `, called by ${callerWorkflow.path} of ${callerWorkflow.repository}`;
  if ("sha" in signerWorkflow) {
    return `the workflow ${path} of ${repository} as it is at commit ${signerWorkflow.sha}${caller}`;
  }
  const { ref } = signerWorkflow;
  const place = ref === "source" ? "at the ref that it runs for" : `at ${refWords(ref)}`;
  return `the workflow ${path} of ${repository} ${place}${caller}`;
}

/** One sentence for each signer: who it is, and what it is trusted for. */
export function signerSentences(policy: TrustPolicy): string[] {
  if (policy.signers.length === 0) return ["It trusts nobody."];
  return policy.signers.map(({ id, ...identity }) => {
    const kinds = trustedFor(id, policy);
    const trust = policy.revoked.includes(id)
      ? "It is revoked, and counts for nothing."
      : kinds.length === 0
        ? "It is trusted for nothing."
        : `It is trusted for ${and(kinds)}.`;
    return `"${id}" is ${identityWords(identity)}. ${trust}`;
  });
}

function trustedFor(id: string, { require, vulnerabilities }: TrustPolicy): string[] {
  const lists: readonly [string, readonly string[]][] = [
    ["signatures", require.signature],
    ["release manifests", require.manifest],
    ["provenance", require.provenance],
    ["SBOMs", require.sbom],
    ["vulnerability scans", vulnerabilities?.signers ?? []],
  ];
  return lists.filter(([, ids]) => ids.includes(id)).map(([kind]) => kind);
}

/** What has to be there for each release, and by whom. */
export function requirementSentences({ require, legacySignatures }: TrustPolicy): string[] {
  const demand = (what: string, ids: readonly string[]): string =>
    ids.length === 0
      ? `It asks for no ${what}.`
      : `It needs a ${what} by ${or(quoted(ids))}: at least one has to be there, and every valid one by them has to pass.`;
  return [
    demand("signature of the image index", require.signature),
    demand("release manifest of the image index", require.manifest),
    demand("provenance of each platform", require.provenance),
    demand("SBOM of each platform", require.sbom).replace("a SBOM", "an SBOM"),
    legacySignatures === undefined
      ? "A signature of cosign's older form (the tag sha256-….sig) does not count."
      : "A signature of cosign's older form (the tag sha256-….sig) counts as one, too.",
  ];
}
