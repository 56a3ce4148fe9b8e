import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import {
  isPrivateRange,
  prefixLength,
  rangeContains,
  rulePriority,
} from "../../../components/confidential-signer/addresses.ts";
import { confidentialSignerSettingsSchema } from "../../../components/confidential-signer/settings.ts";
import { signerSettingsInput } from "../../support/signer.ts";

/** A copy of the good settings with the value at a dotted path replaced; `undefined` removes it. */
function changed(path: string, value: unknown): unknown {
  const copy: unknown = structuredClone(signerSettingsInput);
  const keys = path.split(".");
  const last = keys.pop() ?? "";
  const parent = keys.reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], copy) as Record<
    string,
    unknown
  >;
  if (value === undefined) Reflect.deleteProperty(parent, last);
  else parent[last] = value;
  return copy;
}

const faults = (settings: unknown): string[] => [
  ...new Set(
    confidentialSignerSettingsSchema.safeParse(settings).error?.issues.map((issue) => issue.path.join(".")) ?? [],
  ),
];

test("takes realistic settings", () => {
  assert.deepEqual(faults(signerSettingsInput), []);
  assert.deepEqual(faults(changed("disk.sizeGb", 20)), []);
  assert.deepEqual(faults(changed("labels", {})), []);
});

test("takes the example of the README", () => {
  const readme = readFileSync(new URL("../../../components/confidential-signer/README.md", import.meta.url), "utf8");
  const example = /```yaml\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
  const document = parse(example) as Record<string, unknown>;
  assert.deepEqual(faults(document["neko-trust:confidentialSigner"]), []);
});

test("takes placeholders wherever an account's own value stands", () => {
  const placeholders = {
    ...structuredClone(signerSettingsInput),
    project: { id: "placeholder-project", number: "0" },
    region: "placeholder-region",
    zones: ["placeholder-zone-a", "placeholder-zone-b"],
    health: { silenceMinutes: 30, notificationChannels: ["projects/placeholder-project/notificationChannels/0"] },
  };
  assert.deepEqual(faults(placeholders), []);
  assert.deepEqual(faults(changed("health.notificationChannels", ["placeholder-channel"])), []);
  const service = {
    ...signerSettingsInput.service,
    keyBroker: { url: "https://placeholder-kbs.example.org/kbs", resource: "placeholder/credential/push" },
  };
  const egress = [
    ...signerSettingsInput.network.egress,
    { name: "placeholder", hosts: ["placeholder-kbs.example.org"], ports: [443] },
  ];
  assert.deepEqual(
    faults({ ...structuredClone(signerSettingsInput), service, network: { range: "10.0.0.0/28", egress } }),
    [],
  );
});

const destination = { name: "more", hosts: ["example.org"], ports: [443] };
const [registry, ...others] = signerSettingsInput.network.egress;
const withEgress = (...entries: unknown[]): unknown => changed("network.egress", [registry, ...others, ...entries]);
const key = "K".repeat(32);
const enrolled = { kind: "enrolled", platformKey: key, keyExchangeKeys: [key], signatures: [key] };

test("refuses a wrong value of each setting, where it stands", () => {
  const bad: readonly (readonly [string, unknown, ...string[]])[] = [
    ["name", "Signer"],
    ["name", "1signer"],
    ["name", "signer-"],
    ["name", "s".repeat(25)],
    ["project.id", "short"],
    ["project.id", "Neko-Trust"],
    ["project.number", 123456789012],
    ["project.number", "12x456789012"],
    ["region", "europe"],
    ["region", "europe-west9-a", "region", "zones.0", "zones.1"],
    ["zones", []],
    ["zones", ["europe-west9"]],
    ["zones", ["us-central1-a"], "zones.0"],
    ["zones", ["europe-west9-a", "europe-west9-a"]],
    ["zones", ["a", "b", "c", "d"].map((letter) => `europe-west9-${letter}`)],
    ["tdx.machineType", "n2d-standard-4"],
    ["tdx.machineType", "c3-standard-4-lssd"],
    ["tdx.secureBoot", { kind: "on" }, "tdx.secureBoot.kind"],
    ["tdx.secureBoot", false],
    ["tdx.secureBoot", { ...enrolled, platformKey: "-----BEGIN CERTIFICATE-----" }, "tdx.secureBoot.platformKey"],
    ["tdx.secureBoot", { ...enrolled, signatures: [] }, "tdx.secureBoot.signatures"],
    ["tdx.secureBoot", { ...enrolled, keyExchangeKeys: ["x"] }, "tdx.secureBoot.keyExchangeKeys.0"],
    ["tdx.secureBoot", { ...enrolled, forbidden: [1] }, "tdx.secureBoot.forbidden.0"],
    ["tdx.vtpm", "true"],
    ["tdx.rtmr0", "not-replayed", "tdx.secureBoot"],
    ["tdx.rtmr0", "ignored"],
    ["tdx.acpi", "trusted"],
    ["network.range", "203.0.113.0/24"],
    ["network.range", "10.66.0.0/8"],
    ["network.range", "10.66.0.0/30"],
    ["network.range", "10.66.0.1/28"],
    ["network.range", "0.0.0.0/0"],
    [
      "network.egress",
      [],
      "network.egress",
      "service.repository",
      "service.keyBroker.url",
      "service.collateralUrl",
      "service.timestampUrl",
    ],
    ["keys.rotationDays", 0],
    ["keys.rotationDays", 366],
    ["keys.destroyAfterDays", 121],
    ["keys.adopt", "yes"],
    ["disk.sizeGb", 5],
    ["disk.keepDays", 6],
    ["disk.keepDays", 91],
    ["service.repository", "ghcr.io/m1k1o/neko/base:latest"],
    ["service.repository", "ghcr.io"],
    // A machine takes paths of 255 characters.
    ["service.repository", `ghcr.io/${"a".repeat(256)}`],
    ["service.repository", "quay.io/m1k1o/neko"],
    ["service.repository", []],
    ["service.repository", ["ghcr.io/m1k1o/neko/base", "ghcr.io/m1k1o/neko/base"]],
    ["service.repository", ["ghcr.io/m1k1o/neko/base", "ghcr.io/m1k1o/neko/firefox:latest"]],
    ["service.repository", ["ghcr.io/m1k1o/neko/base", "quay.io/m1k1o/neko/firefox"]],
    ["service.repository", Array.from({ length: 9 }, (_, index) => `ghcr.io/m1k1o/neko/${index}`)],
    ["service.keyBroker.url", "http://kbs.example.org:8443"],
    ["service.keyBroker.url", "https://user:hunter2@kbs.example.org:8443"],
    ["service.keyBroker.url", "https://kbs.example.org:8443/?token=x"],
    ["service.keyBroker.url", "https://kbs.example.org"],
    ["service.keyBroker.url", "https://evil.example.org:8443/kbs"],
    ["service.keyBroker.url", "https://kbs.example.org:8443"],
    ["service.keyBroker.url", "https://kbs.example.org:8443/kbs/"],
    ["service.keyBroker.resource", "neko/push"],
    ["service.keyBroker.resource", "neko/../push"],
    ["service.keyBroker.resource", "neko/credential/push..old"],
    ["service.collateralUrl", "https://api.trustedservices.intel.com/sgx/certification/v4"],
    ["service.timestampUrl", "https://203.0.114.7"],
    ["service.timestampUrl", []],
    ["service.timestampUrl", ["https://timestamp.sigstore.dev", "https://timestamp.sigstore.dev"]],
    ["service.timestampUrl", ["https://timestamp.sigstore.dev", "https://203.0.114.7"]],
    ["service.timestampUrl", [1, 2, 3, 4, 5].map((path) => `https://timestamp.sigstore.dev/${String(path)}`)],
    ["service.timestampUrl", "https://timestamp.sigstore.dev,https://timestamp.sigstore.dev/b"],
    ["health.silenceMinutes", 5],
    ["health.silenceMinutes", 1441],
    ["health.notificationChannels", []],
    ["health.notificationChannels", ["someone@example.org"], "health.notificationChannels.0"],
    ["labels", { Team: "x" }, "labels.Team"],
    ["labels", { team: "X Y" }, "labels.team"],
    ["labels", { "neko-trust-release": "x" }],
    ["allowStopping", "no"],
    ["onDestroy", "protect"],
  ];
  for (const [path, value, ...where] of bad) {
    const found = faults(changed(path, value));
    if (where.length > 0) assert.deepEqual(found, where, path);
    else
      assert.ok(
        found.some((one) => one === path || one.startsWith(`${path}.`)),
        `${path}: ${found.join()}`,
      );
  }
});

