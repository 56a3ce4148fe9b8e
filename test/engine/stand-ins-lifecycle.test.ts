import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as command from "@pulumi/command";
import * as github from "@pulumi/github";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { notRun } from "../../lab/stand-ins/command/command.ts";
import { latestOutcomes } from "../../lab/stand-ins/journal.ts";
import { parseUrn } from "../../lab/stand-ins/wire/urn.ts";
import { standInsBench } from "../support/stand-ins.ts";
import type { Bench } from "../support/stand-ins.ts";

const hidden = "correct-horse-battery-staple";
let bench: Bench;
const requests: string[] = [];
const target = createServer((request, response) => {
  requests.push(request.url ?? "");
  response.end("it answered");
});
let targetUrl: string;

before(async () => {
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
  targetUrl = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
  bench = await standInsBench();
});

after(async () => {
  target.close();
  await bench.close();
});

/** A resource of the gcp package, whose SDK is not a dependency. */
class Instance extends pulumi.CustomResource {
  // `declare`: a field of the class would cover the property that the SDK sets.
  declare readonly selfLink: pulumi.Output<string>;

  constructor(name: string, inputs: pulumi.Inputs, options: pulumi.CustomResourceOptions) {
    super("gcp:compute/instance:Instance", name, { selfLink: undefined, ...inputs }, options);
  }
}

class GoogleProvider extends pulumi.ProviderResource {
  constructor(name: string, inputs: pulumi.Inputs) {
    super("gcp", name, inputs);
  }
}

/** One resource of each outcome that needs no API server, explicit providers as in the real program. */
function program(settings: { color: string; repository?: string }) {
  return () => {
    const cluster = new kubernetes.Provider("cluster", { kubeconfig: "{}" });
    const hub = new github.Provider("hub", { owner: "m1k1o", token: "none" });
    const google = new GoogleProvider("google", { project: "shop", zone: "europe-west4-a" });
    const namespace = new kubernetes.core.v1.Namespace("shop", { metadata: { name: "shop" } }, { provider: cluster });
    const map = new kubernetes.core.v1.ConfigMap(
      "colors",
      { metadata: { name: "colors", namespace: namespace.metadata.name }, data: { color: settings.color } },
      { provider: cluster },
    );
    new kubernetes.core.v1.Secret(
      "password",
      { metadata: { name: "password", namespace: "shop" }, stringData: { password: pulumi.secret(hidden) } },
      { provider: cluster },
    );
    const repository = new github.Repository("repo", { name: settings.repository ?? "neko" }, { provider: hub });
    new github.ActionsSecret(
      "token",
      { repository: repository.name, secretName: "TOKEN", value: pulumi.secret(hidden) },
      { provider: hub },
    );
    const instance = new Instance("signer", { name: "signer", machineType: "c3" }, { provider: google });
    const near = new command.local.Command("near", {
      create: 'curl -fsS "$NEKO_TRUST_TARGET/hello"',
      environment: { NEKO_TRUST_TARGET: targetUrl, TOKEN: pulumi.secret(hidden) },
    });
    const far = new command.local.Command("far", { create: "curl -fsS https://example.invalid/" });
    return Promise.resolve({
      map: map.metadata.name,
      fullName: repository.fullName,
      selfLink: instance.selfLink,
      near: near.stdout,
      far: far.stdout,
    });
  };
}

function outcomesByName(): Record<string, string> {
  const latest = latestOutcomes(bench.standIns.journal());
  return Object.fromEntries([...latest.values()].map(({ urn, outcome }) => [parseUrn(urn)?.name ?? urn, outcome]));
}

test("plans without doing or writing anything", async () => {
  const { summary } = await (await bench.stack(program({ color: "blue" }))).preview();
  assert.equal(summary["create"], 12);
  assert.deepEqual(requests, []);
  assert.deepEqual(await bench.renderedFiles(), []);
  assert.deepEqual(bench.standIns.journal(), []);
});

