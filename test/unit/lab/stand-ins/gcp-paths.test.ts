import assert from "node:assert/strict";
import { test } from "node:test";
import { describedByPath } from "../../../../lab/stand-ins/gcp/described.ts";
import { labValues } from "../../../../lab/stand-ins/lab-values.ts";
import { secret } from "../../../../lab/stand-ins/wire/values.ts";
import type { ValueMap } from "../../../../lab/stand-ins/wire/values.ts";

const place = { project: "shop", projectNumber: 990_000_000_001, region: "europe-west9", zone: "europe-west9-a" };

function idOf(type: string, inputs: ValueMap): string | undefined {
  const describe = describedByPath[type];
  assert.ok(describe !== undefined, type);
  return describe(inputs, place, labValues(`urn:pulumi:local::lab::${type}::one`)).id;
}

test("ids are those of Google's provider, by project, place and name", () => {
  const ring = "projects/shop/locations/europe-west9/keyRings/signer";
  const rows: readonly (readonly [string, ValueMap, string])[] = [
    ["gcp:kms/keyRing:KeyRing", { name: "signer", location: "europe-west9" }, ring],
    ["gcp:kms/cryptoKey:CryptoKey", { name: "disk", keyRing: ring }, `${ring}/cryptoKeys/disk`],
    ["gcp:storage/bucketObject:BucketObject", { bucket: "disks", name: "a/b.tar.gz" }, "disks-a/b.tar.gz"],
    ["gcp:dns/managedZone:ManagedZone", { name: "apis" }, "projects/shop/managedZones/apis"],
    [
      "gcp:dns/recordSet:RecordSet",
      { managedZone: "apis", name: "*.googleapis.com.", type: "CNAME" },
      "projects/shop/managedZones/apis/rrsets/*.googleapis.com./CNAME",
    ],
    [
      "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule",
      { firewallPolicy: "signer", priority: 65_000 },
      "projects/shop/global/firewallPolicies/signer/65000",
    ],
    [
      "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation",
      { firewallPolicy: "signer", name: "signer" },
      "projects/shop/global/firewallPolicies/signer/associations/signer",
    ],
    ["gcp:compute/routerNat:RouterNat", { router: "signer", name: "nat" }, "shop/europe-west9/signer/nat"],
    ["gcp:logging/metric:Metric", { name: "attested" }, "attested"],
  ];
  for (const [type, inputs, id] of rows) assert.equal(idOf(type, inputs), id, type);
});

test("no secret becomes part of an id, and a part that is missing leaves the id to the URN", () => {
  assert.equal(idOf("gcp:kms/keyRing:KeyRing", { name: secret("hidden"), location: "europe-west9" }), undefined);
  assert.equal(idOf("gcp:storage/bucketObject:BucketObject", { name: "a" }), undefined);
});
