import assert from "node:assert/strict";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { BuildRunners } from "../../../../components/build-runners/component.ts";
import type { BuildRunnersArgs, BuildRunnersOptions } from "../../../../components/build-runners/component.ts";
import {
  appKey,
  arcFields,
  makeRunners,
  runnersApp,
  runnersFields,
  runnersPins,
  runnersProviders,
  runnersSettings,
} from "../../../support/build-runners.ts";
import { codeThrown } from "../../../support/failures.ts";
import { isKnown, secretIn, startMocks, unwrap } from "../../../support/mocks.ts";
import { samplePolicy } from "../../../support/policies.ts";

const typeOf = (part: string) => `neko-trust:runners:${part}`;
const groupType = "github:index/actionsRunnerGroup:ActionsRunnerGroup";

test("registers the group under itself, each part under itself, all through their own providers", async () => {
  const mocks = await startMocks();
  makeRunners();
  await mocks.settled();
  const under = (parent: string) => mocks.resources.filter((one) => one.parent.endsWith(parent));
  const children = (parent: string) =>
    under(parent)
      .map(({ name }) => name)
      .toSorted();
  assert.deepEqual(children(`${typeOf("BuildRunners")}::runners`), ["runners-arc", "runners-gce", "runners-group"]);
  assert.deepEqual(children(`${typeOf("ArcRunners")}::runners-arc`), [
    "runners-arc-controller",
    "runners-arc-controller-allow-api-server",
    "runners-arc-controller-allow-dns",
    "runners-arc-controller-allow-github",
    "runners-arc-controller-deny-all",
    "runners-arc-controller-namespace",
    "runners-arc-github-app",
    "runners-arc-runners-account",
    "runners-arc-runners-allow-cache",
    "runners-arc-runners-allow-dns",
    "runners-arc-runners-allow-github",
    "runners-arc-runners-deny-all",
    "runners-arc-runners-limits",
    "runners-arc-runners-namespace",
    "runners-arc-runners-quota",
    "runners-arc-set-neko-checks",
    "runners-arc-set-neko-lint",
  ]);
  assert.deepEqual(children(`${typeOf("GceRunners")}::runners-gce`), [
    "runners-gce-account",
    "runners-gce-allow-github",
    "runners-gce-allow-nix-cache",
    "runners-gce-deny-egress",
    "runners-gce-deny-ingress",
    "runners-gce-material-role",
    "runners-gce-nat",
    "runners-gce-network",
    "runners-gce-router",
    "runners-gce-starter",
    "runners-gce-starter-account",
    "runners-gce-starter-image",
    "runners-gce-starter-role",
    "runners-gce-starter-subnet",
    "runners-gce-starter-template",
    "runners-gce-subnet",
    "runners-gce-template",
  ]);
  const provider = { github: "hub", kubernetes: "cluster", gcp: "google" } as const;
  for (const { type, name, provider: used, custom } of mocks.resources) {
    const [packageName = ""] = type.split(":");
    if (!custom || packageName === "pulumi") continue;
    const wanted = provider[packageName as keyof typeof provider];
    assert.ok(used.includes(`pulumi:providers:${packageName}::${wanted}::`), `${name}: ${used}`);
  }
});

test("only the listed workflows of the one repository can use the group", async () => {
  const mocks = await startMocks();
  makeRunners();
  await mocks.settled();
  assert.deepEqual(mocks.only(groupType).inputs, {
    name: "neko release",
    visibility: "selected",
    selectedRepositoryIds: [223413321],
    restrictedToWorkflows: true,
    selectedWorkflows: ["m1k1o/neko/.github/workflows/release.yml@refs/tags/v3.1.0"],
    allowsPublicRepositories: false,
  });
});

test("public repositories are let in only with a reason, which the state shows", async () => {
  const mocks = await startMocks();
  const reason = "the repository itself is public";
  makeRunners({ settings: runnersSettings({ group: { ...runnersFields.group, publicRepositories: { reason } } }) });
  await mocks.settled();
  assert.equal(mocks.only(groupType).inputs["allowsPublicRepositories"], true);
  assert.equal(mocks.only(typeOf("BuildRunners")).inputs["publicRepositories"], reason);
});

test("each part can be used without the other, and asks for its own provider only", async () => {
  const mocks = await startMocks();
  const { github, kubernetes, gcp } = runnersProviders();
  const shared = { policy: samplePolicy(), repository: { id: 1, fullName: "neko-org/neko" }, pins: runnersPins() };
  const arc = new BuildRunners(
    "checks",
    { ...shared, settings: runnersSettings({ gce: undefined }), cluster: "ci", app: runnersApp() },
    { providers: { github, kubernetes } },
  );
  const gce = new BuildRunners(
    "builds",
    { ...shared, settings: runnersSettings({ arc: undefined }) },
    { providers: { github, gcp } },
  );
  await mocks.settled();
  assert.equal(arc.gce, undefined);
  assert.equal(gce.arc, undefined);
  assert.deepEqual(
    mocks.resources.filter(({ name }) => /^(?:checks-gce|builds-arc)/.test(name)),
    [],
  );
  assert.ok(mocks.named("checks-arc-controller").custom && mocks.named("builds-gce-template").custom);
  // No starter was given: nobody is granted anything.
  assert.deepEqual(
    mocks.resources.filter(({ type }) => /IAM|Iam/.test(type)),
    [],
  );
});

