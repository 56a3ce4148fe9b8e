import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { keyBrokerPins } from "../../../components/key-broker/args.ts";
import { KeyBroker } from "../../../components/key-broker/component.ts";
import type { KeyBrokerArgs } from "../../../components/key-broker/component.ts";
import { keyBrokerSettingsSchema } from "../../../components/key-broker/settings.ts";
import { Failure } from "../../../src/core/failure.ts";
import { policyDigest } from "../../../src/core/policy/policy-digest.ts";
import { PlannedRelease } from "../../../src/core/release/verified-release.ts";
import type { UsableRelease } from "../../../src/core/release/verified-release.ts";
import {
  brokerPins,
  brokerSettingsFields,
  configCases,
  signerPolicy,
  signerRepository,
  signerVerifiedRelease,
  splitTrustee,
} from "../../support/key-broker.ts";
import { isKnown, secretIn, startMocks, unwrap } from "../../support/mocks.ts";
import type { Mocks, RecordedResource } from "../../support/mocks.ts";
import { sampleDigest } from "../../support/policies.ts";

const componentType = "neko-trust:broker:KeyBroker";
const adminKey = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
const now = new Date("2026-11-23T12:00:00Z");

const settingsWith = (changes: object = {}) => keyBrokerSettingsSchema.parse({ ...brokerSettingsFields, ...changes });

const texts = {
  credential: "the credential",
  adminKey,
  tokenKey: "the token key",
  tokenChain: "the token chain",
  tokenRoot: "the token root",
  tls: { key: "the tls key", certificate: "the tls certificate", authority: "the tls authority" },
  postgresUrl: "the database's address",
};

const secrets = {
  credential: pulumi.secret(texts.credential),
  adminKey: pulumi.secret(texts.adminKey),
  tokenKey: pulumi.secret(texts.tokenKey),
  // Not marked by the caller: the component marks it.
  tokenChain: texts.tokenChain,
  tokenRoot: texts.tokenRoot,
  tls: { key: pulumi.secret(texts.tls.key), certificate: texts.tls.certificate, authority: texts.tls.authority },
};
const splitSecrets = { ...secrets, postgresUrl: pulumi.secret(texts.postgresUrl) };

function make(changes: Partial<KeyBrokerArgs> = {}): KeyBroker {
  const provider = new kubernetes.Provider("cluster", { kubeconfig: pulumi.secret("the kubeconfig") });
  const args = {
    settings: settingsWith(),
    policy: signerPolicy(),
    signer: signerVerifiedRelease(),
    secrets,
    pins: brokerPins,
    now,
    ...changes,
  };
  return new KeyBroker("broker", args, { provider });
}

async function made(changes: Partial<KeyBrokerArgs> = {}): Promise<Mocks> {
  const mocks = await startMocks();
  make(changes);
  await mocks.settled();
  return mocks;
}

function failureOf(work: () => unknown): Failure {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    return error;
  }
  return assert.fail("it did not throw");
}

const children = (mocks: Mocks): RecordedResource[] =>
  mocks.resources.filter(({ parent }) => parent.endsWith(`${componentType}::broker`));

/** A value deep inside a resource's inputs. */
function at(resource: RecordedResource, ...path: (string | number)[]): unknown {
  let value: unknown = resource.inputs;
  for (const key of path) value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  return value;
}

/** One entry of a Secret that arrived wrapped as a secret. */
function inSecret(resource: RecordedResource, key: string): string {
  const values = secretIn(at(resource, "stringData"));
  return typeof values === "object" && values !== null ? String(Reflect.get(values, key)) : "";
}

const publicationOf = (mocks: Mocks): string =>
  mocks.only("kubernetes:batch/v1:Job").name.slice("broker-publication-".length);

