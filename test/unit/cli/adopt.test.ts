import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { stringify } from "yaml";
import { adoptAction } from "../../../src/cli/actions/adopt.ts";
import { parseYamlConfig } from "../../../src/config/read-config.ts";
import { failureCodeOf } from "../../support/failures.ts";
import { operateRig, platformText, stagingText } from "../../support/operate-rig.ts";
import type { OperateRig } from "../../support/operate-rig.ts";
import { productionConfig } from "../../support/stack-files.ts";
import { startServer } from "../adapters/registry/loopback-server.ts";
import type { PlannedAnswer } from "../adapters/registry/loopback-server.ts";

const json = (value: unknown): PlannedAnswer => ({ status: 200, body: JSON.stringify(value) });

interface Adopting {
  readonly rig: OperateRig;
  readonly adopt: (
    stack: string,
    dryRun?: boolean,
  ) => Promise<{ exitCode: number; states: Record<string, string>; changes: string[]; text: string }>;
}

async function adopting(t: TestContext, answers: Readonly<Record<string, PlannedAnswer>>): Promise<Adopting> {
  const rig = operateRig(t);
  const server = await startServer(t, ({ url }) => answers[url] ?? { status: 404, body: "{}" });
  const environment = {
    GITHUB_API_URL: `http://${server.host}`,
    GOOGLE_OAUTH_ACCESS_TOKEN: "google-secret",
    GH_TOKEN: "github-secret",
    CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM: `http://${server.host}/`,
    CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS: `http://${server.host}/`,
  };
  return {
    rig,
    adopt: async (stack, dryRun = false) => {
      const outcome = await adoptAction({ stack, dryRun }, rig.context(environment));
      const { found, changes } = outcome.document as { found: { what: string; state: string }[]; changes: string[] };
      const text = JSON.stringify(outcome);
      assert.ok(!text.includes("google-secret") && !text.includes("github-secret"));
      const states = Object.fromEntries(found.map(({ what, state }) => [what, state]));
      return { exitCode: outcome.exitCode, states, changes, text };
    },
  };
}

const branchRuleset = { id: 71, name: "neko-trust: default branch", target: "branch" };
const tagRuleset = { id: 72, name: "neko-trust: release tags", target: "tag" };
const creationRuleset = { id: 74, name: "neko-trust: who makes release tags", target: "tag" };

test("what the platform stack would create and exists is taken over, by settings alone", async (t) => {
  const platform = platformText();
  const pool = "projects/neko-lab/locations/global/workloadIdentityPools/neko-trust";
  const { rig, adopt } = await adopting(t, {
    "/repos/m1k1o/neko": json({ id: 1 }),
    "/repos/m1k1o/neko/rulesets": json([...[branchRuleset, tagRuleset, creationRuleset], { id: 9, name: "older" }]),
    [`/v1/${pool}`]: json({ state: "DELETED" }),
  });
  rig.write("platform", platform);
  const { exitCode, states, changes, text } = await adopt("platform");
  assert.equal(exitCode, 0);
  assert.equal(states["repository m1k1o/neko"], "there");
  assert.equal(states['ruleset "older" (9)'], "there");
  assert.equal(states["workload identity pool neko-trust"], "deleted");
  assert.match(text, /undelete neko-trust --location=global --project=neko-lab/);
  assert.deepEqual(changes, ["neko-trust:ghcrRepository.adopt", "neko-trust:ciSecrets.workloadIdentity.pool.adopt"]);
  const config = parseYamlConfig(rig.stackText("platform"), "platform", rig.directories);
  assert.deepEqual(config.ghcrRepository?.adopt, {
    repository: true,
    branchRuleset: 71,
    tagRuleset: 72,
    tagCreationRuleset: 74,
  });
  assert.equal(config.ciSecrets?.workloadIdentity?.pool.adopt, true);
  // Nothing but these two lines.
  const lines = (content: string): Set<string> => new Set(content.split("\n"));
  const changed = [...lines(rig.stackText("platform"))].filter((line) => !lines(platform).has(line));
  assert.equal(changed.length, 2, changed.join("\n"));
  assert.deepEqual((await adopt("platform")).changes, []);
});

test("a key ring that is there is taken over, and what is not there is left to be created", async (t) => {
  const production = stringify({ config: productionConfig() });
  const { rig, adopt } = await adopting(t, {});
  rig.write("production", production);
  const none = await adopt("production");
  assert.equal(none.exitCode, 0);
  assert.deepEqual(none.changes, []);
  const [what = ""] = Object.keys(none.states).filter((name) => name.startsWith("key ring"));
  assert.equal(none.states[what], "not there");

  const config = parseYamlConfig(production, "production", rig.directories);
  const { gcp, confidentialSigner: signer } = config;
  const id = `projects/${gcp?.project ?? ""}/locations/${gcp?.region ?? ""}/keyRings/${signer?.name ?? ""}`;
  const there = await adopting(t, { [`/v1/${id}`]: json({ name: id }) });
  there.rig.write("production", production);
  assert.deepEqual((await there.adopt("production", true)).changes, ["neko-trust:confidentialSigner.keys.adopt"]);
  assert.equal(there.rig.stackText("production"), production);
});

test("settings that are there already are completed, one by one", async (t) => {
  const { rig, adopt } = await adopting(t, {
    "/repos/m1k1o/neko": json({}),
    "/repos/m1k1o/neko/rulesets": json([branchRuleset]),
  });
  rig.write("staging", stagingText({ "ghcrRepository.adopt": { repository: false, tagRuleset: 5 } }));
  assert.deepEqual((await adopt("staging")).changes, [
    "neko-trust:ghcrRepository.adopt.repository",
    "neko-trust:ghcrRepository.adopt.branchRuleset",
  ]);
  const config = parseYamlConfig(rig.stackText("staging"), "staging", rig.directories);
  assert.deepEqual(config.ghcrRepository?.adopt, { repository: true, tagRuleset: 5, branchRuleset: 71 });
});

test("what could not be asked is no answer: exit 3; two rulesets of one name are left to people", async (t) => {
  const { rig, adopt } = await adopting(t, { "/repos/m1k1o/neko": { status: 403 } });
  rig.write("staging", stagingText());
  assert.equal((await adopt("staging")).exitCode, 3);
  const twice = await adopting(t, {
    "/repos/m1k1o/neko": json({}),
    "/repos/m1k1o/neko/rulesets": json([branchRuleset, { ...branchRuleset, id: 73 }]),
  });
  twice.rig.write("staging", stagingText());
  const { exitCode, changes } = await twice.adopt("staging");
  assert.equal(exitCode, 3);
  assert.deepEqual(changes, ["neko-trust:ghcrRepository.adopt"]);
});

test("refuses stack local, a stack that is none, and an invalid file", async (t) => {
  const { rig, adopt } = await adopting(t, {});
  assert.equal(await failureCodeOf(adopt("local")), "ADOPT_LOCAL");
  assert.equal(await failureCodeOf(adopt("other")), "STACK_UNKNOWN");
  writeFileSync(join(rig.checkout, "stacks", "Pulumi.bad.yaml"), "config: {}\n");
  assert.equal(await failureCodeOf(adopt("bad")), "CONFIG_INVALID");
});
