import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyBrokerArgs } from "../../../components/key-broker/component.ts";
import { keyBrokerSettingsSchema } from "../../../components/key-broker/settings.ts";
import {
  at,
  children,
  componentType,
  inSecret,
  made,
  make,
  publicationOf,
  secrets,
  settingsWith,
  splitSecrets,
  texts,
} from "../../support/key-broker-component.ts";
import { brokerSettingsFields, splitTrustee } from "../../support/key-broker.ts";
import { isKnown, secretIn, startMocks, unwrap } from "../../support/mocks.ts";

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

interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly initContainers?: readonly Readonly<Record<string, unknown>>[];
  readonly containers: readonly Readonly<Record<string, unknown>>[];
}

test("pods run as nobody, change nothing of their image, have no token, and their image is named by digest", async () => {
  for (const changes of [{}, { settings: settingsWith({ trustee: splitTrustee }), secrets: splitSecrets }]) {
    const mocks = await made(changes);
    for (const type of ["kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:Job"]) {
      const spec = at(mocks.only(type), "spec", "template", "spec") as PodSpec;
      assert.equal(spec.automountServiceAccountToken, false);
      const { runAsNonRoot, seccompProfile } = spec.securityContext;
      assert.deepEqual([runAsNonRoot, seccompProfile], [true, { type: "RuntimeDefault" }]);
      const containers = [...(spec.initContainers ?? []), ...spec.containers];
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
  // At level info, Trustee's store logs the database's address with its password.
  assert.match(env, /"info,key_value_storage=warn"/);
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

test("a preview tells no token, which would differ from the update's", async () => {
  const mocks = await startMocks({ preview: true });
  make();
  await mocks.settled();
  const token = mocks.named(`broker-publication-token-${publicationOf(mocks)}`);
  assert.ok(!JSON.stringify(token.inputs).includes("Bearer"));
  assert.match(inSecret(mocks.named("broker-admin"), "public.pem"), /^-----BEGIN PUBLIC KEY-----/);
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
