import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { Failure } from "../../src/core/failure.ts";
import type { Pins } from "../../src/core/pins/pins.ts";
import type { ArcSettings } from "./arc-settings.ts";
import { runnerAccount } from "./arc-values.ts";
import type { RunnersApp } from "./args.ts";
import { largest, resourceList, total } from "./quantities.ts";

/** Settings → arguments of the objects beside the charts: namespaces, account, limits and the App's Secret. */

/** What is kept in the part's state and diffed: settings only, nothing secret. */
export function arcState(settings: ArcSettings, cluster: string, pins: Pins): Record<string, unknown> {
  return {
    cluster,
    namespaces: settings.namespaces,
    podSecurity: settings.podSecurity,
    github: settings.github.toSorted(),
    egress: settings.egress ?? [],
    scaleSets: settings.scaleSets.map(({ name, minRunners, maxRunners }) => ({ name, minRunners, maxRunners })),
    // Helm fetches a chart by version; its digest is what `neko-trust pin` found and compares.
    charts: pins.charts
      .filter(({ name }) => name.startsWith("arc-"))
      .map((pin) => `${pin.name} ${pin.version} ${pin.digest}`),
  };
}

/** A namespace in which the Pod Security Standard is enforced, and told of in the audit log. */
export function namespaceArgs(name: string, level: "restricted" | "baseline"): kubernetes.core.v1.NamespaceArgs {
  const modes = ["audit", "enforce", "warn"].flatMap((mode) => [
    [`pod-security.kubernetes.io/${mode}`, level],
    [`pod-security.kubernetes.io/${mode}-version`, "latest"],
  ]);
  return { metadata: { name, labels: Object.fromEntries(modes) as Record<string, string> } };
}

/** The level of the runners' namespace. */
export function runnerLevel({ podSecurity }: ArcSettings): "restricted" | "baseline" {
  return podSecurity === "restricted" ? "restricted" : podSecurity.level;
}

/** An account that has no token and is bound to no role. */
export function runnerAccountArgs(settings: ArcSettings): kubernetes.core.v1.ServiceAccountArgs {
  return {
    metadata: { name: runnerAccount, namespace: settings.namespaces.runners },
    automountServiceAccountToken: false,
  };
}

/**
 * Room for all runners twice: one that ends overlaps with its successor, and ARC gives a runner up after five pods that
 * the quota refused (actions-runner-controller issue 4102). No services, no volumes that outlive a job.
 */
export function quotaArgs(settings: ArcSettings): kubernetes.core.v1.ResourceQuotaArgs {
  const shares = settings.scaleSets.map((set) => ({ amounts: set.resources, count: set.maxRunners * 2 }));
  const amounts = Object.entries(resourceList(total(shares)));
  const bounds = ["limits", "requests"].flatMap((side) => amounts.map(([key, amount]) => [`${side}.${key}`, amount]));
  const pods = shares.reduce((sum, { count }) => sum + count, 0);
  return {
    metadata: { name: "runners", namespace: settings.namespaces.runners },
    spec: {
      hard: {
        ...(Object.fromEntries(bounds) as Record<string, string>),
        persistentvolumeclaims: "0",
        pods: String(pods),
        services: "0",
      },
    },
  };
}

/** A container that names no limits gets those of the largest scale set, and none gets more. */
export function limitRangeArgs(settings: ArcSettings): kubernetes.core.v1.LimitRangeArgs {
  const most = resourceList(largest(settings.scaleSets.map(({ resources }) => resources)));
  return {
    metadata: { name: "runners", namespace: settings.namespaces.runners },
    spec: { limits: [{ type: "Container", default: most, defaultRequest: most, max: most }] },
  };
}

/** Named by the key's generation: ARC reads a Secret once, so a new key needs a new name (issue 3182). */
export function appSecretName(settings: ArcSettings): string {
  return `github-app-${settings.appKeyGeneration}`;
}

/** The App's credentials, as ARC reads them. Every value is a secret, whether or not it came as one. */
export function appSecretArgs(settings: ArcSettings, app: RunnersApp): kubernetes.core.v1.SecretArgs {
  return {
    metadata: { name: appSecretName(settings), namespace: settings.namespaces.runners },
    type: "Opaque",
    stringData: {
      github_app_id: pulumi.secret(app.id),
      github_app_installation_id: pulumi.secret(app.installationId),
      github_app_private_key: pulumi.secret(app.privateKey.apply(withoutToken)),
    },
  };
}

/** The App's key as it is. Throws GITHUB_TOKEN_REFUSED (refused): a person's token outlives the person's role, an App's key does not. */
export function withoutToken(key: string): string {
  if (!/^(?:gh[a-z]_|github_pat_)/.test(key)) return key;
  throw new Failure({
    code: "GITHUB_TOKEN_REFUSED",
    kind: "refused",
    message: "The runners' App key is a token of a person.",
    remedy: "Make a GitHub App with the organisation permission self-hosted runners: write, and give its private key.",
  });
}

/** Throws SECRET_IN_PLAIN_TEXT (refused) for credentials that a caller without types gave as plain text. */
export function assertSecretOutputs(app: RunnersApp): void {
  const plain = Object.entries(app).filter(([, value]) => !pulumi.Output.isInstance(value));
  if (plain.length === 0) return;
  throw new Failure({
    code: "SECRET_IN_PLAIN_TEXT",
    kind: "refused",
    message: `The runners' App credentials were given in plain text: ${plain.map(([key]) => key).join(", ")}.`,
    remedy: "Pass secret outputs, for example new pulumi.Config().requireSecret(…).",
  });
}
