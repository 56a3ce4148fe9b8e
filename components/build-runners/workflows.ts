import type * as pulumi from "@pulumi/pulumi";
import { Failure } from "../../src/core/failure.ts";
import type { Signer, TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import { refMatches } from "../../src/core/verify/check-identity.ts";
import type { BuildRunnersSettings } from "./settings.ts";

/**
 * TrustPolicy → the workflows that may use the runners, as GitHub's runner groups take them: `owner/name/path@ref`,
 * with an exact ref or a commit. Only jobs that are defined in a listed workflow itself get a runner.
 */

/** The policy's signers that the settings name. Throws RUNNER_SIGNER_UNKNOWN, RUNNER_SIGNER_REVOKED (usage). */
export function signersOf(policy: TrustPolicy, settings: BuildRunnersSettings): Signer[] {
  return settings.group.signers.map((id) => {
    const signer = policy.signers.find((entry) => entry.id === id);
    if (signer === undefined) {
      const known = policy.signers.map((entry) => entry.id).join(", ");
      throw failure("RUNNER_SIGNER_UNKNOWN", `The policy has no signer "${id}".`, `Name one of: ${known}.`);
    }
    if (policy.revoked.includes(id)) {
      const remedy = "Take it out of buildRunners.group.signers: nothing that it signs is accepted.";
      throw failure("RUNNER_SIGNER_REVOKED", `The policy has revoked signer "${id}".`, remedy);
    }
    return signer;
  });
}

/**
 * Every workflow, sorted, without duplicates. A pattern among a signer's refs stands for those of `group.refs` that
 * match it. Throws RUNNER_REF_NEEDED, RUNNER_REF_UNTRUSTED (usage).
 */
export function selectedWorkflows(policy: TrustPolicy, settings: BuildRunnersSettings): string[] {
  const signers = signersOf(policy, settings);
  const given = settings.group.refs ?? [];
  for (const ref of given) {
    if (signers.some((signer) => refMatches(ref, signer.refs))) continue;
    throw failure(
      "RUNNER_REF_UNTRUSTED",
      `${ref} matches none of the refs that the policy lets ${signers.map(({ id }) => id).join(", ")} sign for.`,
      "Take it out of buildRunners.group.refs, or name the signer that it belongs to.",
    );
  }
  return [...new Set(signers.flatMap((signer) => workflowsOf(signer, given)))].toSorted();
}

function workflowsOf(signer: Signer, given: readonly string[]): string[] {
  const { signerWorkflow: workflow } = signer;
  const file = `${workflow.repository}/${workflow.path}`;
  if ("sha" in workflow) return [`${file}@${workflow.sha}`];
  const refs = workflow.ref === "source" ? signer.refs : [workflow.ref];
  const exact = refs.flatMap((ref) => (ref.endsWith("*") ? given.filter((one) => refMatches(one, [ref])) : [ref]));
  if (exact.length > 0) return exact.map((ref) => `${file}@${ref}`);
  throw failure(
    "RUNNER_REF_NEEDED",
    `Signer "${signer.id}" signs for ${refs.join(", ")}, and GitHub's runner groups take exact refs only.`,
    "List the refs to be released next in buildRunners.group.refs, or pin the signer's workflow by sha in the policy.",
  );
}

/**
 * What signs must say where it runs: the certificate has it (extension .11), and the policy compares it.
 * Throws RUNNER_SIGNER_HOSTED, RUNNER_SIGNER_ELSEWHERE (usage).
 */
export function assertRunnerMatches(policy: TrustPolicy, settings: BuildRunnersSettings): void {
  if (settings.gce === undefined) return;
  for (const { id, runner } of signersOf(policy, settings)) {
    if (settings.gce.signs && runner === "github-hosted") {
      throw failure(
        "RUNNER_SIGNER_HOSTED",
        `buildRunners.gce.signs is true, but the policy takes signer "${id}" from github-hosted runners only.`,
        "Sign in a job on a hosted runner and set gce.signs: false, or set the signer's runner: self-hosted.",
      );
    }
    if (!settings.gce.signs && runner === "self-hosted") {
      throw failure(
        "RUNNER_SIGNER_ELSEWHERE",
        `buildRunners.gce.signs is false, but the policy takes signer "${id}" from self-hosted runners only.`,
        "Set gce.signs: true if its jobs run here, or set the signer's runner: github-hosted.",
      );
    }
  }
}

function failure(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}

/**
 * The account that starts machines: the one that CiSecrets makes for builds of the first signer that may use them. It is
 * there once `ciSecrets.workloadIdentity.builds` names that signer. Throws (in an update) RUNNER_STARTER_MISSING.
 */
export function starterOf(
  settings: BuildRunnersSettings,
  serviceAccounts: pulumi.Output<Record<string, string>>,
): pulumi.Output<string> {
  const [signer = ""] = settings.group.signers;
  return serviceAccounts.apply((accounts) => {
    const account = accounts[`${signer}-build`];
    if (account !== undefined) return account;
    throw new Failure({
      code: "RUNNER_STARTER_MISSING",
      kind: "usage",
      message: `ciSecrets makes no identity for builds of signer "${signer}", who is to start build machines.`,
      remedy: "Add it to ciSecrets.workloadIdentity.builds, or take buildRunners.gce out.",
    });
  });
}
