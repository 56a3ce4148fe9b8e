import * as pulumi from "@pulumi/pulumi";
import { AdmissionPolicies } from "./components/admission-policies/component.ts";
import { GhcrRepository } from "./components/ghcr-repository/component.ts";
import { directoriesOf } from "./src/adapters/directories/directories.ts";
import { clusterProviders, githubProvider } from "./src/config/providers.ts";
import { readPulumiConfig } from "./src/config/read-config.ts";
import { refuseForeignStandIns } from "./src/config/stand-in-guard.ts";
import { openRegistry } from "./src/operations/open-registry.ts";
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
  const stack = pulumi.getStack();
  refuseForeignStandIns(stack, { environment, offline, dryRun: pulumi.runtime.isDryRun() });

  const directories = directoriesOf(import.meta.dirname, environment);
  const config = readPulumiConfig(pulumi.runtime.allConfig(), stack, directories);
  const { checkout } = directories;
  const now = new Date();
  const client = openRegistry(environment);
  const releases = offline ? planReleases(config) : await verifyReleases(config, { client, checkout, now });

  const outputs: Record<string, unknown> = {
    policy: config.policy.name,
    releases: releases.map(({ current }) => `${current.data.repository}@${current.data.digest}`),
  };

  if (config.ghcrRepository !== undefined) {
    const provider = githubProvider(config, { offline });
    const repository = new GhcrRepository("ghcr-repository", { settings: config.ghcrRepository }, { provider });
    outputs["repository"] = repository.fullName;
  }

  const settings = config.admissionPolicies;
  if (settings !== undefined) {
    const { policy } = config;
    outputs["admissionLists"] = clusterProviders(config, { checkout, offline }).map(({ name, provider }) => {
      const args = { cluster: name, policy, settings, releases, now };
      const policies = new AdmissionPolicies(`admission-${name}`, args, { provider });
      return { cluster: name, list: policies.list, digest: policies.listDigest };
    });
  }
  return outputs;
}
