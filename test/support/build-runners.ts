import * as gcp from "@pulumi/gcp";
import * as github from "@pulumi/github";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { BuildRunners } from "../../components/build-runners/component.ts";
import type { BuildRunnersArgs } from "../../components/build-runners/component.ts";
import { buildRunnersSettingsSchema } from "../../components/build-runners/settings.ts";
import type { BuildRunnersSettings } from "../../components/build-runners/settings.ts";
import { pinsSchema } from "../../src/core/pins/pins.ts";
import type { Pins } from "../../src/core/pins/pins.ts";
import { sampleDigest, samplePolicy, sampleSigner } from "./policies.ts";

export const appKey = "-----BEGIN RSA PRIVATE KEY-----\nnot a key\n-----END RSA PRIVATE KEY-----\n";

const resources = { cpu: "2", memory: "4Gi", ephemeralStorage: "20Gi" };

export const arcFields = {
  namespaces: { controller: "arc-system", runners: "arc-runners" },
  podSecurity: "restricted",
  dns: { namespace: "kube-system", labels: { "k8s-app": "kube-dns" } },
  apiServer: { cidrs: ["10.20.0.2/32"], port: 443 },
  github: ["185.199.108.0/22", "140.82.112.0/20"],
  egress: [{ name: "cache", cidrs: ["10.30.0.0/24"], ports: [8443, 443] }],
  appKeyGeneration: 1,
  controller: { resources: { cpu: "500m", memory: "512Mi", ephemeralStorage: "1Gi" } },
  listener: { resources: { cpu: "250m", memory: "256Mi", ephemeralStorage: "512Mi" } },
  scaleSets: [
    { name: "neko-checks", role: "checks", minRunners: 0, maxRunners: 8, resources },
    {
      name: "neko-lint",
      role: "checks",
      minRunners: 1,
      maxRunners: 2,
      resources: { cpu: "1500m", memory: "1536Mi", ephemeralStorage: "10Gi" },
    },
  ],
};

export const gceFields = {
  project: "neko-ci-123",
  region: "europe-west4",
  zones: ["europe-west4-b", "europe-west4-a"],
  name: "neko-build",
  machineType: "n2-standard-16",
  image: { project: "neko-ci-123", name: `nix-runner-${"a".repeat(32)}`, sha256: sampleDigest("a") },
  disk: { type: "pd-ssd", sizeGb: 200 },
  maxRunTime: "3h",
  provisioning: "standard",
  network: {
    kind: "own",
    cidr: "10.40.0.0/24",
    egress: [
      { name: "github", cidrs: ["185.199.108.0/22", "140.82.112.0/20"], ports: [443] },
      { name: "nix-cache", cidrs: ["151.101.0.0/16"], ports: [443] },
    ],
  },
  secureBoot: "required",
  signs: false,
};

export const runnersFields = {
  ownerKind: "organization",
  group: { name: "neko release", signers: ["release"], refs: ["refs/tags/v3.1.0"], publicRepositories: "refuse" },
  arc: arcFields,
  gce: gceFields,
};

/** Settings with top-level fields replaced. */
export function runnersSettings(changes: object = {}): BuildRunnersSettings {
  return buildRunnersSettingsSchema.parse({ ...runnersFields, ...changes });
}

/** The pins that the component needs; `versions` replaces one by name. */
export function runnersPins(versions: Readonly<Record<string, string>> = {}): Pins {
  const charts = "oci://ghcr.io/actions/actions-runner-controller-charts";
  const chart = (name: string, path: string) => ({
    name,
    repository: `${charts}/${path}`,
    version: versions[`chart ${name}`] ?? "0.14.2",
    digest: sampleDigest("c"),
  });
  const image = (name: string, repository: string, version: string, digit: string) => ({
    name,
    repository,
    version: versions[`image ${name}`] ?? version,
    digest: versions[`digest ${name}`] ?? sampleDigest(digit),
  });
  return pinsSchema.parse({
    schema: 1,
    charts: [
      chart("arc-controller", "gha-runner-scale-set-controller"),
      chart("arc-scale-set", "gha-runner-scale-set"),
    ],
    images: [
      image("arc-controller", "ghcr.io/actions/gha-runner-scale-set-controller", "0.14.2", "d"),
      image("actions-runner", "ghcr.io/actions/actions-runner", "2.337.0", "e"),
    ],
    actions: [],
    plugins: [],
  });
}

/** The App's credentials, as a program passes them. */
export function runnersApp(privateKey = appKey) {
  return {
    id: pulumi.secret("123456"),
    installationId: pulumi.secret("654321"),
    privateKey: pulumi.secret(privateKey),
  };
}

/** Explicit providers of all three packages. */
export function runnersProviders() {
  return {
    github: new github.Provider("hub", { owner: "neko-org", token: pulumi.secret("the token") }),
    kubernetes: new kubernetes.Provider("cluster", { kubeconfig: pulumi.secret("{}") }),
    gcp: new gcp.Provider("google", { project: "neko-ci-123", region: "europe-west4" }),
  };
}

/** The component with both parts; `changes` replaces arguments. */
export function makeRunners(changes: Partial<BuildRunnersArgs> = {}): BuildRunners {
  const args = {
    settings: runnersSettings(),
    policy: samplePolicy({ signers: [sampleSigner] }),
    repository: { id: 223413321, fullName: "neko-org/neko" },
    cluster: "ci",
    app: runnersApp(),
    starter: "apply@neko-ci-123.iam.gserviceaccount.com",
    pins: runnersPins(),
    ...changes,
  };
  return new BuildRunners("runners", args, { providers: runnersProviders() });
}
