import { readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import * as command from "@pulumi/command";
import * as gcp from "@pulumi/gcp";
import * as github from "@pulumi/github";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { Failure, reasonOf } from "../core/failure.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { StackSecrets } from "./secrets.ts";
import type { StackConfig } from "./stack-config.ts";

/**
 * Explicit providers, one per cluster and one for GitHub; default providers are never used. Those of environment
 * `local` point at a dead loopback port with dummy credentials: without the lab's stand-ins they reach nothing.
 */

/** The discard port: nothing listens there, so that a connection is refused at once. */
const deadEndpoint = "127.0.0.1:9";

const deadKubeconfig = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "dead", cluster: { server: `https://${deadEndpoint}` } }],
  users: [{ name: "nobody", user: { token: "not-a-credential" } }],
  contexts: [{ name: "dead", context: { cluster: "dead", user: "nobody" } }],
  "current-context": "dead",
});

/** GitHub's provider. `offline`: the plan is made without its token, which an offline preview can't decrypt. */
export function githubProvider(
  config: StackConfig,
  context: { readonly offline: boolean; readonly secrets: StackSecrets },
): github.Provider {
  const owner = config.githubOwner ?? "";
  if (config.policy.environment === "local" || context.offline) {
    return new github.Provider("github", {
      owner,
      token: pulumi.secret("not-a-credential"),
      baseUrl: `http://${deadEndpoint}/`,
    });
  }
  return new github.Provider("github", { owner, token: context.secrets.required("githubToken") });
}

function kubeconfigOf(cluster: StackConfig["clusters"][number], checkout: string): string {
  const path = cluster.kubeconfig ?? "";
  try {
    return readFileSync(isAbsolute(path) ? path : join(checkout, path), "utf8");
  } catch (error) {
    throw new Failure(
      {
        code: "KUBECONFIG_UNREADABLE",
        kind: "usage",
        message: `The kubeconfig of cluster "${cluster.name}" can't be read: ${reasonOf(error)}.`,
        remedy: `Correct clusters in the stack's file, or create ${path}.`,
      },
      { cause: error },
    );
  }
}

export interface ClusterProvider {
  readonly name: string;
  readonly provider: kubernetes.Provider;
  readonly runs: readonly ("workloads" | "key-broker" | "runners")[];
}

/** One provider per cluster, server-side apply on. `offline`: the plan is made without reading any kubeconfig. */
export function clusterProviders(
  config: StackConfig,
  context: { readonly checkout: string; readonly offline: boolean },
): ClusterProvider[] {
  const dead = config.policy.environment === "local" || context.offline;
  return config.clusters.map((cluster) => ({
    name: cluster.name,
    runs: cluster.runs ?? ["workloads"],
    provider: new kubernetes.Provider(`cluster-${cluster.name}`, {
      kubeconfig: pulumi.secret(dead ? deadKubeconfig : kubeconfigOf(cluster, context.checkout)),
      enableServerSideApply: true,
      ...(cluster.context === undefined || dead ? {} : { context: cluster.context }),
    }),
  }));
}

/** Google Cloud's provider. Local or `offline`: a universe that doesn't exist, so that no call reaches an account. */
export function gcpProvider(config: StackConfig, context: { readonly offline: boolean }): gcp.Provider {
  const { project, region, zone } = config.gcp ?? {};
  const place = {
    ...(project === undefined ? {} : { project }),
    ...(region === undefined ? {} : { region }),
    ...(zone === undefined ? {} : { zone }),
  };
  if (config.policy.environment === "local" || context.offline) {
    const accessToken = pulumi.secret("not-a-credential");
    return new gcp.Provider("gcp", { ...place, accessToken, universeDomain: "neko-lab.invalid" });
  }
  // Credentials come from the surroundings, as Google's libraries look for them: in CI from workload identity.
  return new gcp.Provider("gcp", place);
}

/** For the few things that GitHub's provider has no resource for; the commands are this program's own. */
export function commandProvider(): command.Provider {
  return new command.Provider("command");
}

/** GitHub's API for those commands; of no use in environment `local`, whose address resolves nowhere. */
export function gitHubApi(
  config: StackConfig,
  context: { readonly secrets: StackSecrets; readonly release: Digest | undefined },
): { url: string; token: pulumi.Output<string>; release?: Digest } {
  const url = config.policy.environment === "local" ? "https://api.github.invalid" : "https://api.github.com";
  return {
    url,
    token: context.secrets.required("githubToken"),
    ...(context.release === undefined ? {} : { release: context.release }),
  };
}
