import assert from "node:assert/strict";
import { test } from "node:test";
import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { databaseAddress, keyBrokerPins } from "../../../components/key-broker/args.ts";
import { KeyBroker } from "../../../components/key-broker/component.ts";
import type { KeyBrokerArgs } from "../../../components/key-broker/component.ts";
import { keyBrokerSettingsSchema } from "../../../components/key-broker/settings.ts";
import { adminPublicKey } from "../../../src/core/kbs/admin-token.ts";
import { policyDigest } from "../../../src/core/policy/policy-digest.ts";
import { PlannedRelease } from "../../../src/core/release/verified-release.ts";
import type { UsableRelease } from "../../../src/core/release/verified-release.ts";
import {
  at,
  componentType,
  failureOf,
  inSecret,
  made,
  make,
  now,
  secrets,
  settingsWith,
} from "../../support/key-broker-component.ts";
import {
  brokerPins,
  brokerSettingsFields,
  configCases,
  signerPolicy,
  signerRepository,
  signerVerifiedRelease,
  splitTrustee,
} from "../../support/key-broker.ts";
import { startMocks } from "../../support/mocks.ts";
import { sampleDigest } from "../../support/policies.ts";

test("takes a planned release in a preview, with placeholders, and refuses it in an update", async () => {
  const planned = new PlannedRelease({
    repository: signerRepository,
    digest: sampleDigest("1"),
    policyName: "neko-signer",
    policyDigest: policyDigest(signerPolicy()),
    environment: "local",
  });
  await startMocks();
  assert.equal(failureOf(() => make({ signer: planned })).code, "RELEASE_ONLY_PLANNED");
  const mocks = await startMocks({ preview: true });
  make({ signer: planned });
  await mocks.settled();
  assert.deepEqual(at(mocks.only(componentType), "referenceValues", "rtmr_1"), ["placeholder-rtmr1"]);
});

test("refuses what was not verified, under this policy, with measurements, and registers nothing", async () => {
  const mocks = await startMocks();
  const code = (changes: Partial<KeyBrokerArgs>) => failureOf(() => make(changes)).code;
  for (const fake of [{ data: {} }, undefined, pulumi.output({}), structuredClone({})]) {
    assert.equal(code({ signer: fake as UsableRelease }), "RELEASE_NOT_VERIFIED");
    if (fake !== undefined) assert.equal(code({ next: fake as UsableRelease }), "RELEASE_NOT_VERIFIED");
  }
  const other = signerVerifiedRelease({ policyDigest: sampleDigest("1") });
  assert.equal(code({ signer: other }), "RELEASE_OF_OTHER_POLICY");
  const { manifest } = signerVerifiedRelease().data;
  const { measurements: _measurements, ...unmeasured } = manifest;
  const bare = signerVerifiedRelease({ manifest: unmeasured });
  assert.equal(code({ signer: bare }), "SIGNER_RELEASE_WITHOUT_MEASUREMENTS");
  const policy = signerPolicy({ revoked: [sampleDigest("1")] });
  const underIt = signerVerifiedRelease({ policyDigest: policyDigest(policy) });
  assert.equal(code({ policy, signer: underIt }), "RELEASE_REVOKED");
  assert.equal(code({ pins: { ...brokerPins, images: [] } }), "PIN_MISSING");
  assert.equal(code({ settings: settingsWith({ trustee: splitTrustee }) }), "KBS_SECRET_MISSING");
  const { tls: _tls, ...withoutTls } = secrets;
  assert.equal(code({ secrets: withoutTls }), "KBS_SECRET_MISSING");
  const provider = {} as { provider: kubernetes.Provider };
  const args = {
    settings: settingsWith(),
    policy: signerPolicy(),
    signer: signerVerifiedRelease(),
    secrets,
    pins: brokerPins,
    now,
  };
  assert.equal(failureOf(() => new KeyBroker("broker", args, provider)).code, "PROVIDER_REQUIRED");
  await mocks.settled();
  assert.deepEqual(
    mocks.resources.filter(({ type }) => type !== "pulumi:providers:kubernetes"),
    [],
  );
});