test("does what it can do, records the rest, and tells which was which", async () => {
  const { outputs } = await (await bench.stack(program({ color: "blue" }))).up();
  assert.deepEqual(outcomesByName(), {
    shop: "rendered",
    colors: "rendered",
    password: "rendered",
    repo: "recorded",
    token: "recorded",
    signer: "recorded",
    near: "ran",
    far: "recorded",
  });
  assert.deepEqual(requests, ["/hello"]);
  assert.equal(outputs["map"]?.value, "colors");
  assert.equal(outputs["fullName"]?.value, "m1k1o/neko");
  assert.equal(outputs["near"]?.value, "it answered");
  assert.equal(outputs["near"].secret, true);
  assert.equal(outputs["far"]?.value, notRun);
  assert.match(
    String(outputs["selfLink"]?.value),
    /^https:\/\/compute\.lab\.invalid\/projects\/shop\/zones\/europe-west4-a\//,
  );
});

test("keeps secrets out of the state, the journal and the rendered files", async () => {
  const encoded = Buffer.from(hidden).toString("base64");
  const files = await bench.renderedFiles();
  assert.equal(files.length, 3);
  const texts = [bench.stateText(), await readFile(bench.journalFile, "utf8")];
  for (const file of files) texts.push(readFileSync(join(bench.rendered, file), "utf8"));
  for (const text of texts) {
    assert.ok(!text.includes(hidden), text.slice(0, 200));
    assert.ok(!text.includes(encoded));
  }
  const rendered = texts.find((text) => text.includes("kind: Secret"));
  assert.match(rendered ?? "", /stringData: "\[secret\]"/);
});

test("a second update changes nothing, also after the stand-ins were started anew", async () => {
  const entries = bench.standIns.journal().length;
  const first = await (await bench.stack(program({ color: "blue" }))).up();
  assert.deepEqual(Object.keys(first.summary), ["same"]);
  await bench.restart();
  const second = await (await bench.stack(program({ color: "blue" }))).up();
  assert.deepEqual(Object.keys(second.summary), ["same"]);
  assert.equal(bench.standIns.journal().length, entries);
});

test("updates only what changed", async () => {
  const { resources } = await (await bench.stack(program({ color: "green" }))).up();
  const changed = resources.filter(({ op }) => op !== "same").map(({ urn, op }) => [parseUrn(urn)?.name, op]);
  assert.deepEqual(changed, [["colors", "update"]]);
  const [file] = (await bench.renderedFiles()).filter((name) => name.startsWith("configmap-shop-colors-"));
  assert.match(readFileSync(join(bench.rendered, file ?? ""), "utf8"), /color: green/);
});

test("renames a repository in place, and replaces what lives in it", async () => {
  const { resources } = await (await bench.stack(program({ color: "green", repository: "neko2" }))).up();
  const changed = resources.filter(({ op }) => op !== "same").map(({ urn, op }) => [parseUrn(urn)?.name, op]);
  assert.deepEqual(changed.sort(), [
    ["repo", "update"],
    ["token", "replace"],
  ]);
});

test("writes again what was taken away", async () => {
  await rm(bench.rendered, { recursive: true });
  const { resources } = await (await bench.stack(program({ color: "green", repository: "neko2" }))).up();
  const changed = resources.filter(({ op }) => op !== "same").map(({ urn, op }) => [parseUrn(urn)?.name, op]);
  assert.deepEqual(changed.sort(), [
    ["colors", "update"],
    ["password", "update"],
    ["shop", "update"],
  ]);
  assert.equal((await bench.renderedFiles()).length, 3);
});

test("refresh finds what is there, and reports what is gone", async () => {
  const stack = await bench.stack(program({ color: "green", repository: "neko2" }));
  const calm = await stack.refresh();
  assert.deepEqual(Object.keys(calm.summary), ["same"]);
  const before = outcomesByName();
  const [file] = (await bench.renderedFiles()).filter((name) => name.startsWith("configmap-"));
  await rm(join(bench.rendered, file ?? ""));
  const { summary } = await stack.refresh();
  assert.equal(summary["delete"], 1);
  const { colors: _gone, ...others } = before;
  assert.deepEqual(outcomesByName(), others);
  const again = await stack.up();
  assert.equal(again.summary["create"], 1);
});

test("destroys everything, and the journal says so", async () => {
  await (await bench.stack(program({ color: "green", repository: "neko2" }))).destroy();
  assert.deepEqual(await bench.renderedFiles(), []);
  assert.deepEqual(outcomesByName(), {});
  assert.equal(bench.standIns.journal().filter(({ operation }) => operation === "delete").length, 9);
});
