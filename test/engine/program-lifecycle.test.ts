import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import * as github from "@pulumi/github";
import * as kubernetes from "@pulumi/kubernetes";
import { AdmissionPolicies } from "../../components/admission-policies/component.ts";
import { GhcrRepository } from "../../components/ghcr-repository/component.ts";
import type { GhcrRepositorySettings } from "../../components/ghcr-repository/settings.ts";
import { latestOutcomes } from "../../lab/stand-ins/journal.ts";
import type { JournalEntry } from "../../lab/stand-ins/journal.ts";
import { readYamlConfig } from "../../src/config/read-config.ts";
import type { StackConfig } from "../../src/config/stack-config.ts";
import { placesOf } from "../../lab/places.ts";
import { Failure } from "../../src/core/failure.ts";
import type { OperationResult, StackHandle } from "../../src/engine/open-stack.ts";
import { stateFile } from "../../src/engine/pending-operations.ts";
import type { Program } from "../../src/engine/program.ts";
import { verifyReleases } from "../../src/operations/verify-releases.ts";
import { startProgramLab } from "../support/program-lab.ts";
import type { ProgramLab } from "../support/program-lab.ts";
import { standInsBench } from "../support/stand-ins.ts";
import type { Bench } from "../support/stand-ins.ts";

const own = /^(?:pulumi:|neko-trust:)/;
const countOf = (result: OperationResult): number => Object.values(result.summary).reduce((sum, one) => sum + one, 0);

/** The resources that a provider is asked for: not the stack, providers and components, which are the engine's own. */
function provided(result: OperationResult): string[] {
  return result.resources.filter(({ type }) => !own.test(type)).map(({ urn }) => urn);
}

/** Kinds of the deleted objects in the order of their deletion. */
function deletedKinds(entries: readonly JournalEntry[]): string[] {
  return entries.filter(({ operation }) => operation === "delete").map(({ type }) => type.split(":").at(-1) ?? type);
}

/** What Google never deletes, or what would destroy the data that it encrypts: a destroy forgets it. */
const keptByDesign = ["gcp:kms/cryptoKey:CryptoKey", "gcp:kms/cryptoKey:CryptoKey", "gcp:kms/keyRing:KeyRing"];

/** Bindings first: a policy without its list would refuse everything, and a namespace goes when it is empty. */
function assertDestroyedInOrder(journal: readonly JournalEntry[]): void {
  const kinds = deletedKinds(journal.filter(({ urn }) => urn.includes("AdmissionPolicies$")));
  const first = (kind: string): number => kinds.indexOf(kind);
  const last = (kind: string): number => kinds.lastIndexOf(kind);
  const binding = "ValidatingAdmissionPolicyBinding";
  assert.equal(kinds.filter((kind) => kind === binding).length, 3);
  assert.equal(kinds.filter((kind) => kind === "ValidatingAdmissionPolicy").length, 3);
  assert.ok(last(binding) < first("ValidatingAdmissionPolicy"), `bindings before policies: ${kinds.join(", ")}`);
  assert.ok(last(binding) < first("ConfigMap"), `bindings before the list: ${kinds.join(", ")}`);
  assert.ok(first("ConfigMap") < first("Namespace"), `the list before its namespace: ${kinds.join(", ")}`);
}

let lab: ProgramLab;
let config: StackConfig;
before(async () => {
  lab = await startProgramLab();
  config = readYamlConfig("local", lab.context.directories);
});
after(() => lab.close());

