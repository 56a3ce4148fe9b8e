import assert from "node:assert/strict";
import { test } from "node:test";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { limitRangeArgs, quotaArgs, withoutToken } from "../../../../components/build-runners/arc-args.ts";
import { controllerPolicies, runnerPolicies } from "../../../../components/build-runners/arc-network.ts";
import { ArcRunners } from "../../../../components/build-runners/arc-runners.ts";
import type { ArcSettings } from "../../../../components/build-runners/arc-settings.ts";
import { chartSource, controllerValues, scaleSetValues } from "../../../../components/build-runners/arc-values.ts";
import { valuesFaults } from "../../../../components/build-runners/values-lint.ts";
import type { Values } from "../../../../components/build-runners/values-lint.ts";
import {
  appKey,
  arcFields,
  makeRunners,
  runnersApp,
  runnersPins,
  runnersSettings,
} from "../../../support/build-runners.ts";
import { codeThrown } from "../../../support/failures.ts";
import { startMocks, unwrap } from "../../../support/mocks.ts";
import { sampleDigest } from "../../../support/policies.ts";

function arcSettings(changes: object = {}): ArcSettings {
  const { arc } = runnersSettings({ arc: { ...arcFields, ...changes } });
  assert.ok(arc !== undefined);
  return arc;
}
const place = { url: "https://github.com/neko-org", group: "neko release", secret: "github-app-1" };
const valuesOf = (settings: ArcSettings) => scaleSetValues(settings, settings.scaleSets[0]!, place, runnersPins());

interface PodValues {
  readonly template: { readonly spec: Record<string, unknown> & { readonly containers: Record<string, unknown>[] } };
}

test("runner pods have no token, privilege, Docker, or volume of the node, and an image by digest", () => {
  const values = valuesOf(arcSettings()) as unknown as PodValues & Record<string, unknown>;
  assert.deepEqual(values["containerMode"], { type: "" });
  const { containers, ...spec } = values.template.spec;
  assert.deepEqual(spec, {
    automountServiceAccountToken: false,
    serviceAccountName: "arc-runner",
    enableServiceLinks: false,
    hostNetwork: false,
    restartPolicy: "Never",
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 1001,
      runAsGroup: 1001,
      fsGroup: 1001,
      seccompProfile: { type: "RuntimeDefault" },
    },
    volumes: [{ name: "work", emptyDir: { sizeLimit: "20Gi" } }],
  });
  const amounts = { cpu: "2", memory: "4Gi", "ephemeral-storage": "20Gi" };
  assert.deepEqual(containers, [
    {
      name: "runner",
      image: `ghcr.io/actions/actions-runner@${sampleDigest("e")}`,
      command: ["/home/runner/run.sh"],
      securityContext: {
        runAsNonRoot: true,
        allowPrivilegeEscalation: false,
        privileged: false,
        capabilities: { drop: ["ALL"] },
        readOnlyRootFilesystem: false,
        seccompProfile: { type: "RuntimeDefault" },
      },
      resources: { requests: amounts, limits: amounts },
      volumeMounts: [{ name: "work", mountPath: "/home/runner/_work" }],
    },
  ]);
});

test("a scale set is in the group, takes the App's Secret, and its bounds", () => {
  const values = valuesOf(arcSettings());
  assert.deepEqual(
    ["githubConfigUrl", "githubConfigSecret", "runnerGroup", "runnerScaleSetName", "minRunners", "maxRunners"].map(
      (key) => values[key],
    ),
    ["https://github.com/neko-org", "github-app-1", "neko release", "neko-checks", 0, 8],
  );
  assert.deepEqual(values["controllerServiceAccount"], { namespace: "arc-system", name: "arc-controller" });
});