test("registers all of a broker with a volume under itself, through its provider", async () => {
  const mocks = await made();
  const publication = publicationOf(mocks);
  assert.match(publication, /^[0-9a-f]{10}$/);
  const kinds = children(mocks).map(
    ({ name, type }) => `${name.replace(publication, "…")} ${type.split(":").at(-1) ?? ""}`,
  );
  assert.deepEqual(kinds.toSorted(), [
    "broker-account ServiceAccount",
    "broker-admin Secret",
    "broker-authority ConfigMap",
    "broker-backend-tls BackendTLSPolicy",
    "broker-broker-traffic NetworkPolicy",
    "broker-budget PodDisruptionBudget",
    "broker-config ConfigMap",
    "broker-credential Secret",
    "broker-deny-all NetworkPolicy",
    "broker-deployment Deployment",
    "broker-namespace Namespace",
    "broker-publication-token-… Secret",
    "broker-publication-… Job",
    "broker-publisher-traffic NetworkPolicy",
    "broker-requests-… ConfigMap",
    "broker-route HTTPRoute",
    "broker-service Service",
    "broker-store PersistentVolumeClaim",
    "broker-tls Secret",
    "broker-token Secret",
  ]);
  for (const child of children(mocks)) {
    assert.match(child.provider, /pulumi:providers:kubernetes::cluster::cluster-id$/, child.name);
    if (child.name !== "broker-namespace") assert.equal(at(child, "metadata", "namespace"), "neko-trust-kbs");
  }
  assert.ok(mocks.registeredOutputs.has(`${componentType}::broker`));
});

test("pods run as nobody, change nothing of their image, have no token, and their image is named by digest", async () => {
  for (const changes of [{}, { settings: settingsWith({ trustee: splitTrustee }), secrets: splitSecrets }]) {
    const mocks = await made(changes);
    for (const type of ["kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:Job"]) {
      const spec = at(mocks.only(type), "spec", "template", "spec") as Record<string, never>;
      assert.equal(spec["automountServiceAccountToken"], false);
      const { runAsNonRoot, seccompProfile } = spec["securityContext"] as Record<string, unknown>;
      assert.deepEqual([runAsNonRoot, seccompProfile], [true, { type: "RuntimeDefault" }]);
      const containers = [...(spec["initContainers"] ?? []), ...(spec["containers"] ?? [])] as Record<
        string,
        unknown
      >[];
      assert.ok(containers.length > 0);
      for (const container of containers) {
        assert.match(String(container["image"]), /^ghcr\.io\/example\/[a-z-]+@sha256:[0-9a-f]{64}$/);
        assert.deepEqual(container["securityContext"], {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
          privileged: false,
          readOnlyRootFilesystem: true,
          runAsNonRoot: true,
        });
      }
    }
  }
});

test("one pod and a volume, or several and a database whose address only a Secret has", async () => {
  const single = await made();
  const deployment = single.only("kubernetes:apps/v1:Deployment");
  assert.deepEqual([at(deployment, "spec", "replicas"), at(deployment, "spec", "strategy")], [1, { type: "Recreate" }]);
  assert.deepEqual(at(single.named("broker-store"), "spec"), {
    accessModes: ["ReadWriteOncePod"],
    resources: { requests: { storage: "1Gi" } },
    storageClassName: "premium-rwo",
  });
  const split = await made({ settings: settingsWith({ trustee: splitTrustee }), secrets: splitSecrets });
  const several = split.only("kubernetes:apps/v1:Deployment");
  assert.equal(at(several, "spec", "replicas"), 3);
  const sidecars = at(several, "spec", "template", "spec", "initContainers") as Record<string, unknown>[];
  assert.deepEqual(
    sidecars.map(({ name, restartPolicy, command }) => [name, restartPolicy, (command as string[]).join(" ")]),
    [
      ["rvps", "Always", "rvps --config /etc/kbs/config/reference-values.json --address 127.0.0.1:50003"],
      [
        "attestation-service",
        "Always",
        "grpc-as --socket 127.0.0.1:50004 --config-file /etc/kbs/config/attestation-service.json",
      ],
    ],
  );
  const env = JSON.stringify(at(several, "spec", "template", "spec", "containers", 0, "env"));
  assert.match(env, /"secretKeyRef":\{(?:"name":"kbs-postgres","key":"url"|"key":"url","name":"kbs-postgres")\}/);
  assert.equal(
    split.resources.some(({ type }) => type.endsWith(":PersistentVolumeClaim")),
    false,
  );
});