test("the App's credentials are secrets in their one place, and nowhere else", async () => {
  const mocks = await startMocks();
  const plainOutputs = {
    id: pulumi.output("123456"),
    installationId: pulumi.output("654321"),
    privateKey: pulumi.output(appKey),
  };
  makeRunners({ app: plainOutputs });
  await mocks.settled();
  const secret = mocks.named("runners-arc-github-app");
  // Whether the SDK marks each value or the whole of stringData, nothing of it is in the clear.
  const data = secretIn(secret.inputs["stringData"]) ?? secret.inputs["stringData"];
  const open = Object.fromEntries(
    Object.entries(data as Record<string, unknown>).map(([key, value]) => [key, secretIn(value) ?? value]),
  );
  assert.deepEqual(open, {
    github_app_id: "123456",
    github_app_installation_id: "654321",
    github_app_private_key: appKey,
  });
  const marked = secretIn(secret.inputs["stringData"]) !== undefined;
  const each = Object.values(data as Record<string, unknown>).every((value) => secretIn(value) !== undefined);
  assert.ok(marked || each);
  const others = JSON.stringify(mocks.resources.filter((one) => one !== secret));
  for (const hidden of ["PRIVATE KEY", "123456", "654321", "the token"]) {
    const inProvider = hidden === "the token";
    assert.equal(others.includes(hidden), inProvider, hidden);
  }
});

test("refuses credentials in plain text", async () => {
  await startMocks();
  const app = { ...runnersApp(), privateKey: appKey } as unknown as BuildRunnersArgs["app"];
  assert.equal(
    codeThrown(() => makeRunners({ app }), "accepted"),
    "SECRET_IN_PLAIN_TEXT",
  );
});

test("refuses pins of different versions and missing ones, and registers nothing", async () => {
  const mocks = await startMocks();
  for (const name of ["chart arc-controller", "chart arc-scale-set", "image arc-controller"]) {
    assert.equal(
      codeThrown(() => makeRunners({ pins: runnersPins({ [name]: "0.14.1" }) }), "accepted"),
      "PIN_MISMATCH",
    );
  }
  const pins = { ...runnersPins(), images: runnersPins().images.slice(0, 1) };
  assert.equal(
    codeThrown(() => makeRunners({ pins: { ...pins, charts: [] } }), "accepted"),
    "PIN_MISSING",
  );
  await mocks.settled();
  assert.deepEqual(
    mocks.resources.filter(({ type }) => !type.startsWith("pulumi:providers:")),
    [],
  );
});

test("refuses a part without what it needs", async () => {
  await startMocks();
  const { github, kubernetes } = runnersProviders();
  for (const providers of [{}, { github }, { github, kubernetes }]) {
    const args = { settings: runnersSettings(), policy: samplePolicy(), repository: { id: 1, fullName: "o/r" } };
    const options = { providers } as unknown as BuildRunnersOptions;
    const call = () => new BuildRunners("runners", { ...args, pins: runnersPins() }, options);
    assert.equal(codeThrown(call, "accepted"), "PROVIDER_REQUIRED");
  }
  for (const missing of ["cluster", "app"] as const) {
    assert.equal(
      codeThrown(() => makeRunners({ [missing]: undefined }), "accepted"),
      "RUNNERS_ARGUMENT_NEEDED",
    );
  }
});

test("outputs are the group, its workflows and what each part made", async () => {
  const mocks = await startMocks({
    outputs: (type) => (type.endsWith(":InstanceTemplate") ? { selfLink: "https://compute/template" } : {}),
  });
  const runners = makeRunners();
  assert.equal(await unwrap(runners.group), "neko release");
  assert.equal(await unwrap(runners.groupId), "runners-group-id");
  assert.deepEqual(await unwrap(runners.workflows), ["m1k1o/neko/.github/workflows/release.yml@refs/tags/v3.1.0"]);
  assert.ok(runners.arc !== undefined && runners.gce !== undefined);
  assert.deepEqual(await unwrap(runners.arc.scaleSets), ["neko-checks", "neko-lint"]);
  assert.equal(await unwrap(runners.arc.version), "0.14.2");
  assert.equal(await unwrap(runners.gce.template), "https://compute/template");
  await mocks.settled();
  for (const [part, name] of [
    ["BuildRunners", "runners"],
    ["ArcRunners", "runners-arc"],
    ["GceRunners", "runners-gce"],
  ] as const) {
    // A child's type is preceded by its parent's.
    assert.ok(
      [...mocks.registeredOutputs.keys()].some((key) => key.endsWith(`${typeOf(part)}::${name}`)),
      part,
    );
  }
});

test("at preview everything is planned, and what the clouds answer is unknown", async () => {
  const mocks = await startMocks({ preview: true });
  const runners = makeRunners();
  assert.equal(await isKnown(runners.workflows), true);
  assert.equal(await isKnown(runners.groupId), false);
  assert.equal(await isKnown(runners.gce!.template), false);
  await mocks.settled();
  assert.equal(mocks.resources.filter(({ name }) => name.startsWith("runners-")).length, 37);
});

test("keeps settings in its state, and nothing else", async () => {
  const mocks = await startMocks();
  makeRunners();
  await mocks.settled();
  assert.deepEqual(mocks.only(typeOf("BuildRunners")).inputs, {
    group: "neko release",
    workflows: ["m1k1o/neko/.github/workflows/release.yml@refs/tags/v3.1.0"],
    publicRepositories: "refused",
    arc: ["neko-checks: 0 to 8", "neko-lint: 1 to 2"],
    gce: `n2-standard-16 from nix-runner-${"a".repeat(32)}, at most 3h`,
  });
  const { inputs } = mocks.only(typeOf("ArcRunners"));
  assert.deepEqual([inputs["cluster"], inputs["namespaces"]], ["ci", arcFields.namespaces]);
});
