import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { latestOutcomes } from "../../lab/stand-ins/journal.ts";
import { parseUrn } from "../../lab/stand-ins/wire/urn.ts";
import { appKey, gceFields, makeRunners, runnersApp, runnersSettings } from "../support/build-runners.ts";
import { standInsBench } from "../support/stand-ins.ts";
import type { Bench } from "../support/stand-ins.ts";

let bench: Bench;
before(async () => {
  bench = await standInsBench();
});
after(async () => {
  await bench.close();
});

const program = (changes: Parameters<typeof makeRunners>[0] = {}) => {
  return () => {
    const runners = makeRunners(changes);
    return Promise.resolve({ groupId: runners.groupId, template: runners.gce?.template, sets: runners.arc?.scaleSets });
  };
};

test("plans without doing anything", async () => {
  const { summary } = await (await bench.stack(program())).preview();
  assert.equal(summary["create"], 42);
  assert.deepEqual(bench.standIns.journal(), []);
});

test("objects are rendered, charts and clouds recorded: nothing is called applied", async () => {
  const { outputs } = await (await bench.stack(program())).up();
  const latest = [...latestOutcomes(bench.standIns.journal()).values()];
  const byOutcome = Map.groupBy(latest, ({ outcome }) => outcome);
  assert.deepEqual([...byOutcome.keys()].toSorted(), ["recorded", "rendered"]);
  const recorded = byOutcome.get("recorded")?.map(({ urn }) => parseUrn(urn)?.name ?? urn) ?? [];
  for (const name of [
    "runners-arc-controller",
    "runners-arc-set-neko-checks",
    "runners-group",
    "runners-gce-template",
  ]) {
    assert.ok(recorded.includes(name), name);
  }
  assert.match(String(outputs["groupId"]?.value), /^99[0-9]{10}$/);
  assert.match(
    String(outputs["template"]?.value),
    /^https:\/\/compute\.lab\.invalid\/projects\/neko-ci-123\/global\/instanceTemplates\/neko-build-[0-9a-f]{12}$/,
  );
  // Grants name the custom roles that were made, by the name that IAM takes.
  for (const suffix of ["starter", "material"]) {
    assert.match(bench.stateText(), new RegExp(`"role":\\s*"projects/neko-ci-123/roles/neko_build_${suffix}"`), suffix);
  }
  assert.deepEqual(outputs["sets"]?.value, ["neko-checks", "neko-lint"]);
});

test("the App's key is in no state, journal or file in the clear", async () => {
  const files = await bench.renderedFiles();
  const texts = [
    bench.stateText(),
    readFileSync(bench.journalFile, "utf8"),
    ...files.map((file) => readFileSync(join(bench.rendered, file), "utf8")),
  ];
  const encoded = Buffer.from(appKey).toString("base64");
  for (const text of texts) {
    assert.ok(!text.includes("not a key"));
    assert.ok(!text.includes(encoded));
  }
});

test("a second update changes nothing, also after the stand-ins were started anew", async () => {
  const { summary } = await (await bench.stack(program())).up();
  assert.deepEqual(Object.keys(summary), ["same"]);
  await bench.restart();
  const again = await (await bench.stack(program())).up();
  assert.deepEqual(Object.keys(again.summary), ["same"]);
});

test("another image is another template: the new one is there before the old one goes", async () => {
  const image = { ...gceFields.image, name: `nix-runner-${"b".repeat(32)}`, sha256: `sha256:${"b".repeat(64)}` };
  const settings = runnersSettings({ gce: { ...gceFields, image } });
  const { resources } = await (await bench.stack(program({ settings }))).up();
  const changed = resources
    .filter(({ op }) => op !== "same")
    .map(({ urn, op }) => `${op} ${parseUrn(urn)?.name ?? urn}`)
    .filter((line) => /runners-gce-(?:template|starter-template)$/.test(line));
  assert.deepEqual(changed.toSorted(), ["replace runners-gce-starter-template", "replace runners-gce-template"]);
});

test("a person's token as the App's key stops the update", async () => {
  const stack = await bench.stack(program({ app: runnersApp("ghp_0123456789") }));
  await assert.rejects(stack.up(), (error) => {
    assert.ok(error instanceof Error);
    assert.ok(!String(error).includes("ghp_0123456789"));
    return true;
  });
});

test("destroy leaves nothing: the scale sets go before the controller, and fences last", async () => {
  await (await bench.stack(program())).destroy();
  assert.deepEqual(await bench.renderedFiles(), []);
  assert.equal(latestOutcomes(bench.standIns.journal()).size, 0);
  const gone = bench.standIns
    .journal()
    .filter(({ operation }) => operation === "delete")
    .map(({ urn }) => parseUrn(urn)?.name ?? urn);
  const at = (name: string) => gone.lastIndexOf(name);
  assert.ok(at("runners-arc-set-neko-checks") < at("runners-arc-controller"));
  assert.ok(at("runners-arc-controller") < at("runners-arc-runners-deny-all"));
  assert.ok(at("runners-arc-runners-deny-all") < at("runners-arc-runners-namespace"));
  assert.ok(at("runners-gce-template") < at("runners-gce-deny-egress"));
});