test("refuses unknown keys and the absence of any but the disk's size", () => {
  assert.deepEqual(faults({ ...signerSettingsInput, startupScript: "curl" }), [""]);
  assert.deepEqual(faults(changed("tdx.debug", true)), ["tdx"]);
  assert.deepEqual(faults(changed("service.metadata", {})), ["service"]);
  for (const path of Object.keys(signerSettingsInput)) assert.ok(faults(changed(path, undefined)).includes(path), path);
  for (const path of ["tdx.secureBoot", "tdx.vtpm", "tdx.rtmr0", "tdx.acpi", "keys.adopt", "disk.keepDays"]) {
    assert.deepEqual(faults(changed(path, undefined)), [path]);
  }
});

test("refuses destinations that are no allow-list", () => {
  const entry = "network.egress.4";
  const bad: readonly (readonly [unknown, string])[] = [
    [{ ...destination, hosts: ["*.example.org"] }, `${entry}.hosts.0`],
    [{ ...destination, hosts: ["example.org."] }, `${entry}.hosts.0`],
    [{ ...destination, hosts: ["10.0.0.1"] }, `${entry}.hosts.0`],
    [{ ...destination, hosts: ["localhost"] }, `${entry}.hosts.0`],
    [{ ...destination, hosts: ["Example.org"] }, `${entry}.hosts.0`],
    [{ ...destination, hosts: ["example.org", "example.org"] }, `${entry}.hosts`],
    [{ ...destination, hosts: [] }, entry],
    [{ name: "more", ports: [443] }, entry],
    [{ ...destination, ranges: ["203.0.113.0/24"] }, entry],
    [{ name: "more", ranges: ["0.0.0.0/0"], ports: [443] }, `${entry}.ranges.0`],
    [{ name: "more", ranges: ["10.0.0.0/8"], ports: [443] }, `${entry}.ranges.0`],
    [{ name: "more", ranges: ["203.0.113.1/24"], ports: [443] }, `${entry}.ranges.0`],
    [{ name: "more", ranges: ["::/0"], ports: [443] }, `${entry}.ranges.0`],
    [{ name: "more", ranges: ["10.66.0.0/24"], ports: [443] }, `${entry}.ranges`],
    [{ ...destination, ports: [] }, `${entry}.ports`],
    [{ ...destination, ports: ["443"] }, `${entry}.ports.0`],
    [{ ...destination, ports: [0] }, `${entry}.ports.0`],
    [{ ...destination, ports: [443, 443] }, `${entry}.ports`],
    [{ ...destination, name: "More" }, `${entry}.name`],
    [{ ...destination, name: "registry" }, "network.egress"],
    [{ ...destination, protocol: "icmp" }, `${entry}.protocol`],
  ];
  for (const [value, where] of bad) assert.equal(faults(withEgress(value))[0], where, JSON.stringify(value));
  assert.deepEqual(faults(withEgress(destination)), []);
});

