import type * as gcp from "@pulumi/gcp";
import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { AdmissionPolicies } from "./components/admission-policies/component.ts";
import { BuildRunners } from "./components/build-runners/component.ts";
import { starterOf } from "./components/build-runners/workflows.ts";
import { CiSecrets } from "./components/ci-secrets/component.ts";
import { ConfidentialSigner } from "./components/confidential-signer/component.ts";
import { GhcrRepository } from "./components/ghcr-repository/component.ts";
import { KeyBroker } from "./components/key-broker/component.ts";
import { neededPins } from "./components/needed-pins.ts";
import { directoriesOf } from "./src/adapters/directories/directories.ts";
import { digestOfPolicies } from "./src/config/digest-of-policies.ts";
import { guardUpdate } from "./src/config/guard-update.ts";
import { clusterProviders, commandProvider, gcpProvider, gitHubApi, githubProvider } from "./src/config/providers.ts";
import { readPins } from "./src/config/read-pins.ts";
import { readPulumiConfig } from "./src/config/read-config.ts";
import { stackSecrets } from "./src/config/secrets.ts";
import { refuseForeignStandIns } from "./src/config/stand-in-guard.ts";
import { openRegistry } from "./src/operations/open-registry.ts";
import { openSignerRelease } from "./src/operations/open-signer-release.ts";
import { planAdmission } from "./src/operations/plan-admission.ts";
import { planReleases, verifyReleases } from "./src/operations/verify-releases.ts";

export interface ProgramContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Plan from the stack's file alone: releases are not verified, kubeconfigs not read. Only a preview may do so. */
  readonly offline: boolean;
}

/**
 * The program: configuration → verified releases → components → outputs. Nothing is provisioned from a release that
 * does not verify. A function, as a second operation in one process must register everything again.
 */
export default async function program(given: Partial<ProgramContext> = {}): Promise<Record<string, unknown>> {
  const environment = given.environment ?? process.env;
  const offline = given.offline ?? environment["NEKO_TRUST_OFFLINE"] === "1";
  const dryRun = pulumi.runtime.isDryRun();
  const stack = pulumi.getStack();
  refuseForeignStandIns(stack, { environment, offline, dryRun });

  const directories = directoriesOf(import.meta.dirname, environment);
  const { checkout } = directories;
  const config = readPulumiConfig(pulumi.runtime.allConfig(), stack, directories);
  const pins = readPins(checkout);
  let google: gcp.Provider | undefined;
  const ownGoogle = () => (google ??= gcpProvider(config, { offline }));
  const guard = { environment, offline, dryRun, stack, checkout, pins, needed: neededPins(config), google: ownGoogle };
  for (const warning of await guardUpdate(config, guard)) void pulumi.log.warn(warning);

  const now = new Date();
  const client = openRegistry(environment);
  const proving = { client, checkout, now };
  const signer = await openSignerRelease(config, { ...proving, offline, folder: `${directories.cache}/signer-disks` });
  const releases = offline ? planReleases(config) : await verifyReleases(config, proving);

  const { policy } = config;
  // Before any resource is made: a cluster that can't be read, or runs what would be refused, stops the whole update.
  const unread = offline || policy.environment === "local";
  const admission = await planAdmission(config, releases, { ...proving, unread });
  const secrets = stackSecrets(config, { directories, offline });
  const clusters = clusterProviders(config, { checkout, offline });
  const clusterThatRuns = (what: string) => clusters.find(({ runs }) => (runs as readonly string[]).includes(what));
  const outputs: Record<string, unknown> = {
    policy: policy.name,
    policyDigest: digestOfPolicies(config),
    releases: releases.map(({ current }) => `${current.data.repository}@${current.data.digest}`),
  };

  // What exists once, for all environments.
  const github = config.githubOwner === undefined ? undefined : githubProvider(config, { offline, secrets });
  const gcp = config.gcp === undefined ? undefined : ownGoogle();
  const repository =
    config.ghcrRepository === undefined || github === undefined
      ? undefined
      : new GhcrRepository(
          "ghcr-repository",
          {
            settings: config.ghcrRepository,
            api: gitHubApi(config, { secrets, release: releases[0]?.current.data.digest }),
          },
          { providers: { github, command: commandProvider() } },
        );
  const ci =
    config.ciSecrets === undefined || github === undefined || gcp === undefined
      ? undefined
      : new CiSecrets(
          "ci-secrets",
          { settings: config.ciSecrets, policy, now, ...secrets.ofCi(config.ciSecrets, gcp) },
          { providers: { github, gcp } },
        );
  if (ci !== undefined) {
    outputs["identities"] = { providers: ci.identityProviders, serviceAccounts: ci.serviceAccounts };
  }
  if (repository !== undefined) outputs["repository"] = repository.fullName;
  if (config.buildRunners !== undefined && repository !== undefined && github !== undefined) {
    const cluster = clusterThatRuns("runners");
    const runners = new BuildRunners(
      "build-runners",
      {
        ...{ settings: config.buildRunners, policy, pins, cluster: cluster?.name },
        repository: { id: repository.repositoryId, fullName: repository.fullName },
        app: secrets.ofRunners(),
        starter: ci && starterOf(config.buildRunners, ci.serviceAccounts),
      },
      { providers: { github, ...kubernetesOf(cluster?.provider), ...(gcp === undefined ? {} : { gcp }) } },
    );
    outputs["runners"] = { group: runners.group, workflows: runners.workflows };
  }

  // The signer's machines, and who gives them their credential.
  const broker = clusterThatRuns("key-broker");
  if (config.keyBroker !== undefined && signer !== undefined && broker !== undefined) {
    const settings = config.keyBroker;
    const keyBroker = new KeyBroker(
      "key-broker",
      {
        ...{ settings, policy: signer.policy, signer: signer.current.signer, pins, now },
        ...(signer.retained[0] === undefined ? {} : { next: signer.retained[0].signer }),
        secrets: secrets.ofBroker(settings),
      },
      { provider: broker.provider },
    );
    outputs["keyBroker"] = {
      url: keyBroker.publicUrl,
      attestationPolicy: keyBroker.attestationPolicyDigest,
      resourcePolicy: keyBroker.resourcePolicyDigest,
      referenceValues: keyBroker.referenceValuesDigest,
    };
  }
  if (config.confidentialSigner !== undefined && signer !== undefined && gcp !== undefined) {
    const machines = new ConfidentialSigner(
      "confidential-signer",
      {
        settings: config.confidentialSigner,
        ...signer.current,
        retained: signer.retained,
      },
      { providers: { gcp } },
    );
    outputs["signers"] = { instances: machines.instances, measurements: machines.measurements };
  }

  // What the clusters admit.
  const settings = config.admissionPolicies;
  if (settings !== undefined) {
    outputs["admissionLists"] = clusters.flatMap(({ name, provider }) => {
      const plan = admission.get(name);
      if (plan === undefined) return [];
      for (const warning of plan.warnings) void pulumi.log.warn(warning);
      const policies = new AdmissionPolicies(
        `admission-${name}`,
        { ...plan, policy, settings, now, pins },
        { provider },
      );
      return [{ cluster: name, list: policies.list, digest: policies.listDigest }];
    });
  }
  return outputs;
}

function kubernetesOf(provider: kubernetes.Provider | undefined): { kubernetes?: kubernetes.Provider } {
  return provider === undefined ? {} : { kubernetes: provider };
}