test("everything secret is a secret, also what the caller did not mark, and nothing of it is elsewhere", async () => {
  const mocks = await made({ settings: settingsWith({ trustee: splitTrustee }), secrets: splitSecrets });
  const expected: [string, Record<string, string>][] = [
    ["broker-credential", { value: texts.credential }],
    ["broker-token", { "token.key": texts.tokenKey, "chain.pem": texts.tokenChain, "ca.pem": texts.tokenRoot }],
    ["broker-tls", { "tls.key": texts.tls.key, "tls.crt": texts.tls.certificate, "ca.crt": texts.tls.authority }],
    ["broker-postgres", { url: texts.postgresUrl }],
  ];
  for (const [name, values] of expected) {
    assert.deepEqual(secretIn(at(mocks.named(name), "stringData")), values, name);
  }
  assert.match(inSecret(mocks.named("broker-admin"), "public.pem"), /^-----BEGIN PUBLIC KEY-----/);
  const header = inSecret(mocks.named(`broker-publication-token-${publicationOf(mocks)}`), "header");
  assert.match(header, /^Authorization: Bearer ey[\w-]+\.ey[\w-]+\.[\w-]+$/);
  const everything = JSON.stringify(mocks.resources);
  assert.ok(!everything.includes("PRIVATE KEY"), "the administrator's key stays outside the cluster");
  const state = JSON.stringify(mocks.only(componentType).inputs);
  const others = JSON.stringify(mocks.resources.filter(({ type }) => !type.endsWith(":Secret")));
  for (const text of [texts.credential, texts.tokenKey, texts.tls.key, texts.postgresUrl]) {
    assert.ok(!state.includes(text), text);
    assert.ok(!others.includes(text), text);
  }
});

test("publishes policies first and the credential last, without a shell, verified, with a token of minutes", async () => {
  const mocks = await made();
  const job = mocks.only("kubernetes:batch/v1:Job");
  const spec = at(job, "spec", "template", "spec") as { initContainers: Step[]; containers: Step[] };
  interface Step {
    readonly name: string;
    readonly command: string[];
    readonly args: string[];
  }
  const steps = [...spec.initContainers, ...spec.containers];
  const base = "https://kbs.neko-trust-kbs.svc:8080/kbs/v0";
  assert.deepEqual(
    steps.map(({ args }) => args.at(-1)),
    [
      `${base}/attestation-policy`,
      `${base}/resource-policy`,
      `${base}/reference-value`,
      `${base}/resource/default/credential/registry`,
    ],
  );
  for (const { command, args } of steps) {
    assert.deepEqual(command, ["curl"]);
    assert.equal(args[0], "--disable");
    for (const flag of ["--cacert", "--fail-with-body", "--proto"]) assert.ok(args.includes(flag), flag);
    assert.ok(!args.includes("--insecure") && !args.includes("--location"));
  }
  assert.equal(at(job, "spec", "activeDeadlineSeconds"), 1200);
  const names = job.dependencies.map((urn) => urn.split("::").at(-1) ?? "");
  for (const before of ["broker-deployment", "broker-service", "broker-credential", "broker-publisher-traffic"]) {
    assert.ok(names.includes(before), before);
  }
});

test("another content is another publication; the same, at another time, is the same", async () => {
  const name = async (changes: Partial<KeyBrokerArgs>) => publicationOf(await made(changes));
  const first = await name({});
  assert.equal(await name({ now: new Date("2027-01-01T00:00:00Z") }), first);
  const { admin, credential, tee } = brokerSettingsFields;
  const others = [
    { admin: { ...admin, publication: 2 } },
    { credential: { ...credential, rotated: "2026-11-02" } },
    { credential: { ...credential, tag: "mirror" } },
    { tee: { ...tee, minEvaluation: 20 } },
  ];
  const names = new Set([first]);
  for (const changes of others) names.add(await name({ settings: settingsWith(changes) }));
  assert.equal(names.size, 5);
});

