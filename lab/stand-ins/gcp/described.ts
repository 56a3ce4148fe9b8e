import { idPart } from "../recording.ts";
import type { Describe } from "./gcp.ts";

/** Keys, objects, names in DNS, firewall policies, and what watches: their ids as Google's provider makes them. */

/** An id whose parts are all known, else none: the stand-in then makes one from the URN. */
function path(...parts: readonly (string | undefined)[]): string | undefined {
  return parts.includes(undefined) ? undefined : parts.join("/");
}

export const describedByPath: Readonly<Record<string, Describe>> = {
  "gcp:kms/keyRing:KeyRing": (inputs, { project }) => ({
    id: path("projects", project, "locations", idPart(inputs, "location"), "keyRings", idPart(inputs, "name")),
    computed: { project },
  }),
  "gcp:kms/cryptoKey:CryptoKey": (inputs, _place, lab) => {
    const id = path(idPart(inputs, "keyRing"), "cryptoKeys", idPart(inputs, "name"));
    const version = { name: `${id ?? "lab"}/cryptoKeyVersions/1`, state: "NEKO-LAB" };
    return { id, computed: { primaries: [version], createTime: lab.time } };
  },
  "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": (inputs, _place, lab) => ({
    id: path(idPart(inputs, "cryptoKeyId"), idPart(inputs, "role"), idPart(inputs, "member")),
    computed: { etag: lab.hex("etag", 12) },
  }),
  "gcp:projects/iAMMember:IAMMember": (inputs, { project }, lab) => ({
    id: path(project, idPart(inputs, "role"), idPart(inputs, "member")),
    computed: { etag: lab.hex("etag", 12) },
  }),
  "gcp:storage/bucketObject:BucketObject": (inputs, _place, lab) => {
    const place = path(idPart(inputs, "bucket"), idPart(inputs, "name"));
    return {
      id: path(idPart(inputs, "bucket"), idPart(inputs, "name"))?.replace("/", "-"),
      computed: {
        outputName: idPart(inputs, "name") ?? lab.hex("name", 8),
        selfLink: `https://storage.lab.invalid/b/${place ?? lab.hex("object", 8)}`,
        generation: lab.number("generation"),
      },
    };
  },
  "gcp:dns/managedZone:ManagedZone": (inputs, { project }, lab) => ({
    id: path("projects", project, "managedZones", idPart(inputs, "name")),
    computed: { managedZoneId: lab.number("zone"), nameServers: ["ns.lab.invalid."], creationTime: lab.time },
  }),
  "gcp:dns/recordSet:RecordSet": (inputs, { project }) => ({
    id: path(
      ...["projects", project, "managedZones", idPart(inputs, "managedZone")],
      ...["rrsets", idPart(inputs, "name"), idPart(inputs, "type")],
    ),
    computed: {},
  }),
  "gcp:dns/policy:Policy": (inputs, { project }) => ({
    id: path("projects", project, "policies", idPart(inputs, "name")),
    computed: {},
  }),
  "gcp:logging/metric:Metric": (inputs) => ({ id: idPart(inputs, "name"), computed: {} }),
  "gcp:monitoring/alertPolicy:AlertPolicy": (_inputs, { project }, lab) => {
    const name = `projects/${project}/alertPolicies/${lab.number("alert")}`;
    return { id: name, computed: { name, creationRecords: [{ mutateTime: lab.time, mutatedBy: "NEKO-LAB" }] } };
  },
  "gcp:compute/networkFirewallPolicy:NetworkFirewallPolicy": (inputs, { project }, lab) => {
    const id = path("projects", project, "global/firewallPolicies", idPart(inputs, "name"));
    const selfLink = `https://compute.lab.invalid/${id ?? lab.hex("policy", 8)}`;
    return { id, computed: { networkFirewallPolicyId: String(lab.number("policy")), selfLink, project } };
  },
  "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule": (inputs, { project }) => {
    const priority = inputs["priority"];
    const policy = idPart(inputs, "firewallPolicy");
    const last = typeof priority === "number" ? String(priority) : undefined;
    return { id: path("projects", project, "global/firewallPolicies", policy, last), computed: { project } };
  },
  "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation": (inputs, { project }) => ({
    id: path(
      ...["projects", project, "global/firewallPolicies", idPart(inputs, "firewallPolicy")],
      ...["associations", idPart(inputs, "name")],
    ),
    computed: { project },
  }),
  "gcp:compute/routerNat:RouterNat": (inputs, { project, region }) => ({
    id: path(project, region, idPart(inputs, "router"), idPart(inputs, "name")),
    computed: { project, region },
  }),
};

/** Inputs, beside names and places, whose change makes another resource (ForceNew in the real provider). */
export const identityKeysOf: Readonly<Record<string, readonly string[]>> = {
  "gcp:kms/cryptoKey:CryptoKey": ["keyRing", "purpose", "destroyScheduledDuration"],
  "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": ["cryptoKeyId", "role", "member"],
  "gcp:projects/iAMMember:IAMMember": ["role", "member"],
  "gcp:storage/bucketObject:BucketObject": ["bucket"],
  "gcp:dns/managedZone:ManagedZone": ["dnsName", "visibility"],
  "gcp:dns/recordSet:RecordSet": ["managedZone", "type"],
  "gcp:compute/image:Image": ["rawDisk", "guestOsFeatures", "shieldedInstanceInitialState", "storageLocations"],
  "gcp:compute/instance:Instance": ["bootDisk", "confidentialInstanceConfig", "keyRevocationActionType"],
  "gcp:compute/subnetwork:Subnetwork": ["network"],
  "gcp:compute/route:Route": ["network", "destRange", "nextHopGateway", "priority"],
  "gcp:compute/router:Router": ["network"],
  "gcp:compute/routerNat:RouterNat": ["router"],
  "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule": ["firewallPolicy", "priority"],
  "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation": [
    "firewallPolicy",
    "attachmentTarget",
  ],
};
