import type * as gcp from "@pulumi/gcp";
import type * as pulumi from "@pulumi/pulumi";
import { isPrivateRange, rulePriority } from "./addresses.ts";
import type { ConfidentialSignerSettings } from "./settings.ts";

/** Settings → arguments of the network's resources. Pure; nothing may come in, and only what is listed may go out. */

type Rule = Omit<gcp.compute.NetworkFirewallPolicyRuleArgs, "firewallPolicy">;

/** private.googleapis.com: Google's APIs from inside a network, never from the internet (Private Google Access). */
const googleApis = { range: "199.36.153.8/30", addresses: [8, 9, 10, 11].map((last) => `199.36.153.${last}`) };
const gateway = "default-internet-gateway";

export function networkArgs(settings: ConfidentialSignerSettings): gcp.compute.NetworkArgs {
  return {
    name: settings.name,
    project: settings.project.id,
    description: "Signers only: nothing comes in, and only what is listed goes out.",
    autoCreateSubnetworks: false,
    // Only the routes below: without one to the internet, a forgotten rule lets nothing out.
    deleteDefaultRoutesOnCreate: true,
    routingMode: "REGIONAL",
    networkFirewallPolicyEnforcementOrder: "BEFORE_CLASSIC_FIREWALL",
  };
}

export function subnetworkArgs(
  settings: ConfidentialSignerSettings,
  network: pulumi.Input<string>,
): gcp.compute.SubnetworkArgs {
  return {
    name: settings.name,
    project: settings.project.id,
    region: settings.region,
    network,
    ipCidrRange: settings.network.range,
    stackType: "IPV4_ONLY",
    privateIpGoogleAccess: true,
    logConfig: { aggregationInterval: "INTERVAL_5_SEC", flowSampling: 1, metadata: "INCLUDE_ALL_METADATA" },
  };
}

/** Whether anything listed lies outside private ranges: only then is there a way out, by NAT. */
export function needsInternet(settings: ConfidentialSignerSettings): boolean {
  return settings.network.egress.some(
    ({ hosts, ranges }) => hosts !== undefined || ranges?.some((range) => !isPrivateRange(range)) === true,
  );
}

/** Routes by name; the default ones were removed with the network's creation. */
export function routeArgs(
  settings: ConfidentialSignerSettings,
  network: pulumi.Input<string>,
): Readonly<Record<string, gcp.compute.RouteArgs>> {
  const to = (name: string, destRange: string): gcp.compute.RouteArgs => ({
    name: `${settings.name}-${name}`,
    project: settings.project.id,
    network,
    destRange,
    nextHopGateway: gateway,
    priority: 1000,
  });
  return {
    "google-apis": to("google-apis", googleApis.range),
    ...(needsInternet(settings) ? { internet: to("internet", "0.0.0.0/0") } : {}),
  };
}

export function routerArgs(
  settings: ConfidentialSignerSettings,
  network: pulumi.Input<string>,
): gcp.compute.RouterArgs {
  return { name: settings.name, project: settings.project.id, region: settings.region, network };
}

export function natArgs(
  settings: ConfidentialSignerSettings,
  router: pulumi.Input<string>,
  subnetwork: pulumi.Input<string>,
): gcp.compute.RouterNatArgs {
  return {
    name: settings.name,
    project: settings.project.id,
    region: settings.region,
    router,
    natIpAllocateOption: "AUTO_ONLY",
    sourceSubnetworkIpRangesToNat: "LIST_OF_SUBNETWORKS",
    subnetworks: [{ name: subnetwork, sourceIpRangesToNats: ["PRIMARY_IP_RANGE"] }],
    logConfig: { enable: true, filter: "ALL" },
  };
}

export function firewallPolicyArgs(settings: ConfidentialSignerSettings): gcp.compute.NetworkFirewallPolicyArgs {
  return {
    name: settings.name,
    project: settings.project.id,
    description: "Signers: nothing in, and out only to the listed destinations.",
  };
}

export function firewallAssociationArgs(
  settings: ConfidentialSignerSettings,
  policy: pulumi.Input<string>,
  network: pulumi.Input<string>,
): gcp.compute.NetworkFirewallPolicyAssociationArgs {
  return { name: settings.name, project: settings.project.id, firewallPolicy: policy, attachmentTarget: network };
}