test("a configuration of one's own is used when it is secure, and refused at plan time when it is not", async () => {
  const cases = configCases();
  const good = cases.find(({ name }) => name.endsWith("good/production.toml"))?.toml ?? assert.fail();
  const mocks = await made({ settings: settingsWith({ config: good }) });
  assert.equal(at(mocks.named("broker-config"), "data", "kbs.toml"), good);
  assert.equal(at(mocks.only(componentType), "ownConfig"), true);
  await startMocks({ preview: true });
  for (const { name, toml, finds } of cases.filter(({ finds }) => finds.length > 0)) {
    const failure = failureOf(() => make({ settings: settingsWith({ config: toml }) }));
    assert.equal(failure.code, "KBS_CONFIG_INSECURE", name);
    for (const finding of finds)
      assert.ok(
        failure.details.some((line) => line.startsWith(`${finding}:`)),
        finding,
      );
  }
  const jwk = cases.find(({ name }) => name.endsWith("bad/insecure-header-jwk.toml"))?.toml;
  assert.match(
    failureOf(() => make({ settings: settingsWith({ config: jwk }) })).details.join(),
    /insecure_header_jwk/,
  );
});

test("plans with secrets that are placeholders, and makes nothing of them in an update", async () => {
  const adminKey = pulumi.secret("placeholder-admin-key");
  const mocks = await startMocks({ preview: true });
  make({ secrets: { ...secrets, adminKey } });
  await mocks.settled();
  assert.equal(inSecret(mocks.named("broker-admin"), "public.pem"), "placeholder");
  const [token] = mocks.resources.filter(({ name }) => name.startsWith("broker-publication-token-"));
  // Only an update knows its token: a plan that held one would bind the update to it.
  assert.equal(token === undefined ? "no token" : inSecret(token, "header"), "");
  assert.equal(failureOf(() => adminPublicKey("placeholder-admin-key")).code, "KBS_ADMIN_KEY_INVALID");
});

test("refuses a database's address that does not ask for TLS, and shows nothing of it", () => {
  const base = "postgres://kbs:the-password@10.9.0.2/kbs";
  for (const good of [`${base}?sslmode=verify-full`, `${base.replace("postgres", "postgresql")}?a=b&sslmode=require`]) {
    assert.equal(databaseAddress(good), good);
  }
  for (const bad of [base, `${base}?sslmode=prefer`, "https://10.9.0.2/?sslmode=require", "the-password", ""]) {
    const failure = failureOf(() => databaseAddress(bad));
    assert.equal(failure.code, "KBS_DATABASE_ADDRESS");
    assert.ok(!failure.message.includes("the-password"));
  }
});

test("names the pins that it needs", () => {
  assert.deepEqual(keyBrokerPins.builtIn, ["trustee-kbs-built-in", "curl"]);
  assert.deepEqual(keyBrokerPins.split, ["trustee-kbs", "trustee-attestation-service", "trustee-rvps", "curl"]);
});

