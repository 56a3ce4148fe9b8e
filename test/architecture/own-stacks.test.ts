import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { check, resolveConfig } from "prettier";
import type { Directories } from "../../src/adapters/directories/directories.ts";
import { findPlaceholders, placeholderPath } from "../../src/config/placeholders.ts";
import { readYamlConfig, stackFile } from "../../src/config/read-config.ts";
import { editStackFile, openStackFile, writeStackFile } from "../../src/operations/edit-stack-file.ts";
import { fillPlaceholders, placeholderQuestions } from "../../src/operations/fill-placeholders.ts";
import { checkout } from "../support/engine/engine-under-test.ts";
import { failureOf, stackFiles } from "../support/stack-files.ts";
import { deliveredStacks, isOwnStack, skipOwn } from "../support/own-stacks.ts";

/** When a stack counts as an installation's own, so that it is not compared with the example that was delivered. */

const digest = `sha256:${"1".repeat(64)}`;
const instead = "make preview shows its plan";

/** A copy of this checkout's stacks, to be filled in. */
function copiedStacks(t: TestContext): Directories {
  const root = mkdtempSync(join(tmpdir(), "neko-own-stacks-"));
  t.after(() => {
    rmSync(root, { recursive: true });
  });
  cpSync(join(checkout, "stacks"), join(root, "stacks"), { recursive: true });
  return { checkout: root, state: join(root, "state"), cache: join(root, "cache"), run: join(root, "run") };
}

/** What somebody answers to `make init`; nothing where a release's digest belongs, as there is none yet. */
function answerTo(path: string, value: string): string | undefined {
  if (value === "0") return path.includes("rebuilders") ? "900000000002" : "900000000001";
  if (value.includes("0".repeat(64)) && !path.startsWith("buildRunners.")) return undefined;
  return value
    .replace(/^placeholder-notification-channel$/, "projects/acme-ops/notificationChannels/1")
    .replace(/^placeholder-(?:mrtd|rtmr0)$/, "b".repeat(96))
    .replace(/^placeholder-ppid$/, "c".repeat(32))
    .replace(/0{32,64}$/, (zeros) => "d".repeat(zeros.length))
    .replaceAll("192.0.2.", "10.9.8.")
    .replaceAll("placeholder.example", "acme.example")
    .replaceAll("placeholder-rebuilder", "friend")
    .replaceAll("placeholder-", "acme-");
}

function fillIn(stack: string, directories: Directories): void {
  const open = openStackFile(stack, directories);
  const answers = placeholderQuestions(open.config).flatMap(({ places: [place] }) => {
    const path = placeholderPath(place ?? { path: [] });
    const value = answerTo(path, place?.value ?? "");
    return value === undefined ? [] : [{ path, value }];
  });
  writeStackFile(open, fillPlaceholders(open, answers, directories));
}

/** Whether `make lint` takes a stack's file as it is formatted. */
async function isFormatted(path: string): Promise<boolean> {
  const config = await resolveConfig(join(checkout, "stacks", "Pulumi.staging.yaml"));
  return check(readFileSync(path, "utf8"), { ...config, parser: "yaml" });
}

for (const stack of deliveredStacks) {
  const others = deliveredStacks.filter((other) => other !== stack);
  const skip = skipOwn(deliveredStacks, "there is nothing left to fill in");

  test(`${stack} alone is somebody's own once make init filled it in, before there is a release`, { skip }, (t) => {
    const directories = copiedStacks(t);
    assert.equal(skipOwn(deliveredStacks, instead, directories.checkout), false);
    fillIn(stack, directories);
    const left = findPlaceholders(readYamlConfig(stack, directories)).map(placeholderPath);
    assert.equal(left.length > 0, stack !== "platform", left.join());
    const reason = `stacks/Pulumi.${stack}.yaml is your own: ${instead}`;
    assert.equal(skipOwn([stack], instead, directories.checkout), reason);
    assert.equal(skipOwn(deliveredStacks, instead, directories.checkout), reason);
    assert.equal(skipOwn(others, instead, directories.checkout), false);
  });

  test(`${stack} is formatted as make lint wants it after make init, too`, { skip }, async (t) => {
    const directories = copiedStacks(t);
    fillIn(stack, directories);
    const path = join(directories.checkout, stackFile(stack));
    assert.equal(await isFormatted(path), true);
    writeFileSync(path, readFileSync(path, "utf8").replace("policy:\n", "policy:   \n"));
    assert.equal(await isFormatted(path), false);
  });
}

const skipProposal = skipOwn(["staging"], "what is proposed for it is checked by make lint");
test("a proposed release leaves a stack somebody's own, and formatted", { skip: skipProposal }, async (t) => {
  const directories = copiedStacks(t);
  fillIn("staging", directories);
  for (const retained of [[digest], [`sha256:${"2".repeat(64)}`, `sha256:${"3".repeat(64)}`]]) {
    const open = openStackFile("staging", directories);
    const releases = ["config", "neko-trust:releases", 0];
    const set = { kind: "set", path: [...releases, "current"], value: digest } as const;
    const items = { kind: "items", path: [...releases, "retained"], putInFront: retained, remove: [] } as const;
    writeStackFile(open, editStackFile(open, [set, items], directories));
    assert.equal(isOwnStack("staging", directories.checkout), true);
    assert.equal(await isFormatted(join(directories.checkout, stackFile("staging"))), true);
  }
});

test("a stack is as delivered while the repository of one of its signers is a placeholder, whatever else is filled in", (t) => {
  const files = stackFiles(t);
  const { checkout: root } = files.directories;
  const own = (signers: unknown): boolean => {
    files.write("staging", {
      "neko-trust:policy": { signers },
      "neko-trust:releases": [{ current: digest }],
    });
    return isOwnStack("staging", root);
  };
  assert.equal(own([{ repository: "acme/neko" }, { repository: "friend/neko" }]), true);
  assert.equal(own([{ repository: "acme/neko" }, { repository: "placeholder-organization/neko" }]), false);
});

test("a stack whose signers can't be read counts as delivered: its tests run, and fail", (t) => {
  const files = stackFiles(t);
  const { checkout: root } = files.directories;
  for (const policy of [
    undefined,
    null,
    "acme",
    [],
    {},
    { signers: [] },
    { signers: {} },
    { signers: ["acme/neko"] },
  ]) {
    files.write("staging", { "neko-trust:policy": policy });
    assert.equal(isOwnStack("staging", root), false, JSON.stringify(policy));
  }
  files.write("staging", "config: [");
  assert.equal(failureOf(() => isOwnStack("staging", root)).code, "CONFIG_NOT_YAML");
  assert.throws(() => isOwnStack("production", root), { code: "ENOENT" });
});
