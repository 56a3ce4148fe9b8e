import type * as gcp from "@pulumi/gcp";
import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { assertSealable, sealSecret } from "../../src/core/github/seal-secret.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import { requireProviders } from "../../src/core/require-providers.ts";
import {
  checkedSecrets,
  deploymentPolicies,
  environmentArgs,
  neededSecrets,
  plainVariables,
  sealingPlace,
  toState,
} from "./args.ts";
import type { NeededSecret, SecretValues } from "./args.ts";
import { makeGoogleIdentities } from "./google.ts";
import type { GoogleIdentity } from "./google.ts";
import { overdueSecrets } from "./rotation.ts";
import type { CiSecretsSettings, EnvironmentSettings } from "./settings.ts";

export interface CiSecretsArgs {
  /** The stack's settings, parsed by `ciSecretsSettingsSchema`; plain, so that a mistake shows before the engine runs. */
  readonly settings: CiSecretsSettings;
  /** Whose signers the `builds` of the workload identity are, and who may not deploy. */
  readonly policy: TrustPolicy;
  /** One secret output per secret of the settings, by `<environment>/<NAME>` (`neededSecrets` lists them). */
  readonly secrets: SecretValues;
  /** 32 random bytes in base64, the stack's own; needed as soon as there is a secret. Another seed seals all anew. */
  readonly sealingSeed?: pulumi.Output<string>;
  /** The time of this run: secrets whose day has passed are told. */
  readonly now: Date;
}

/** Options of a component, with its providers spelt out; `gcp` is needed where the settings have a workload identity. */
export type CiSecretsOptions = pulumi.ComponentResourceOptions & {
  providers: { github: github.Provider; gcp?: gcp.Provider };
};

/**
 * What CI may know and become: protected environments with their secrets and variables, and the Google Cloud accounts
 * that exactly their jobs may use. No secret is readable in the state: each is sealed for GitHub before it is handed on.
 */
export class CiSecrets extends pulumi.ComponentResource {
  /** Names of the environments. */
  readonly environments: pulumi.Output<string[]>;
  /** `<environment>/<NAME>` of each secret that was set. */
  readonly secretNames: pulumi.Output<string[]>;
  /** Full names of the workload identity providers, by identity. */
  readonly identityProviders: pulumi.Output<Record<string, string>>;
  /** E-mail addresses of the service accounts, by identity. */
  readonly serviceAccounts: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: CiSecretsArgs, opts: CiSecretsOptions) {
    const { settings } = args;
    const { workloadIdentity: workload } = settings;
    requireProviders("CiSecrets", opts, workload === undefined ? ["github"] : ["github", "gcp"]);
    const { secrets, seed } = checkedSecrets(settings, args.secrets, args.sealingSeed);
    const overdue = overdueSecrets(settings, args.now);
    super("neko-trust:github:CiSecrets", name, toState(settings), opts);
    for (const line of overdue) void pulumi.log.warn(`${line} Make a new value and move rotateBy.`, this);
    const environments = new Map(
      settings.environments.map((environment) => [environment.name, this.#environment(name, settings, environment)]),
    );
    const needed = neededSecrets(settings);
    for (const secret of needed) {
      const environment = environments.get(secret.environment);
      const value = secrets.get(secret.key);
      if (environment === undefined || value === undefined) continue;
      this.#secret(`${name}-${secret.environment}-${secret.name}`, environment, {
        ...{ settings, secret, value, seed },
      });
    }
    const identities =
      workload === undefined
        ? []
        : makeGoogleIdentities({ name, settings, workload, policy: args.policy, parent: this, environments });
    for (const identity of identities) this.#identityVariables(name, environments, identity);

    this.environments = pulumi.output(settings.environments.map((environment) => environment.name).toSorted());
    this.secretNames = pulumi.output(needed.map(({ key }) => key).toSorted());
    this.identityProviders = pulumi.output(Object.fromEntries(identities.map(({ id, provider }) => [id, provider])));
    this.serviceAccounts = pulumi.output(
      Object.fromEntries(identities.map(({ id, serviceAccount }) => [id, serviceAccount])),
    );
    this.registerOutputs({
      environments: this.environments,
      secretNames: this.secretNames,
      identityProviders: this.identityProviders,
      serviceAccounts: this.serviceAccounts,
    });
  }

  /** The environment, what may be deployed from, and the variables that are known. */
  #environment(
    name: string,
    settings: CiSecretsSettings,
    environment: EnvironmentSettings,
  ): github.RepositoryEnvironment {
    const prefix = `${name}-${environment.name}`;
    const made = new github.RepositoryEnvironment(`${prefix}-environment`, environmentArgs(settings, environment), {
      parent: this,
    });
    const inside = { repository: made.repository, environment: made.environment };
    for (const policy of deploymentPolicies(environment)) {
      new github.RepositoryEnvironmentDeploymentPolicy(
        `${prefix}-${policy.name}`,
        { ...inside, ...policy.pattern },
        { parent: this },
      );
    }
    for (const [variableName, value] of plainVariables(settings, environment)) {
      this.#variable(prefix, made, variableName, value);
    }
    return made;
  }

  #variable(
    prefix: string,
    made: github.RepositoryEnvironment,
    variableName: string,
    value: pulumi.Input<string>,
  ): void {
    new github.ActionsEnvironmentVariable(
      `${prefix}-${variableName}`,
      { repository: made.repository, environment: made.environment, variableName, value },
      { parent: this },
    );
  }

  #secret(
    name: string,
    environment: github.RepositoryEnvironment,
    sealing: {
      readonly settings: CiSecretsSettings;
      readonly secret: NeededSecret;
      readonly value: pulumi.Output<string>;
      readonly seed: pulumi.Output<string>;
    },
  ): void {
    const place = sealingPlace(sealing.settings, sealing.secret);
    // Apart from the key, so that a faulty value is told by the first plan, when there is no environment to ask yet.
    const sealable = pulumi.all([sealing.value, sealing.seed]).apply(([value, seed]) => {
      assertSealable({ value, seed, place });
      return { value, seed, place };
    });
    // The id is unknown until the environment is there: GitHub has no key for one that is not.
    const made = environment.id;
    const key = github.getActionsEnvironmentPublicKeyOutput(
      {
        repository: pulumi.all([made, environment.repository]).apply(([, repository]) => repository),
        environment: pulumi.all([made, environment.environment]).apply(([, own]) => own),
      },
      { parent: this },
    );
    new github.ActionsEnvironmentSecret(
      name,
      {
        repository: environment.repository,
        environment: environment.environment,
        secretName: sealing.secret.name,
        keyId: key.keyId,
        valueEncrypted: pulumi.all([sealable, key.key]).apply(([secret, publicKey]) => sealSecret(secret, publicKey)),
      },
      { parent: this },
    );
  }

  #identityVariables(
    name: string,
    environments: ReadonlyMap<string, github.RepositoryEnvironment>,
    identity: GoogleIdentity,
  ): void {
    const made = identity.environment === undefined ? undefined : environments.get(identity.environment);
    if (made === undefined || identity.environment === undefined) return;
    const prefix = `${name}-${identity.environment}`;
    this.#variable(prefix, made, "NEKO_TRUST_IDENTITY_PROVIDER", identity.provider);
    this.#variable(prefix, made, "NEKO_TRUST_SERVICE_ACCOUNT", identity.serviceAccount);
  }
}
