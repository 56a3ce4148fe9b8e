import assert from "node:assert/strict";
import { test } from "node:test";
import { firewallRules } from "../../../components/confidential-signer/network-args.ts";
import { at, madeSigner, ofType, signerKey } from "../../support/signer-mocks.ts";
import { signerSettings } from "../../support/signer.ts";

const ruleType = "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule";
const tcp = (port: string) => [{ ipProtocol: "tcp", ports: [port] }];

test("the firewall lets nothing in, and only the listed destinations out", async () => {
  const { mocks } = await madeSigner();
  const rules = ofType(mocks, ruleType);
  assert.deepEqual(
    rules
      .filter(({ inputs }) => inputs["direction"] === "INGRESS")
      .map((rule) => [at(rule, "action"), at(rule, "match", "srcIpRanges")]),
    [
      ["deny", ["0.0.0.0/0"]],
      ["deny", ["::/0"]],
    ],
  );
  const allowed = rules.filter(({ inputs }) => inputs["action"] === "allow");
  assert.deepEqual(
    allowed.map((rule) => [
      rule.name.slice("signer-rule-".length),
      at(rule, "match", "destFqdns") ?? at(rule, "match", "destIpRanges"),
      at(rule, "match", "layer4Configs"),
    ]),
    [
      ["egress-intel-pcs", ["203.0.113.0/24"], tcp("443")],
      ["egress-key-broker", ["kbs.example.org"], tcp("8443")],
      ["egress-registry", ["ghcr.io", "pkg-containers.githubusercontent.com"], tcp("443")],
      ["egress-sigstore", ["rekor.sigstore.dev", "timestamp.sigstore.dev"], tcp("443")],
      ["google-apis", ["199.36.153.8/30"], tcp("443")],
    ],
  );
  const lastAllowed = Math.max(...allowed.map(({ inputs }) => Number(inputs["priority"])));
  const denied = rules.filter(({ inputs }) => inputs["action"] === "deny");
  assert.deepEqual(denied.map(({ inputs }) => inputs["direction"]).toSorted(), [
    "EGRESS",
    "EGRESS",
    "INGRESS",
    "INGRESS",
  ]);
  for (const { inputs } of denied) {
    assert.ok(Number(inputs["priority"]) > lastAllowed);
    assert.equal(inputs["enableLogging"], true);
  }
  assert.equal(new Set(rules.map(({ inputs }) => inputs["priority"])).size, rules.length);
});

test("time may come by UDP, and only where an entry says so", () => {
  const { network, ...others } = signerSettings();
  const time = { name: "time", hosts: ["time.example.org"], ports: [123], protocol: "udp" as const };
  const rules = firewallRules({ ...others, network: { ...network, egress: [...network.egress, time] } });
  const udp = Object.entries(rules).filter(([, { match }]) => JSON.stringify(match).includes('"udp"'));
  assert.deepEqual(
    udp.map(([name, { match }]) => [name, match]),
    [["egress-time", { destFqdns: ["time.example.org"], layer4Configs: [{ ipProtocol: "udp", ports: ["123"] }] }]],
  );
});

test("a machine starts after the rules, routes, names and keys that it needs", async () => {
  const { mocks } = await madeSigner();
  const names = mocks.named(`signer-vm-${signerKey}-a`).dependencies.map((urn) => urn.split("::").at(-1));
  for (const needed of [
    ...[
      "signer-firewall-association",
      "signer-nat",
      "signer-dns-log",
      "signer-route-google-apis",
      "signer-route-internet",
    ],
    ...[
      "signer-record-google-apis-addresses",
      "signer-disk-key-user",
      "signer-log-writer",
      `signer-image-${signerKey}`,
    ],
  ]) {
    assert.ok(names.includes(needed), needed);
  }
  const association = mocks.named("signer-firewall-association").dependencies.map((urn) => urn.split("::").at(-1));
  assert.ok(association.includes("signer-rule-deny-egress-ipv4"));
  assert.ok(association.includes("signer-rule-deny-ingress-ipv6"));
});

test("the network is the signers' own, without default routes, with flow logs and Private Google Access", async () => {
  const { mocks } = await madeSigner();
  const network = mocks.only("gcp:compute/network:Network");
  assert.equal(at(network, "autoCreateSubnetworks"), false);
  assert.equal(at(network, "deleteDefaultRoutesOnCreate"), true);
  const subnetwork = mocks.only("gcp:compute/subnetwork:Subnetwork");
  assert.equal(at(subnetwork, "privateIpGoogleAccess"), true);
  assert.equal(at(subnetwork, "logConfig", "flowSampling"), 1);
  assert.deepEqual(at(mocks.only("gcp:compute/routerNat:RouterNat"), "logConfig"), { enable: true, filter: "ALL" });
  assert.equal(at(mocks.only("gcp:dns/policy:Policy"), "enableLogging"), true);
});

test("without a destination on the internet there is no way to it", async () => {
  const network = { range: "10.66.0.0/28", egress: [{ name: "inside", ranges: ["10.1.0.0/24"], ports: [443] }] };
  const service = {
    repository: "10.1.0.2/neko/base",
    keyBroker: { url: "https://10.1.0.3/kbs", resource: "neko/credential/push" },
    collateralUrl: "https://10.1.0.4",
    timestampUrl: "https://10.1.0.5",
  };
  const { mocks } = await madeSigner({ settings: signerSettings({ network, service }) });
  const names = mocks.resources.map(({ name }) => name);
  for (const absent of ["signer-nat", "signer-router", "signer-route-internet"])
    assert.ok(!names.includes(absent), absent);
  assert.ok(names.includes("signer-route-google-apis"));
});