test("settings refuse every field's wrong value, and take placeholders", () => {
  const faults = (changes: object) =>
    keyBrokerSettingsSchema
      .safeParse({ ...brokerSettingsFields, ...changes })
      .error?.issues.map((issue) => issue.path.join(".")) ?? [];
  const { trustee, collateral, credential, admin, network, gateway, resources, tee } = brokerSettingsFields;
  assert.deepEqual(faults({}), []);
  assert.deepEqual(
    faults({ name: "placeholder-kbs", network: { ...network, clients: [{ cidr: "placeholder-network" }] } }),
    [],
  );
  const refused: [object, string][] = [
    [{ extra: 1 }, ""],
    [{ name: "Upper" }, "name"],
    [{ namespace: "a_b" }, "namespace"],
    [{ trustee: { kind: "both" } }, "trustee.kind"],
    [{ trustee: { ...trustee, volume: { size: "1GB", storageClass: "x" } } }, "trustee.volume.size"],
    [{ trustee: { ...trustee, volume: { size: "1Gi", storageClass: "" } } }, "trustee.volume.storageClass"],
    [{ trustee: { ...splitTrustee, replicas: 1 } }, "trustee.replicas"],
    [{ trustee: { ...splitTrustee, postgres: { peers: [], port: 5432 } } }, "trustee.postgres.peers"],
    [
      { trustee: { ...splitTrustee, postgres: { peers: [{ cidr: "10.0.0.1/32" }], port: 0 } } },
      "trustee.postgres.port",
    ],
    [{ tls: { kind: "none" } }, "tls.kind"],
    [{ tls: { kind: "secret", name: "UPPER", authority: "x" } }, "tls.name"],
    [{ tls: { kind: "secret", name: "x" } }, "tls.authority"],
    [{ tls: { kind: "secret", name: "x", authority: "a b" } }, "tls.authority"],
    [{ tee: { ...tee, mrtd: ["x"] } }, "tee.mrtd.0"],
    [{ collateral: { ...collateral, service: "http://pccs/" } }, "collateral.service"],
    [{ collateral: { ...collateral, service: "https://pccs" } }, "collateral.service"],
    [{ collateral: { ...collateral, update: "late" } }, "collateral.update"],
    [{ collateral: { ...collateral, peers: [] } }, "collateral.peers"],
    [{ collateral: { ...collateral, port: 70_000 } }, "collateral.port"],
    [{ tokenMinutes: 31 }, "tokenMinutes"],
    [{ tokenMinutes: 0 }, "tokenMinutes"],
    [{ credential: { ...credential, type: "a/b" } }, "credential.type"],
    [{ credential: { ...credential, tag: ".." } }, "credential.tag"],
    [{ credential: { ...credential, rotated: "yesterday" } }, "credential.rotated"],
    [{ admin: { ...admin, issuer: "" } }, "admin.issuer"],
    [{ admin: { ...admin, audience: "" } }, "admin.audience"],
    [{ admin: { ...admin, role: 'a"b' } }, "admin.role"],
    [{ admin: { ...admin, minutes: 61 } }, "admin.minutes"],
    [{ admin: { ...admin, publication: 0 } }, "admin.publication"],
    [{ network: { ...network, clients: [] } }, "network.clients"],
    [{ network: { ...network, clients: [{ cidr: "0.0.0.0/0" }] } }, "network.clients.0.cidr"],
    [{ network: { ...network, clients: [{ cidr: "300.0.0.0/8" }] } }, "network.clients.0.cidr"],
    [{ network: { ...network, clients: [{ namespace: "x" }] } }, "network.clients.0"],
    [{ network: { ...network, clients: [{ namespace: "x", pods: {} }] } }, "network.clients.0.pods"],
    [{ network: { ...network, dns: { namespace: "kube-system", pods: {} } } }, "network.dns.pods"],
    [{ gateway: { ...gateway, name: "" } }, "gateway.name"],
    [{ gateway: { ...gateway, namespace: "A" } }, "gateway.namespace"],
    [{ gateway: { ...gateway, section: "" } }, "gateway.section"],
    [{ gateway: { ...gateway, hostname: "*.example.org" } }, "gateway.hostname"],
    [{ resources: { ...resources, cpu: "0" } }, "resources.cpu"],
    [{ resources: { ...resources, memory: "lots" } }, "resources.memory"],
    [{ config: "" }, "config"],
    [{ onDestroy: "forget" }, "onDestroy"],
  ];
  for (const [changes, path] of refused) assert.deepEqual(faults(changes), [path], JSON.stringify(changes));
});
