import type * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { Failure } from "../../src/core/failure.ts";
import type { CiSecretsSettings, EnvironmentSettings, SecretSettings } from "./settings.ts";

/** Settings → arguments of @pulumi/github's resources. Pure; secrets stay outputs and are never looked into here. */

/** Values of secrets by `<environment>/<NAME>`; outputs alone, as a plain text would lie in some state in the clear. */
export type SecretValues = Readonly<Record<string, pulumi.Output<string>>>;

/** One secret that the settings name: where it goes, and where its value is to be read. */
export interface NeededSecret extends SecretSettings {
  /** `<environment>/<NAME>` */
  readonly key: string;
  readonly environment: string;
}

/** Every secret that the settings name, in their order: what a program has to read before it makes the component. */
export function neededSecrets(settings: CiSecretsSettings): NeededSecret[] {
  return settings.environments.flatMap((environment) =>
    environment.secrets.map((secret) => ({
      ...secret,
      key: `${environment.name}/${secret.name}`,
      environment: environment.name,
    })),
  );
}

/**
 * The values, each marked as secret, if there is exactly one for each secret that the settings name.
 * Throws (usage) SECRET_MISSING, SECRET_UNEXPECTED, SECRET_IN_PLAIN_TEXT, SEALING_SEED_MISSING; no message holds a value.
 */
export function checkedSecrets(
  settings: CiSecretsSettings,
  values: SecretValues,
  seed: pulumi.Output<string> | undefined,
): { readonly secrets: ReadonlyMap<string, pulumi.Output<string>>; readonly seed: pulumi.Output<string> } {
  const needed = neededSecrets(settings).map(({ key }) => key);
  const list = (keys: readonly string[]): string => keys.toSorted().join(", ");
  const given = Object.keys(values);
  const missing = needed.filter((key) => !given.includes(key));
  if (missing.length > 0) {
    throw failure("SECRET_MISSING", `No value was given for ${list(missing)}.`, "Read each secret from its source.");
  }
  const unexpected = given.filter((key) => !needed.includes(key));
  if (unexpected.length > 0) {
    throw failure(
      "SECRET_UNEXPECTED",
      `Values were given that no setting names: ${list(unexpected)}.`,
      "Name the secret in its environment's settings, or don't give it.",
    );
  }
  const plain = Object.entries({ ...values, ...(seed === undefined ? {} : { "the sealing seed": seed }) }).filter(
    ([, value]) => !pulumi.Output.isInstance(value),
  );
  if (plain.length > 0) {
    throw failure(
      "SECRET_IN_PLAIN_TEXT",
      `A plain text was given for ${list(plain.map(([key]) => key))}.`,
      "Give a secret output: `config.requireSecret(…)`, or `pulumi.secret(…)`.",
    );
  }
  if (seed === undefined && needed.length > 0) {
    throw failure(
      "SEALING_SEED_MISSING",
      `There are secrets to seal (${list(needed)}), but no seed to seal them with.`,
      "Make one with `openssl rand -base64 32`, and set it as a secret of the stack.",
    );
  }
  return {
    secrets: new Map(Object.entries(values).map(([key, value]) => [key, pulumi.secret(value)])),
    seed: pulumi.secret(seed ?? ""),
  };
}

/** What is kept in the component's state and diffed: settings only. A secret is its name, source and date. */
export function toState(settings: CiSecretsSettings): Record<string, unknown> {
  const { repository, registry, signing, environments, workloadIdentity } = settings;
  return {
    repository: `${repository.owner}/${repository.name}`,
    registry: registry.repository,
    signing,
    environments: environments.map(({ name, reviewers, refs, policyDigest, secrets, variables }) => ({
      ...{ name, reviewers, refs, policyDigest },
      secrets: secrets.map((secret) => ({ name: secret.name, source: secret.source, rotateBy: secret.rotateBy })),
      variables: Object.keys(variables).toSorted(),
    })),
    ...(workloadIdentity === undefined ? {} : { workloadIdentity }),
  };
}

/** An environment that nobody can wave through: administrators are held to the same rules. */
export function environmentArgs(
  settings: CiSecretsSettings,
  environment: EnvironmentSettings,
): github.RepositoryEnvironmentArgs {
  const { reviewers, refs } = environment;
  const teams = sortedNumbers(reviewers.teams);
  const users = sortedNumbers(reviewers.users);
  const protectedBranches = "protectedBranches" in refs;
  return {
    repository: settings.repository.name,
    environment: environment.name,
    ...(teams.length + users.length === 0 ? {} : { reviewers: [{ teams, users }] }),
    preventSelfReview: environment.preventSelfReview,
    canAdminsBypass: false,
    waitTimer: environment.waitMinutes,
    deploymentBranchPolicy: { protectedBranches, customBranchPolicies: !protectedBranches },
  };
}

/** One deployment policy: a kind and a pattern, which also name the resource, so that none is replaced for another. */
export interface DeploymentPolicy {
  readonly name: string;
  readonly pattern: { readonly branchPattern: string } | { readonly tagPattern: string };
}

export function deploymentPolicies({ refs }: EnvironmentSettings): DeploymentPolicy[] {
  if ("protectedBranches" in refs) return [];
  return [
    ...refs.branches
      .toSorted()
      .map((branchPattern) => ({ name: `branch-${branchPattern}`, pattern: { branchPattern } })),
    ...refs.tags.toSorted().map((tagPattern) => ({ name: `tag-${tagPattern}`, pattern: { tagPattern } })),
  ];
}

/** Variables whose values are known before anything is made; workload identities add theirs. Sorted by name. */
export function plainVariables(settings: CiSecretsSettings, environment: EnvironmentSettings): Map<string, string> {
  const all = {
    ...environment.variables,
    NEKO_TRUST_POLICY_DIGEST: environment.policyDigest,
    NEKO_TRUST_REGISTRY: settings.registry.repository,
    NEKO_TRUST_SIGNING: settings.signing,
  };
  return new Map(Object.entries(all).sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Where a sealed secret goes: part of what its seal is made from. */
export function sealingPlace(settings: CiSecretsSettings, { environment, name }: NeededSecret): string {
  return `${settings.repository.owner}/${settings.repository.name} ${environment} ${name}`;
}

function sortedNumbers(numbers: readonly number[]): number[] {
  return numbers.toSorted((left, right) => left - right);
}

function failure(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}