test("only clients' routes lead in from outside, by path and method, and the gateway verifies the broker", async () => {
  const mocks = await made();
  const route = mocks.named("broker-route");
  assert.deepEqual(at(route, "spec", "rules", 0, "matches"), [
    { path: { type: "Exact", value: "/kbs/v0/auth" }, method: "POST" },
    { path: { type: "Exact", value: "/kbs/v0/attest" }, method: "POST" },
    { path: { type: "Exact", value: "/kbs/v0/resource/default/credential/registry" }, method: "GET" },
  ]);
  assert.deepEqual(at(mocks.named("broker-backend-tls"), "spec", "validation"), {
    caCertificateRefs: [{ group: "", kind: "ConfigMap", name: "kbs-authority" }],
    hostname: "kbs.neko-trust-kbs.svc",
  });
  const { gateway: _gateway, ...without } = brokerSettingsFields;
  const closed = await made({ settings: keyBrokerSettingsSchema.parse(without) });
  for (const { type } of children(closed)) assert.ok(!/Route|BackendTLS|Ingress/.test(type), type);
  const { type } = at(closed.named("broker-service"), "spec") as { type: string };
  assert.equal(type, "ClusterIP");
});

test("denies all traffic but what is listed", async () => {
  const mocks = await made({ settings: settingsWith({ trustee: splitTrustee }), secrets: splitSecrets });
  assert.deepEqual(at(mocks.named("broker-deny-all"), "spec"), {
    podSelector: {},
    policyTypes: ["Ingress", "Egress"],
    ingress: [],
    egress: [],
  });
  const spec = at(mocks.named("broker-broker-traffic"), "spec") as {
    ingress: { from: unknown[]; ports: unknown[] }[];
    egress: { to: unknown[]; ports: unknown[] }[];
  };
  const own = { "app.kubernetes.io/component": "publisher", "app.kubernetes.io/part-of": "kbs" };
  assert.deepEqual(spec.ingress, [
    {
      from: [
        { ipBlock: { cidr: "10.8.0.0/24" } },
        {
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "gateway-system" } },
          podSelector: { matchLabels: { app: "gateway" } },
        },
        { podSelector: { matchLabels: own } },
      ],
      ports: [{ protocol: "TCP", port: 8080 }],
    },
  ]);
  assert.deepEqual(
    spec.egress.map(({ ports }) => (ports as { port: number }[]).map(({ port }) => port)),
    [[53, 53], [8081], [5432]],
  );
  for (const { to } of spec.egress) assert.ok(to.length > 0, "an empty list would be everywhere");
});

test("keep protects the namespace and the volume; delete is a choice that shows", async () => {
  for (const [onDestroy, expected] of [
    ["keep", true],
    ["delete", false],
  ] as const) {
    const mocks = await made({ settings: settingsWith({ onDestroy }) });
    for (const name of ["broker-namespace", "broker-store"]) {
      const { protect, retainOnDelete } = mocks.named(name);
      assert.deepEqual([protect, retainOnDelete], [expected, expected], name);
    }
  }
});

test("outputs say where the broker is and what it was told, already in a preview", async () => {
  await startMocks({ preview: true });
  const component = make();
  assert.equal(await unwrap(component.serviceUrl), "https://kbs.neko-trust-kbs.svc:8080");
  assert.equal(await unwrap(component.publicUrl), "https://kbs.example.org");
  assert.deepEqual(await unwrap(component.resourcePaths), ["default/credential/registry"]);
  for (const digest of [
    component.attestationPolicyDigest,
    component.resourcePolicyDigest,
    component.referenceValuesDigest,
  ]) {
    assert.equal(await isKnown(digest), true);
    assert.match(await unwrap(digest), /^sha256:[0-9a-f]{64}$/);
  }
});

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

test("a TLS Secret that cert-manager keeps is mounted, and not made", async () => {
  const settings = settingsWith({ tls: { kind: "secret", name: "kbs-server-tls", authority: "kbs-root" } });
  const { tls: _tls, ...without } = secrets;
  const mocks = await made({ settings, secrets: without });
  assert.equal(
    mocks.resources.some(({ name }) => name === "broker-tls" || name === "broker-authority"),
    false,
  );
  const volumes = JSON.stringify(
    at(mocks.only("kubernetes:apps/v1:Deployment"), "spec", "template", "spec", "volumes"),
  );
  assert.ok(volumes.includes("kbs-server-tls"));
  assert.equal(at(mocks.named("broker-backend-tls"), "spec", "validation", "caCertificateRefs", 0, "name"), "kbs-root");
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
