import type * as gcp from "@pulumi/gcp";
import type * as pulumi from "@pulumi/pulumi";
import type { GceSettings } from "./gce-settings.ts";

/**
 * Settings → arguments of the machines' network: nothing comes in, and out goes only what is listed. A firewall can't
 * stop the metadata server, which answers inside the host: the image has to (see the README).
 */

export function networkArgs({ project, name }: GceSettings): gcp.compute.NetworkArgs {
  return {
    project,
    name: `${name}-network`,
    description: "Build runners only",
    autoCreateSubnetworks: false,
    routingMode: "REGIONAL",
    // Without the default route Cloud NAT has none to the internet.
    deleteDefaultRoutesOnCreate: false,
  };
}

export function subnetworkArgs(
  { project, region, name }: GceSettings,
  network: pulumi.Input<string>,
  cidr: string,
): gcp.compute.SubnetworkArgs {
  return {
    project,
    region,
    name: `${name}-subnet`,
    network,
    ipCidrRange: cidr,
    stackType: "IPV4_ONLY",
    // Google's APIs are reached through the allow-list, like everything else.
    privateIpGoogleAccess: false,
    logConfig: { aggregationInterval: "INTERVAL_5_SEC", flowSampling: 1, metadata: "INCLUDE_ALL_METADATA" },
  };
}

export function routerArgs(
  { project, region, name }: GceSettings,
  network: pulumi.Input<string>,
): gcp.compute.RouterArgs {
  return { project, region, name: `${name}-router`, network };
}

/** Machines have no address of their own: whatever leaves passes here, and is logged. */
export function natArgs(
  { project, region, name }: GceSettings,
  router: pulumi.Input<string>,
  subnetwork: pulumi.Input<string>,
): gcp.compute.RouterNatArgs {
  return {
    project,
    region,
    name: `${name}-nat`,
    router,
    natIpAllocateOption: "AUTO_ONLY",
    sourceSubnetworkIpRangesToNat: "LIST_OF_SUBNETWORKS",
    subnetworks: [{ name: subnetwork, sourceIpRangesToNats: ["PRIMARY_IP_RANGE"] }],
    logConfig: { enable: true, filter: "ALL" },
  };
}

/** One firewall rule: the end of its resource's name, and its arguments. */
export interface NamedRule {
  readonly suffix: string;
  readonly args: gcp.compute.FirewallArgs;
}

/** Before every rule that a network usually has (1000); what is allowed comes before what denies the rest. */
const priorities = { denyIngress: 10, allow: 20, denyEgress: 30 } as const;

/**
 * The rules, all of them logged. In a network of the runners' own they hold for whatever is in it; in an existing one for
 * machines with the runners' account, as a tag could be left out by whoever starts a machine.
 */
export function firewallRules(
  settings: GceSettings,
  place: { readonly network: pulumi.Input<string>; readonly account: pulumi.Input<string> },
): NamedRule[] {
  const { project, name, network } = settings;
  const shared = (suffix: string, description: string) => ({
    project,
    name: `${name}-${suffix}`,
    description,
    network: place.network,
    logConfig: { metadata: "INCLUDE_ALL_METADATA" },
    ...(network.kind === "own" ? {} : { targetServiceAccounts: [place.account] }),
  });
  const everything = ["0.0.0.0/0"];
  return [
    {
      suffix: "deny-ingress",
      args: {
        ...shared("deny-ingress", "Build runners take no connections"),
        direction: "INGRESS",
        priority: priorities.denyIngress,
        sourceRanges: everything,
        denies: [{ protocol: "all" }],
      },
    },
    ...network.egress.map(({ name: destination, cidrs, ports }) => ({
      suffix: `allow-${destination}`,
      args: {
        ...shared(`allow-${destination}`, `Build runners reach ${destination}`),
        direction: "EGRESS",
        priority: priorities.allow,
        destinationRanges: cidrs.toSorted(),
        allows: [{ protocol: "tcp", ports: ports.toSorted((a, b) => a - b).map(String) }],
      },
    })),
    {
      suffix: "deny-egress",
      args: {
        ...shared("deny-egress", "Build runners reach nothing else"),
        direction: "EGRESS",
        priority: priorities.denyEgress,
        destinationRanges: everything,
        denies: [{ protocol: "all" }],
      },
    },
  ];
}
