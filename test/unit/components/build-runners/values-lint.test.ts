import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mergeValues } from "../../../../components/build-runners/merge-values.ts";
import { valuesFaults } from "../../../../components/build-runners/values-lint.ts";
import type { ChartKind, Json, Values } from "../../../../components/build-runners/values-lint.ts";
import { sampleDigest } from "../../../support/policies.ts";

const paths = (values: Values, chart: ChartKind = "scale-set") =>
  valuesFaults(values, chart).map(({ path }) => path.join("."));
const inRunner = (fields: { readonly [key: string]: Json }): Values => ({
  template: { spec: { containers: [{ name: "runner", ...fields }] } },
});
const container = "template.spec.containers.0";
const image = `ghcr.io/owner/sidecar@${sampleDigest("a")}`;

test("takes values that leave the hardening as it is", () => {
  assert.deepEqual(
    paths({
      labels: { team: "release" },
      listenerMetrics: { gauges: {} },
      template: {
        metadata: { labels: { team: "release" } },
        spec: {
          priorityClassName: "low",
          automountServiceAccountToken: false,
          hostNetwork: false,
          containers: [
            { name: "runner", env: [{ name: "LANG", value: "C.UTF-8" }] },
            {
              name: "sidecar",
              image,
              securityContext: { privileged: false, runAsNonRoot: true, capabilities: { drop: ["ALL"] } },
            },
          ],
          volumes: [{ name: "scratch", emptyDir: {} }],
        },
      },
    }),
    [],
  );
});

test("refuses a privileged container, Docker in Docker and the kubernetes modes", () => {
  const docker = { name: "dind", image: "docker:dind", securityContext: { privileged: true } };
  assert.deepEqual(paths({ template: { spec: { initContainers: [docker] } } }), [
    "template.spec.initContainers.0.image",
    "template.spec.initContainers.0.securityContext.privileged",
  ]);
  for (const type of ["dind", "kubernetes", "kubernetes-novolume", ""]) {
    assert.deepEqual(paths({ containerMode: { type } }), ["containerMode"]);
  }
  assert.deepEqual(paths({ template: { spec: { dind: { image } } } }), ["template.spec.dind"]);
  assert.deepEqual(paths(inRunner({ env: [{ name: "DOCKER_HOST", value: "tcp://10.0.0.1:2375" }] })), [
    `${container}.env.0.name`,
  ]);
  assert.deepEqual(paths(inRunner({ args: ["-v", "/var/run/docker.sock:/s"] })), [`${container}.args.1`]);
});

