import type * as kubernetes from "@pulumi/kubernetes";
import type { ArcSettings } from "./arc-settings.ts";
import { metadataWithin } from "./metadata-addresses.ts";

/**
 * Settings → NetworkPolicies. Nothing may be reached but what is listed, and nothing comes in; the metadata servers are
 * taken out of every range that has them. They act only where the cluster's network enforces NetworkPolicies.
 */

type Rule = kubernetes.types.input.networking.v1.NetworkPolicyEgressRule;
type Peer = kubernetes.types.input.networking.v1.NetworkPolicyPeer;

/** One policy: the end of its resource's name, and its arguments. */
export interface NamedPolicy {
  readonly suffix: string;
  readonly args: kubernetes.networking.v1.NetworkPolicyArgs;
}

/** For the runners: DNS, GitHub and the listed destinations. */
export function runnerPolicies(settings: ArcSettings): NamedPolicy[] {
  const namespace = settings.namespaces.runners;
  return [
    denyAll(namespace),
    dns(settings, namespace),
    allow(namespace, "github", settings.github, [443]),
    ...(settings.egress ?? []).map((entry) => allow(namespace, entry.name, entry.cidrs, entry.ports)),
  ];
}

/** For the controller and its listeners: DNS, GitHub and the API server. */
export function controllerPolicies(settings: ArcSettings): NamedPolicy[] {
  const namespace = settings.namespaces.controller;
  return [
    denyAll(namespace),
    dns(settings, namespace),
    allow(namespace, "github", settings.github, [443]),
    allow(namespace, "api-server", settings.apiServer.cidrs, [settings.apiServer.port]),
  ];
}

function denyAll(namespace: string): NamedPolicy {
  return {
    suffix: "deny-all",
    args: {
      metadata: { name: "deny-all", namespace },
      spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
    },
  };
}

function dns({ dns: resolver }: ArcSettings, namespace: string): NamedPolicy {
  const pods: Peer = {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": resolver.namespace } },
    podSelector: { matchLabels: resolver.labels },
  };
  const addresses = (resolver.addresses ?? []).toSorted().map((cidr): Peer => ({ ipBlock: { cidr } }));
  const ports = ["TCP", "UDP"].map((protocol) => ({ protocol, port: 53 }));
  return egressPolicy(namespace, "dns", { to: [pods, ...addresses], ports });
}

function allow(namespace: string, name: string, cidrs: readonly string[], ports: readonly number[]): NamedPolicy {
  return egressPolicy(namespace, name, {
    to: cidrs.toSorted().map((cidr) => ({ ipBlock: ipBlock(cidr) })),
    ports: ports.toSorted((a, b) => a - b).map((port) => ({ protocol: "TCP", port })),
  });
}

/** An API server refuses an `except` that is outside its range, so only those within are named. */
function ipBlock(cidr: string): { cidr: string; except?: string[] } {
  const except = metadataWithin(cidr);
  return except.length === 0 ? { cidr } : { cidr, except };
}

function egressPolicy(namespace: string, name: string, rule: Rule): NamedPolicy {
  return {
    suffix: `allow-${name}`,
    args: {
      metadata: { name: `allow-${name}`, namespace },
      spec: { podSelector: {}, policyTypes: ["Egress"], egress: [rule] },
    },
  };
}