test("listener and controller are hardened, with a read-only root", () => {
  const listener = valuesOf(arcSettings())["listenerTemplate"] as {
    readonly spec: { readonly containers: readonly { readonly securityContext: Record<string, unknown> }[] };
  };
  const controller = controllerValues(arcSettings(), runnersPins());
  for (const context of [listener.spec.containers[0]?.securityContext, controller["securityContext"]]) {
    assert.deepEqual(context, {
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      privileged: false,
      capabilities: { drop: ["ALL"] },
      readOnlyRootFilesystem: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
  }
  const flags = controller["flags"] as Record<string, unknown>;
  assert.equal(flags["watchSingleNamespace"], "arc-runners");
});

test("the chart's repository:tag becomes a reference by digest, or one that no registry has", () => {
  const joined = (pins: ReturnType<typeof runnersPins>) => {
    const { repository, tag } = controllerValues(arcSettings(), pins)["image"] as Record<string, string>;
    return `${repository ?? ""}:${tag ?? ""}`;
  };
  const image = "ghcr.io/actions/gha-runner-scale-set-controller";
  assert.equal(joined(runnersPins()), `${image}@${sampleDigest("d")}`);
  assert.equal(joined(runnersPins({ "digest arc-controller": "unresolved" })), `${image}:0.14.2-unresolved`);
});

test("a chart comes from an OCI address, or by name from a repository", () => {
  assert.deepEqual(chartSource(runnersPins(), "arc-scale-set"), {
    chart: "oci://ghcr.io/actions/actions-runner-controller-charts/gha-runner-scale-set",
    version: "0.14.2",
  });
  const [chart] = runnersPins().charts;
  const charts = [{ ...chart!, repository: "https://charts.example.org", chart: "gha" }];
  assert.deepEqual(chartSource({ ...runnersPins(), charts }, "arc-controller"), {
    chart: "gha",
    version: "0.14.2",
    repositoryOpts: { repo: "https://charts.example.org" },
  });
});

test("what the component sets passes its own lint, but for what is its own", () => {
  const { containerMode: _mode, ...rest } = valuesOf(arcSettings());
  const own = ["automountServiceAccountToken", "serviceAccountName", "readOnlyRootFilesystem"];
  const found = valuesFaults(
    { template: rest["template"], listenerTemplate: rest["listenerTemplate"] } as Values,
    "scale-set",
  );
  assert.deepEqual(
    found.filter(({ path }) => !own.includes(String(path.at(-1)))),
    [],
  );
});

test("further values are added, and checked again where the schema was not used", () => {
  const values = { labels: { team: "release" }, template: { spec: { priorityClassName: "low" } } };
  const [set, ...others] = arcFields.scaleSets;
  const added = valuesOf(arcSettings({ scaleSets: [{ ...set, values }, ...others] })) as unknown as PodValues;
  assert.equal(added.template.spec["priorityClassName"], "low");
  assert.equal(added.template.spec["automountServiceAccountToken"], false);
  const settings = arcSettings();
  const unsafe = { ...settings.scaleSets[0]!, values: { template: { spec: { hostNetwork: true } } } };
  assert.equal(
    codeThrown(() => scaleSetValues(settings, unsafe, place, runnersPins()), "accepted"),
    "RUNNER_VALUES_UNSAFE",
  );
});

test("selector and tolerations reach the runners' pods", () => {
  const toleration = { key: "runners", operator: "Exists", effect: "NoSchedule" };
  const set = { ...arcFields.scaleSets[0], nodeSelector: { pool: "ci" }, tolerations: [toleration] };
  const { template } = valuesOf(arcSettings({ scaleSets: [set] })) as unknown as PodValues;
  assert.deepEqual([template.spec["nodeSelector"], template.spec["tolerations"]], [{ pool: "ci" }, [toleration]]);
});

test("both namespaces deny everything, and let out what is listed, never to a metadata server", () => {
  const wide = arcSettings({ github: ["169.0.0.0/8", "140.82.112.0/20"] });
  const named = Object.fromEntries(runnerPolicies(wide).map(({ suffix, args }) => [suffix, args.spec]));
  assert.deepEqual(named["deny-all"], { podSelector: {}, policyTypes: ["Ingress", "Egress"] });
  assert.deepEqual(named["allow-github"], {
    podSelector: {},
    policyTypes: ["Egress"],
    egress: [
      {
        to: [
          { ipBlock: { cidr: "140.82.112.0/20" } },
          { ipBlock: { cidr: "169.0.0.0/8", except: ["169.254.0.0/16"] } },
        ],
        ports: [{ protocol: "TCP", port: 443 }],
      },
    ],
  });
  assert.deepEqual(named["allow-dns"], {
    podSelector: {},
    policyTypes: ["Egress"],
    egress: [
      {
        to: [
          {
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
            podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
          },
        ],
        ports: [
          { protocol: "TCP", port: 53 },
          { protocol: "UDP", port: 53 },
        ],
      },
    ],
  });
  const of = (policies: ReturnType<typeof runnerPolicies>) => policies.map(({ suffix }) => suffix);
  assert.deepEqual(of(runnerPolicies(wide)), ["deny-all", "allow-dns", "allow-github", "allow-cache"]);
  // The API server is the controller's and the listeners', not the jobs'.
  assert.deepEqual(of(controllerPolicies(wide)), ["deny-all", "allow-dns", "allow-github", "allow-api-server"]);
});

test("the quota has room for every runner twice, and none for services and claims", () => {
  assert.deepEqual((quotaArgs(arcSettings()).spec as { hard: unknown }).hard, {
    "limits.cpu": "38",
    "limits.ephemeral-storage": "360Gi",
    "limits.memory": "70Gi",
    "requests.cpu": "38",
    "requests.ephemeral-storage": "360Gi",
    "requests.memory": "70Gi",
    persistentvolumeclaims: "0",
    pods: "20",
    services: "0",
  });
  const most = { cpu: "2", memory: "4Gi", "ephemeral-storage": "20Gi" };
  assert.deepEqual((limitRangeArgs(arcSettings()).spec as { limits: unknown }).limits, [
    { type: "Container", default: most, defaultRequest: most, max: most },
  ]);
});

test("namespaces enforce the Pod Security Standard; the runners' one is weaker only where that is said", async () => {
  const levels = async (changes: object) => {
    const mocks = await startMocks();
    makeRunners({ settings: runnersSettings({ arc: { ...arcFields, ...changes } }) });
    await mocks.settled();
    return ["controller", "runners"].map((which) => {
      const { inputs } = mocks.named(`runners-arc-${which}-namespace`);
      const { labels } = inputs["metadata"] as { readonly labels: Record<string, string> };
      return labels["pod-security.kubernetes.io/enforce"];
    });
  };
  assert.deepEqual(await levels({}), ["restricted", "restricted"]);
  const podSecurity = { level: "baseline", reason: "a sidecar of ours needs it" };
  assert.deepEqual(await levels({ podSecurity }), ["restricted", "baseline"]);
});

test("releases come after every fence, and the scale sets after the controller", async () => {
  const mocks = await startMocks();
  makeRunners();
  await mocks.settled();
  const before = (name: string) => mocks.named(name).dependencies.map((urn) => urn.split("::").at(-1) ?? "");
  const fences = mocks.resources
    .filter(({ type }) => /NetworkPolicy|ResourceQuota|LimitRange|ServiceAccount$/.test(type))
    .map(({ name }) => name)
    .filter((name) => name.startsWith("runners-arc"));
  assert.equal(fences.length, 11);
  for (const name of ["runners-arc-controller", "runners-arc-set-neko-checks", "runners-arc-set-neko-lint"]) {
    assert.deepEqual(
      fences.filter((fence) => !before(name).includes(fence)),
      [],
      name,
    );
  }
  assert.ok(before("runners-arc-set-neko-lint").includes("runners-arc-controller"));
  assert.ok(before("runners-arc-set-neko-lint").includes("runners-arc-github-app"));
});

test("a new key generation is a new Secret, which the scale sets then take", async () => {
  const mocks = await startMocks();
  makeRunners({ settings: runnersSettings({ arc: { ...arcFields, appKeyGeneration: 2 } }) });
  await mocks.settled();
  const { name } = mocks.named("runners-arc-github-app").inputs["metadata"] as { readonly name: string };
  const values = mocks.named("runners-arc-set-neko-checks").inputs["values"] as Record<string, unknown>;
  assert.deepEqual([name, values["githubConfigSecret"]], ["github-app-2", "github-app-2"]);
});

test("a person's token is refused as the App's key", () => {
  for (const token of ["ghp_0123456789", "github_pat_0123", "ghs_0123"]) {
    assert.equal(
      codeThrown(() => withoutToken(token), "accepted"),
      "GITHUB_TOKEN_REFUSED",
    );
  }
  assert.equal(withoutToken(appKey), appKey);
});

test("ArcRunners alone goes into a second cluster with the same group", async () => {
  const mocks = await startMocks();
  const provider = new kubernetes.Provider("east", { kubeconfig: pulumi.secret("{}") });
  const args = { settings: arcSettings(), cluster: "east", owner: "neko-org", group: "neko release" };
  const runners = new ArcRunners("east", { ...args, app: runnersApp(), pins: runnersPins() }, { provider });
  assert.deepEqual(await unwrap(runners.scaleSets), ["neko-checks", "neko-lint"]);
  await mocks.settled();
  assert.deepEqual(
    mocks.resources.filter(({ type }) => type.startsWith("github:")),
    [],
  );
  const without = {} as { provider: kubernetes.Provider };
  const call = () => new ArcRunners("west", { ...args, app: runnersApp(), pins: runnersPins() }, without);
  assert.equal(codeThrown(call, "accepted"), "PROVIDER_REQUIRED");
});