test("refuses the node's disk, network, processes and users", () => {
  for (const [key, value] of [
    ["hostNetwork", true],
    ["hostPID", true],
    ["hostIPC", true],
    ["hostNetwork", "true"],
  ] as const) {
    assert.deepEqual(paths({ template: { spec: { [key]: value } } }), [`template.spec.${key}`]);
  }
  const volumes = [
    { name: "a", hostPath: { path: "/" } },
    { name: "b", persistentVolumeClaim: { claimName: "shared" } },
    { name: "c", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
  ];
  assert.deepEqual(paths({ template: { spec: { volumes } } }), [
    "template.spec.volumes.0.hostPath",
    "template.spec.volumes.1.persistentVolumeClaim",
    "template.spec.volumes.2.projected.sources.0.serviceAccountToken",
  ]);
  assert.deepEqual(paths(inRunner({ ports: [{ hostPort: 80 }] })), [`${container}.ports.0.hostPort`]);
});

test("refuses every way of raising a container's rights", () => {
  const context = {
    allowPrivilegeEscalation: true,
    runAsNonRoot: false,
    runAsUser: 0,
    runAsGroup: 0,
    procMount: "Unmasked",
    seccompProfile: { type: "Unconfined" },
    appArmorProfile: { type: "Unconfined" },
    capabilities: { drop: ["ALL"], add: ["SYS_ADMIN"] },
    readOnlyRootFilesystem: false,
    windowsOptions: { hostProcess: true },
  };
  const at = `${container}.securityContext`;
  assert.deepEqual(paths(inRunner({ securityContext: context })), [
    ...Object.keys(context)
      .filter((key) => key !== "windowsOptions")
      .map((key) => `${at}.${key}`),
    `${at}.windowsOptions.hostProcess`,
  ]);
});

test("refuses tokens and accounts of the cluster", () => {
  for (const spec of [
    { automountServiceAccountToken: true },
    { automountServiceAccountToken: "true" },
    { serviceAccountName: "default" },
    { serviceAccount: "default" },
  ]) {
    assert.deepEqual(paths({ template: { spec } }), [`template.spec.${Object.keys(spec)[0] ?? ""}`]);
  }
});

test("refuses an image by tag, by tag and digest, by a short digest and by none", () => {
  for (const bad of [
    "ghcr.io/owner/image:latest",
    "ghcr.io/owner/image",
    `ghcr.io/owner/image:v1@${sampleDigest("a")}`,
    "ghcr.io/owner/image@sha256:abc",
    { repository: "ghcr.io/owner/image" },
    null,
  ]) {
    assert.deepEqual(paths(inRunner({ image: bad })), [`${container}.image`], JSON.stringify(bad));
  }
  assert.deepEqual(paths(inRunner({ image })), []);
  assert.deepEqual(paths(inRunner({ image: `127.0.0.1:5000/runner@${sampleDigest("a")}` })), []);
});

test("refuses to switch the Nix sandbox off, however it is said", () => {
  for (const value of ["sandbox = false", "cores = 4\nsandbox=false", "sandbox = relaxed", "--option sandbox false"]) {
    assert.deepEqual(paths(inRunner({ env: [{ name: "NIX_CONFIG", value }] })), [`${container}.env.0.value`], value);
  }
  assert.deepEqual(paths(inRunner({ args: ["--option", "sandbox", "false"] })), [`${container}.args`]);
  assert.deepEqual(paths(inRunner({ command: ["nix-build", "--no-sandbox"] })), [`${container}.command.1`]);
  assert.deepEqual(paths(inRunner({ env: [{ name: "NIX_CONFIG", value: "sandbox = true" }] })), []);
});

test("refuses to hand the App's Secret to jobs, by volume, variable or projection", () => {
  const name = "github-app-1";
  for (const volume of [{ secret: { secretName: name } }, { projected: { sources: [{ secret: { name } }] } }]) {
    const [found, ...others] = paths({ template: { spec: { volumes: [{ name: "key", ...volume }] } } });
    assert.ok(found?.startsWith("template.spec.volumes.0.") === true && others.length === 0);
  }
  assert.deepEqual(paths(inRunner({ envFrom: [{ secretRef: { name } }] })), [`${container}.envFrom.0.secretRef.name`]);
  const env = [{ name: "KEY", valueFrom: { secretKeyRef: { name: "github-app-12", key: "github_app_private_key" } } }];
  assert.deepEqual(paths(inRunner({ env })), [`${container}.env.0.valueFrom.secretKeyRef.name`]);
  assert.deepEqual(paths(inRunner({ envFrom: [{ secretRef: { name: "cache-token" } }] })), []);
});

test("refuses to take a pod's confinement away by an annotation", () => {
  const key = "container.apparmor.security.beta.kubernetes.io/runner";
  assert.deepEqual(paths({ template: { metadata: { annotations: { [key]: "unconfined" } } } }), [
    `template.metadata.annotations.${key}`,
  ]);
});

test("refuses what the component sets itself, in both charts", () => {
  const scaleSet = ["githubConfigUrl", "githubConfigSecret", "runnerGroup", "minRunners", "keyVault"];
  assert.deepEqual(paths(Object.fromEntries(scaleSet.map((key) => [key, "x"]))).toSorted(), scaleSet.toSorted());
  const controller = ["image", "serviceAccount", "flags", "securityContext", "podSecurityContext", "replicaCount"];
  assert.deepEqual(
    paths(Object.fromEntries(controller.map((key) => [key, "x"])), "controller").toSorted(),
    controller.toSorted(),
  );
});

test("finds a fault at any depth", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant(0), fc.constantFrom("a", "b", "spec")), { maxLength: 12 }), (steps) => {
      const nested = steps.reduce<Json>((inner, step) => (step === 0 ? [inner] : { [step]: inner }), {
        privileged: true,
      });
      assert.equal(valuesFaults({ template: nested }, "scale-set").length, 1);
    }),
  );
});

test("joins maps and named lists, and ours wins", () => {
  const given = {
    extra: 1,
    template: {
      spec: {
        hostNetwork: true,
        containers: [
          { name: "sidecar", image },
          { name: "runner", image: "other", env: [{ name: "LANG", value: "C" }] },
        ],
      },
    },
  };
  const own = { template: { spec: { hostNetwork: false, containers: [{ name: "runner", image }] } } };
  assert.deepEqual(mergeValues(given, own), {
    extra: 1,
    template: {
      spec: {
        hostNetwork: false,
        containers: [
          { name: "runner", image, env: [{ name: "LANG", value: "C" }] },
          { name: "sidecar", image },
        ],
      },
    },
  });
});

test("whatever the user gives, everything of ours is in the result", () => {
  const own = { a: { b: [{ name: "x", c: 1 }], d: false }, e: ["f"] };
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom("a", "e", "z"), fc.jsonValue()), (given) => {
      const merged = mergeValues(given as Values, own);
      assert.deepEqual(merged["e"], ["f"]);
      const inner = merged["a"] as { readonly b: readonly { readonly c: number }[]; readonly d: boolean };
      assert.equal(inner.d, false);
      assert.equal(inner.b[0]?.c, 1);
    }),
  );
});