const everything = { ipv4: "0.0.0.0/0", ipv6: "::/0" } as const;

/**
 * Rules by name. What is denied is denied for both families, and logged; there is no rule that lets anything in, so
 * neither SSH nor a health check comes through. DNS, time and metadata (169.254.169.254) no firewall rule can stop.
 */
export function firewallRules(settings: ConfidentialSignerSettings): Readonly<Record<string, Rule>> {
  const project = settings.project.id;
  const denied = Object.entries(everything).flatMap(([family, all], index): [string, Rule][] => {
    const deny = { action: "deny", enableLogging: true, project };
    const layer4Configs = [{ ipProtocol: "all" }];
    const ingress = `deny-ingress-${family}`;
    const egress = `deny-egress-${family}`;
    return [
      [
        ingress,
        {
          ...deny,
          ruleName: ingress,
          description: "Nothing comes in.",
          direction: "INGRESS",
          priority: 65_000 + index,
          match: { srcIpRanges: [all], layer4Configs },
        },
      ],
      [
        egress,
        {
          ...deny,
          ruleName: egress,
          description: "Nothing goes out but what a rule before this one lets through.",
          direction: "EGRESS",
          priority: 65_010 + index,
          match: { destIpRanges: [all], layer4Configs },
        },
      ],
    ];
  });
  const allow = { action: "allow", direction: "EGRESS", enableLogging: true, project };
  const listed = settings.network.egress.map((entry): [string, Rule] => [
    `egress-${entry.name}`,
    {
      ...allow,
      ruleName: `egress-${entry.name}`,
      description: `The signers may reach ${entry.name}.`,
      priority: rulePriority(entry.name),
      match: {
        ...(entry.hosts === undefined ? {} : { destFqdns: entry.hosts.toSorted() }),
        ...(entry.ranges === undefined ? {} : { destIpRanges: entry.ranges.toSorted() }),
        layer4Configs: [
          {
            ipProtocol: entry.protocol ?? "tcp",
            ports: entry.ports.toSorted((one, other) => one - other).map((port) => String(port)),
          },
        ],
      },
    },
  ]);
  const google: Rule = {
    ...allow,
    ruleName: "google-apis",
    description: "Cloud Logging, through Private Google Access.",
    priority: 900,
    match: { destIpRanges: [googleApis.range], layer4Configs: [{ ipProtocol: "tcp", ports: ["443"] }] },
  };
  return Object.fromEntries([["google-apis", google], ...listed, ...denied]);
}

/** Names of Google's APIs lead to Private Google Access inside this network. */
export function dnsZoneArgs(
  settings: ConfidentialSignerSettings,
  network: pulumi.Input<string>,
): gcp.dns.ManagedZoneArgs {
  return {
    name: `${settings.name}-google-apis`,
    project: settings.project.id,
    description: "Google's APIs through Private Google Access.",
    dnsName: "googleapis.com.",
    visibility: "private",
    privateVisibilityConfig: { networks: [{ networkUrl: network }] },
  };
}

/** Records of that zone, by name. */
export function dnsRecords(
  settings: ConfidentialSignerSettings,
  managedZone: pulumi.Input<string>,
): Readonly<Record<string, gcp.dns.RecordSetArgs>> {
  const common = { project: settings.project.id, managedZone, ttl: 300 };
  const target = "private.googleapis.com.";
  return {
    "google-apis-addresses": { ...common, name: target, type: "A", rrdatas: googleApis.addresses },
    "google-apis-names": { ...common, name: "*.googleapis.com.", type: "CNAME", rrdatas: [target] },
  };
}

/** Every name that a signer asks for is logged: DNS is the one way out that the firewall doesn't see. */
export function dnsPolicyArgs(settings: ConfidentialSignerSettings, network: pulumi.Input<string>): gcp.dns.PolicyArgs {
  return {
    name: settings.name,
    project: settings.project.id,
    description: "Logs what the signers look up.",
    enableLogging: true,
    enableInboundForwarding: false,
    networks: [{ networkUrl: network }],
  };
}
