import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as gcp from "@pulumi/gcp";
import { ConfidentialSigner } from "../../components/confidential-signer/component.ts";
import type { ConfidentialSignerArgs } from "../../components/confidential-signer/component.ts";
import { latestOutcomes } from "../../lab/stand-ins/journal.ts";
import { parseUrn } from "../../lab/stand-ins/wire/urn.ts";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import { Failure } from "../../src/core/failure.ts";
import { sampleDigest } from "../support/policies.ts";
import { plannedSigner, signerArgs, signerMeasurements, signerRelease, signerSettings } from "../support/signer.ts";
import { standInsBench } from "../support/stand-ins.ts";
import type { Bench } from "../support/stand-ins.ts";

/** The component on the real engine: what an operator does with it, one step after the other. */

let bench: Bench;
let disks: string;

before(async () => {
  bench = await standInsBench();
  disks = await mkdtemp(join(tmpdir(), "neko-trust-signer-"));
});

after(async () => {
  await bench.close();
  await rm(disks, { recursive: true, force: true });
});

/** A release of its own disk, by a digit. */
async function generation(digit: string): Promise<Pick<ConfidentialSignerArgs, "signer" | "disk">> {
  const content = `the disk of release ${digit}`;
  const sha256 = sha256Hex(content);
  const path = join(disks, `${sha256}.tar.gz`);
  await writeFile(path, content);
  return {
    signer: signerRelease(sampleDigest(digit), { disk: { sha256 }, measurements: signerMeasurements }),
    disk: { path, sha256 },
  };
}

const program = (changes: Partial<ConfidentialSignerArgs>) => () => {
  const provider = new gcp.Provider("google", { project: "neko-trust-production" });
  const signer = new ConfidentialSigner("signer", signerArgs(changes), { provider });
  return Promise.resolve({ instances: signer.instances, measurements: signer.measurements, image: signer.image });
};

/** `<operation> <name>` of the machines and their images and disks, as the journal has them, in order. */
function machineChanges(from: number): string[] {
  return bench.standIns
    .journal()
    .slice(from)
    .map(({ urn, operation }) => `${operation} ${parseUrn(urn)?.name ?? ""}`)
    .filter((line) => /-(?:vm|image|disk)-[a-f0-9]{12}/.test(line));
}

const names = (digit: string): string[] =>
  ["disk-@", "image-@", "vm-@-a", "vm-@-b"].map((name) => `signer-${name.replace("@", digit.repeat(12))}`);

test("a preview without any disk plans, and an up of it is refused", async () => {
  const planned = { signer: plannedSigner(sampleDigest("a")), disk: "planned" } as const;
  const { summary } = await (await bench.stack(program(planned))).preview();
  assert.equal(summary["create"], 38);
  await assert.rejects((await bench.stack(program(planned))).up(), (error: unknown) => error instanceof Failure);
});

test("the first up makes everything, and says that all of it is only recorded", async () => {
  const { outputs } = await (await bench.stack(program(await generation("a")))).up();
  assert.deepEqual(
    new Set([...latestOutcomes(bench.standIns.journal()).values()].map(({ outcome }) => outcome)),
    new Set(["recorded"]),
  );
  const instances = outputs["instances"]?.value as readonly { readonly zone: string; readonly current: boolean }[];
  assert.deepEqual(
    instances.map(({ zone, current }) => [zone, current]),
    [
      ["europe-west9-a", true],
      ["europe-west9-b", true],
    ],
  );
  assert.deepEqual(outputs["measurements"]?.value, { ...signerMeasurements, rtmr0: "replayed" });
});

test("a second up changes nothing", async () => {
  const entries = bench.standIns.journal().length;
  const { summary } = await (await bench.stack(program(await generation("a")))).up();
  assert.deepEqual(Object.keys(summary), ["same"]);
  assert.equal(bench.standIns.journal().length, entries);
});