test("index.ts previews, comes up, stays the same, refreshes and is destroyed in one process", async () => {
  const release = `${lab.sample.repository}@${lab.sample.digest}`;
  const places = placesOf(lab.context.directories);
  await lab.open(async ({ handle, standIns }) => {
    const plan = await handle.preview();
    assert.deepEqual(Object.keys(plan.summary), ["create"]);
    assert.deepEqual(standIns.journal(), [], "a preview journals nothing as done");

    const first = await handle.up();
    assert.deepEqual(first.summary, plan.summary);
    assert.deepEqual(first.outputs["releases"]?.value, [release]);
    assert.equal(first.outputs["repository"]?.value, "m1k1o/neko");
    const outcomes = latestOutcomes(standIns.journal());
    assert.deepEqual([...outcomes.keys()].sort(), provided(first).sort());
    assert.deepEqual(new Set([...outcomes.values()].map(({ outcome }) => outcome)), new Set(["rendered", "recorded"]));
    const lists = readdirSync(places.rendered).filter((name) => name.startsWith("configmap-"));
    const texts = lists.map((name) => readFileSync(`${places.rendered}/${name}`, "utf8"));
    assert.equal(texts.filter((text) => text.includes(lab.sample.digest.slice(7))).length, 1, "one list of what runs");

    const state = readFileSync(stateFile(`${places.engine}/backend`, handle.project, "local"), "utf8");
    assert.ok(!state.includes("not-a-credential"), "a provider's token is in the state in clear");
    const urls = [...state.matchAll(/https?:\/\/127\.0\.0\.1[^"\\]*/g)].map(([url]) => url);
    assert.deepEqual([...new Set(urls)], ["http://127.0.0.1:9/"], "no endpoint but the dead one");

    const second = await handle.up();
    assert.deepEqual(second.summary, { same: countOf(first) });
    assert.deepEqual(new Set(second.resources.map(({ op }) => op)), new Set(["same"]));

    const refreshed = await handle.refresh();
    assert.deepEqual(Object.keys(refreshed.summary), ["same"]);

    const destroyed = await handle.destroy();
    assert.deepEqual(destroyed.summary, { delete: countOf(first) });
    const kept = [...latestOutcomes(standIns.journal()).values()].map(({ type }) => type).sort();
    assert.deepEqual(kept, keptByDesign);
    assertDestroyedInOrder(standIns.journal());
    assert.deepEqual(readdirSync(places.rendered), []);
    assert.deepEqual(standIns.refusals(), []);
  });
});

/** plan, up, up, refresh, destroy of one component on its own, as every component has to do. */
async function assertLifecycle(bench: Bench, stack: StackHandle, children: number): Promise<OperationResult> {
  const plan = await stack.preview();
  assert.deepEqual(Object.keys(plan.summary), ["create"]);
  assert.equal(provided(plan).length, children);
  const first = await stack.up();
  assert.deepEqual(first.summary, plan.summary);
  assert.equal(bench.standIns.journal().filter(({ operation }) => operation === "create").length, children);
  assert.deepEqual((await stack.up()).summary, { same: countOf(first) });
  const refreshed = await stack.refresh();
  assert.deepEqual(Object.keys(refreshed.summary), ["same"]);
  const destroyed = await stack.destroy();
  assert.deepEqual(destroyed.summary, { delete: countOf(first) });
  assert.equal(latestOutcomes(bench.standIns.journal()).size, 0);
  assert.deepEqual(bench.standIns.refusals(), []);
  return first;
}

/** What GitHub's provider makes alone: ghcr-repository-commands.test.ts has the rest. */
function withoutCommands(settings: GhcrRepositorySettings): GhcrRepositorySettings {
  return { ...settings, immutableReleases: undefined, package: undefined };
}

describe("a component on its own", () => {
  let bench: Bench;
  const open = async (program: Program): Promise<StackHandle> => {
    bench = await standInsBench();
    return bench.stack(program);
  };
  const done = (): Promise<void> => bench.close();

  test("GhcrRepository: plan, up, all same, refresh, destroy", async (t) => {
    assert.ok(config.ghcrRepository !== undefined);
    const settings = withoutCommands(config.ghcrRepository);
    const stack = await open(() => {
      const provider = new github.Provider("github", { owner: "m1k1o", token: "none", baseUrl: "http://127.0.0.1:9/" });
      const { fullName } = new GhcrRepository("neko", { settings }, { provider });
      return Promise.resolve({ fullName });
    });
    t.after(done);
    const first = await assertLifecycle(bench, stack, 8);
    assert.equal(first.outputs["fullName"]?.value, "m1k1o/neko");
    assert.equal(deletedKinds(bench.standIns.journal()).at(-1), "Repository", "rulesets go before their repository");
  });

  test("GhcrRepository that is kept: destroy is refused and the repository stays", async (t) => {
    assert.ok(config.ghcrRepository !== undefined);
    const settings = { ...withoutCommands(config.ghcrRepository), onDestroy: "keep" as const };
    const stack = await open(() => {
      const provider = new github.Provider("github", { owner: "m1k1o", token: "none", baseUrl: "http://127.0.0.1:9/" });
      new GhcrRepository("neko", { settings }, { provider });
      return Promise.resolve({});
    });
    t.after(done);
    await stack.up();
    await assert.rejects(
      () => stack.destroy(),
      (error: unknown) => {
        assert.ok(error instanceof Failure);
        assert.equal(error.code, "ENGINE_UPDATE_FAILED");
        assert.match(error.details.join("\n"), /protected/);
        return true;
      },
    );
    assert.ok(!deletedKinds(bench.standIns.journal()).includes("Repository"));
  });

  test("AdmissionPolicies from verified releases: plan, up, all same, refresh, destroy in order", async (t) => {
    const { policy, admissionPolicies: settings } = config;
    assert.ok(settings !== undefined);
    const { checkout } = lab.context.directories;
    const stack = await open(async () => {
      const now = new Date();
      const releases = await verifyReleases(config, { client: lab.client, checkout, now });
      const provider = new kubernetes.Provider("cluster", { kubeconfig: "{}", enableServerSideApply: true });
      const args = { cluster: "test", policy, settings, releases, now };
      const { listDigest, bindingNames } = new AdmissionPolicies("admission", args, { provider });
      return { listDigest, bindingNames };
    });
    t.after(done);
    const first = await assertLifecycle(bench, stack, 8);
    assert.match(String(first.outputs["listDigest"]?.value), /^sha256:[0-9a-f]{64}$/);
    assertDestroyedInOrder(bench.standIns.journal());
  });
});
