import type * as kubernetes from "@pulumi/kubernetes";
import { places } from "../../src/core/compile/key-broker/places.ts";
import { serviceHost } from "./args.ts";
import type { BrokerPlan } from "./args.ts";
import { metadata, partLabels } from "./objects.ts";
import type { Peer } from "./settings.ts";

type PolicyPeer = kubernetes.types.input.networking.v1.NetworkPolicyPeer;
type Egress = kubernetes.types.input.networking.v1.NetworkPolicyEgressRule;

function peerOf(peer: Peer): PolicyPeer {
  if ("cidr" in peer) return { ipBlock: { cidr: peer.cidr } };
  return {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": peer.namespace } },
    podSelector: { matchLabels: peer.pods },
  };
}

const tcp = (port: number) => [{ protocol: "TCP", port }];

function dnsEgress({ settings }: BrokerPlan): Egress {
  return {
    to: [peerOf(settings.network.dns)],
    ports: [
      { protocol: "UDP", port: 53 },
      { protocol: "TCP", port: 53 },
    ],
  };
}

/** Nothing in the namespace reaches or is reached by anything, unless another policy says so. */
export function denyAllArgs(plan: BrokerPlan): kubernetes.networking.v1.NetworkPolicyArgs {
  return {
    metadata: metadata(plan, "deny-all"),
    spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"], ingress: [], egress: [] },
  };
}

/**
 * In: the listed clients and the publication's Job. Out: names, collateral, the database. A NetworkPolicy sees ports, not
 * routes: what keeps clients from the admin routes is the administrator's token, and from outside the gateway.
 */
export function brokerPolicyArgs(plan: BrokerPlan): kubernetes.networking.v1.NetworkPolicyArgs {
  const { settings } = plan;
  const { trustee, collateral } = settings;
  return {
    metadata: metadata(plan, "broker"),
    spec: {
      podSelector: { matchLabels: partLabels(plan, "broker") },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        {
          from: [
            ...settings.network.clients.map(peerOf),
            { podSelector: { matchLabels: partLabels(plan, "publisher") } },
          ],
          ports: tcp(places.port),
        },
      ],
      egress: [
        dnsEgress(plan),
        { to: collateral.peers.map(peerOf), ports: tcp(collateral.port) },
        ...(trustee.kind === "split"
          ? [{ to: trustee.postgres.peers.map(peerOf), ports: tcp(trustee.postgres.port) }]
          : []),
      ],
    },
  };
}

export function publisherPolicyArgs(plan: BrokerPlan): kubernetes.networking.v1.NetworkPolicyArgs {
  return {
    metadata: metadata(plan, "publisher"),
    spec: {
      podSelector: { matchLabels: partLabels(plan, "publisher") },
      policyTypes: ["Ingress", "Egress"],
      ingress: [],
      egress: [
        dnsEgress(plan),
        { to: [{ podSelector: { matchLabels: partLabels(plan, "broker") } }], ports: tcp(places.port) },
      ],
    },
  };
}

/** The routes of a client: path and method, exactly. */
export function clientRoutes(plan: BrokerPlan): { path: string; method: "GET" | "POST" }[] {
  return [
    { path: "/kbs/v0/auth", method: "POST" },
    { path: "/kbs/v0/attest", method: "POST" },
    ...plan.compiled.resources.map((path) => ({ path: `/kbs/v0/resource/${path}`, method: "GET" as const })),
  ];
}

/**
 * HTTPRoute (gateway.networking.k8s.io/v1): an Ingress can't ask for a method, nor say that what lies behind speaks TLS.
 * No admin route, no /metrics, no prefix.
 */
export function routeArgs(
  plan: BrokerPlan,
  gateway: NonNullable<BrokerPlan["settings"]["gateway"]>,
): kubernetes.apiextensions.CustomResourceArgs {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: metadata(plan),
    spec: {
      parentRefs: [
        {
          group: "gateway.networking.k8s.io",
          kind: "Gateway",
          name: gateway.name,
          namespace: gateway.namespace,
          sectionName: gateway.section,
        },
      ],
      hostnames: [gateway.hostname],
      rules: [
        {
          matches: clientRoutes(plan).map(({ path, method }) => ({ path: { type: "Exact", value: path }, method })),
          backendRefs: [{ group: "", kind: "Service", name: plan.settings.name, port: places.port, weight: 1 }],
        },
      ],
    },
  };
}

/** The gateway verifies the broker: without it, a gateway speaks plain HTTP to a backend. */
export function backendTlsArgs(plan: BrokerPlan, authority: string): kubernetes.apiextensions.CustomResourceArgs {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "BackendTLSPolicy",
    metadata: metadata(plan),
    spec: {
      targetRefs: [{ group: "", kind: "Service", name: plan.settings.name, sectionName: "https" }],
      validation: {
        caCertificateRefs: [{ group: "", kind: "ConfigMap", name: authority }],
        hostname: serviceHost(plan.settings),
      },
    },
  };
}
