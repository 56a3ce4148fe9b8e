import { grantFaults } from "./grant-relations.ts";
import type { CiSecretsSettings, EnvironmentSettings } from "./settings.ts";

/** What one setting demands of another. */
export interface RelationFault {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Names that this component gives, so that no setting can say something else under them. */
export const ownPrefix = "NEKO_TRUST_";
const mostReviewers = 6;

/** Every fault, so that all come at once. Pure. */
export function settingsRelations(settings: CiSecretsSettings): RelationFault[] {
  return [
    ...repeatedNames(settings),
    ...settings.environments.flatMap((environment, index) =>
      environmentFaults(settings, environment).map(({ path, message }) => ({
        path: ["environments", index, ...path],
        message,
      })),
    ),
    ...keyFaults(settings),
    ...identityFaults(settings),
    ...grantFaults(settings),
  ];
}

function repeatedNames({ environments }: CiSecretsSettings): RelationFault[] {
  // GitHub takes names in any case for the same environment.
  const names = environments.map(({ name }) => name.toLowerCase());
  return names.flatMap((name, index) =>
    names.indexOf(name) === index
      ? []
      : [{ path: ["environments", index, "name"], message: "must not repeat an environment, in whatever case" }],
  );
}

function environmentFaults(settings: CiSecretsSettings, environment: EnvironmentSettings): RelationFault[] {
  const faults: RelationFault[] = [];
  const { teams, users } = environment.reviewers;
  if (teams.length + users.length > mostReviewers) {
    faults.push({ path: ["reviewers"], message: `must not be more than ${mostReviewers} teams and users together` });
  }
  if (environment.preventSelfReview && teams.length + users.length === 0) {
    faults.push({ path: ["preventSelfReview"], message: "must be false where nobody reviews" });
  }
  const secrets = environment.secrets.map(({ name }) => name);
  secrets.forEach((name, index) => {
    const path = ["secrets", index, "name"];
    const fault = (message: string): void => void faults.push({ path, message });
    if (secrets.indexOf(name) !== index) fault("must not repeat a secret");
    if (name === "GHCR_ACCESS_TOKEN" && settings.registry.access === "public") {
      fault("must not be there while registry.access is public: a job reads without a token, and writes with its own");
    }
    if (["COSIGN_KEY", "COSIGN_PASSWORD"].includes(name) && settings.signing === "keyless") {
      fault("must not be there while signing is keyless: there is no key");
    }
    if (name === "COSIGN_PASSWORD" && !secrets.includes("COSIGN_KEY")) {
      fault("must stand beside COSIGN_KEY, whose password it is");
    }
    if (name.startsWith(ownPrefix)) fault(`must not start with ${ownPrefix}: those are variables of this component`);
  });
  for (const name of Object.keys(environment.variables)) {
    if (name.startsWith(ownPrefix)) {
      faults.push({ path: ["variables", name], message: `must not start with ${ownPrefix}: those are set here` });
    } else if (secrets.includes(name)) {
      faults.push({ path: ["variables", name], message: "must not have the name of a secret" });
    }
  }
  return faults;
}

function keyFaults({ signing, environments }: CiSecretsSettings): RelationFault[] {
  const held = environments.some(({ secrets }) => secrets.some(({ name }) => name === "COSIGN_KEY"));
  if (signing === "keyless" || held) return [];
  return [{ path: ["signing"], message: 'must be "keyless" where no environment has the secret COSIGN_KEY' }];
}

function identityFaults({ workloadIdentity, environments }: CiSecretsSettings): RelationFault[] {
  if (workloadIdentity === undefined) return [];
  const { deployments, builds } = workloadIdentity;
  const ids = [...deployments, ...builds].map(({ id }) => id);
  const placesOf = ({ plan, apply, drift }: (typeof deployments)[number]) =>
    Object.entries({ plan, apply, ...(drift === undefined ? {} : { drift }) });
  const places = deployments.flatMap((one) => placesOf(one).map(([, { environment }]) => environment));
  const faults: RelationFault[] = [];
  const fault = (path: (string | number)[], message: string): void =>
    void faults.push({ path: ["workloadIdentity", ...path], message });
  deployments.forEach((deployment, index) => {
    const approved = environments.find(({ name }) => name === deployment.apply.environment);
    if (ids.indexOf(deployment.id) !== index) fault(["deployments", index, "id"], "must not repeat an id");
    for (const [use, { environment }] of placesOf(deployment)) {
      const path = ["deployments", index, use, "environment"];
      const found = environments.find(({ name }) => name === environment);
      if (found === undefined) fault(path, "must be one of environments");
      else if (use === "apply" && found.reviewers.teams.length + found.reviewers.users.length === 0) {
        fault(path, "must have reviewers: nobody else stands between a push and the account");
      }
      if (found !== undefined && approved !== undefined && found.policyDigest !== approved.policyDigest) {
        fault(path, `must have the policyDigest of ${approved.name}, its apply's environment: one stack, one approval`);
      }
      if (places.filter((place) => place === environment).length > 1) {
        fault(path, "must not be the environment of another plan, apply or drift");
      }
    }
  });
  builds.forEach(({ id }, index) => {
    if (ids.indexOf(id) !== deployments.length + index) fault(["builds", index, "id"], "must not repeat an id");
  });
  return faults;
}