test("a new release beside the old one starts machines of its own, and holds the old ones no longer", async () => {
  const entries = bench.standIns.journal().length;
  const changes = { ...(await generation("b")), retained: [await generation("a")] };
  await (await bench.stack(program(changes))).up();
  const changed = machineChanges(entries);
  assert.deepEqual(
    changed.filter((line) => line.startsWith("create")).toSorted(),
    names("b").map((name) => `create ${name}`),
  );
  assert.deepEqual(
    changed.filter((line) => !line.startsWith("create")).toSorted(),
    ["a", "b"].map((zone) => `update signer-vm-${"a".repeat(12)}-${zone}`),
  );
  const again = await (await bench.stack(program(changes))).up();
  assert.deepEqual(Object.keys(again.summary), ["same"]);
});

test("the old release goes once it is no longer retained", async () => {
  const entries = bench.standIns.journal().length;
  await (await bench.stack(program(await generation("b")))).up();
  assert.deepEqual(
    machineChanges(entries).toSorted(),
    names("a").map((name) => `delete ${name}`),
  );
});

test("who forgets to retain the old release is refused by the plan; an up makes the new machines, and leaves the old", async () => {
  const entries = bench.standIns.journal().length;
  const forgotten = program(await generation("c"));
  const isProtected = (error: unknown): boolean =>
    error instanceof Failure && [error.message, ...error.details].join("\n").includes("protect");
  await assert.rejects((await bench.stack(forgotten)).preview(), isProtected);
  assert.deepEqual(machineChanges(entries), []);
  await assert.rejects((await bench.stack(forgotten)).up(), isProtected);
  assert.deepEqual(
    machineChanges(entries).toSorted(),
    names("c").map((name) => `create ${name}`),
  );
  await (await bench.stack(program({ ...(await generation("c")), retained: [await generation("b")] }))).up();
  assert.ok(machineChanges(entries).every((line) => !line.startsWith("delete")));
  await (await bench.stack(program(await generation("c")))).up();
  const deleted = machineChanges(entries).filter((line) => line.startsWith("delete"));
  assert.deepEqual(
    deleted.toSorted(),
    names("b").map((name) => `delete ${name}`),
  );
});

test("with onDestroy: delete a new disk's machines are made before the old ones are deleted", async () => {
  const settings = signerSettings({ onDestroy: "delete" });
  await (await bench.stack(program({ ...(await generation("c")), settings }))).up();
  const entries = bench.standIns.journal().length;
  await (await bench.stack(program({ ...(await generation("d")), settings }))).up();
  const changed = machineChanges(entries);
  const lastCreate = changed.findLastIndex((line) => line.startsWith("create"));
  const firstDelete = changed.findIndex((line) => line.startsWith("delete"));
  assert.equal(changed.length, 8);
  assert.ok(lastCreate >= 0 && lastCreate < firstDelete, changed.join("\n"));
});

test("destroy deletes all but the keys, machines before what they need", async () => {
  const settings = signerSettings({ onDestroy: "delete" });
  const entries = bench.standIns.journal().length;
  await (await bench.stack(program({ ...(await generation("d")), settings }))).destroy();
  const deleted = bench.standIns
    .journal()
    .slice(entries)
    .map(({ urn }) => parseUrn(urn)?.name ?? "");
  for (const kept of ["signer-keys", "signer-disk-key", "signer-artifact-key"])
    assert.ok(!deleted.includes(kept), kept);
  const order = (name: string): number => {
    assert.ok(deleted.includes(name), name);
    return deleted.indexOf(name);
  };
  for (const zone of ["a", "b"]) {
    const vm = order(`signer-vm-${"d".repeat(12)}-${zone}`);
    for (const later of [
      "signer-firewall-association",
      "signer-nat",
      "signer-disk-key-user",
      `signer-image-${"d".repeat(12)}`,
    ]) {
      assert.ok(vm < order(later), later);
    }
  }
  assert.ok(order("signer-firewall-association") < order("signer-rule-deny-egress-ipv4"));
});