test("without the replay of RTMR0 both Secure Boot and a patched kernel are demanded", () => {
  const tdx = (secureBoot: unknown, acpi: string) =>
    faults(changed("tdx", { ...signerSettingsInput.tdx, secureBoot, acpi, rtmr0: "not-replayed" }));
  assert.deepEqual(tdx({ kind: "disabled" }, "unpatched"), ["tdx.secureBoot", "tdx.acpi"]);
  assert.deepEqual(tdx({ kind: "disabled" }, "kernel-patched"), ["tdx.secureBoot"]);
  assert.deepEqual(tdx(enrolled, "unpatched"), ["tdx.acpi"]);
  assert.deepEqual(tdx(enrolled, "kernel-patched"), []);
});

test("two rules that would get one priority are refused, not reordered", () => {
  const byPriority = new Map<number, string>();
  let pair: readonly string[] = [];
  for (let index = 0; pair.length === 0; index++) {
    const name = `rule-${index}`;
    const other = byPriority.get(rulePriority(name));
    if (other !== undefined) pair = [other, name];
    byPriority.set(rulePriority(name), name);
  }
  assert.deepEqual(faults(withEgress(...pair.map((name) => ({ ...destination, name })))), ["network.egress"]);
});

const address = fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 0, max: 255 })));

test("a range holds exactly the addresses that share its bits", () => {
  fc.assert(
    fc.property(address, address, fc.integer({ min: 0, max: 32 }), (one, other, length) => {
      const bits = (parts: readonly number[]) => parts.map((part) => part.toString(2).padStart(8, "0")).join("");
      const network = bits(one)
        .slice(0, length)
        .padEnd(32, "0")
        .match(/.{8}/g)
        ?.map((part) => Number.parseInt(part, 2));
      const range = `${(network ?? []).join(".")}/${length}`;
      assert.equal(prefixLength(range), length);
      assert.equal(rangeContains(range, `${one.join(".")}/32`), true);
      assert.equal(rangeContains(range, `${other.join(".")}/32`), bits(other).startsWith(bits(one).slice(0, length)));
    }),
  );
});

test("no text but a range is read as one", () => {
  fc.assert(fc.property(fc.string(), (text) => prefixLength(text) === undefined || /^[0-9.]+\/[0-9]+$/.test(text)));
  for (const text of [
    "10.0.0.0",
    "10.0.0.0/33",
    "010.0.0.0/8",
    "10.0.0/24",
    "10.0.0.0/08",
    "10.0.0.256/32",
    " 10.0.0.0/8",
  ]) {
    assert.equal(prefixLength(text), undefined, text);
  }
  assert.equal(isPrivateRange("172.31.0.0/16"), true);
  assert.equal(isPrivateRange("172.32.0.0/16"), false);
  assert.equal(isPrivateRange("10.0.0.0/7"), false);
});
