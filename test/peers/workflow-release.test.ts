import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { gt } from "semver";
import { parse } from "yaml";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import { releaseManifestSchema } from "../../src/core/release/manifest.ts";
import type { ReleaseManifest } from "../../src/core/release/manifest.ts";
import { parseGpt } from "../../src/core/tdx/measure/gpt.ts";
import { predictMeasurements } from "../../src/core/tdx/measure/models.ts";
import { parseUki } from "../../src/core/tdx/measure/uki.ts";
import { openSignerRelease } from "../../src/operations/open-signer-release.ts";
import { startReleaseLab } from "../support/release-lab.ts";
import { sampleDisk, sampleUki } from "../support/signer-disk.ts";
import { workflowRig } from "../support/workflow/release-rig.ts";
import type { WorkflowRig } from "../support/workflow/release-rig.ts";
import { releasedVersion } from "../support/workflow/release-source.ts";
import type { WorkflowResult } from "../support/workflow/run-workflow.ts";

/**
 * The release workflow, as it is committed: its scripts are executed in order, against real Nix, a real registry and the
 * lab's Sigstore. Actions are stubbed. What is built is a small flake in the place of the real one, as nixpkgs can't be
 * had in a test.
 */

const lab = await startReleaseLab();

const output = ({ failed }: WorkflowResult): string =>
  `${failed?.job ?? ""}: ${failed?.step ?? ""}\n${failed?.output ?? ""}`;

const master = { ref: "refs/heads/master" } as const;
const tag = { ref: `refs/tags/v${releasedVersion}` } as const;
const images = ["base", "firefox"] as const;

/** The release manifests that the last run uploaded, by the image's name. */
function manifestsOf(rig: WorkflowRig, names: readonly string[] = images): ReleaseManifest[] {
  return names.map((name) => releaseManifestSchema.parse(rig.published(`published-${name}`, "release.json")));
}

const tagStatus = async (rig: WorkflowRig, name: string): Promise<number> =>
  (await fetch(`http://${rig.images.replace("/", "/v2/")}/${name}/manifests/${releasedVersion}`)).status;

const jobsOf = ({ steps }: WorkflowResult): string[] => [...new Set(steps.map(({ job }) => job))];

test("one registry takes two commits of master, one of them again, and a version's tag: nobody's statements stand in another's way", async (t) => {
  const rig = await workflowRig(t, lab);
  if (rig === undefined) return;
  const firstCommit = rig.git("rev-parse", "HEAD");
  const firstRun = await rig.run(master);
  assert.equal(firstRun.failed, undefined, output(firstRun));
  assertMasterRun(firstRun);
  const first = manifestsOf(rig);
  const firstProposal = assertProposed(rig, first);

  // Nothing of an image changed, and yet it is another one: what is attached to it names another commit.
  const secondCommit = rig.commit();
  const assumed = ["reproduce"];
  const secondRun = await rig.run({ ...master, assumed });
  assert.equal(secondRun.failed, undefined, output(secondRun));
  const second = manifestsOf(rig);
  const secondProposal = assertProposed(rig, second);
  assert.notEqual(secondProposal, firstProposal);
  for (const [position, { flake, digest, platforms, version }] of second.entries()) {
    const before = first[position];
    assert.ok(before !== undefined);
    assert.deepEqual([before.flake.commit, flake.commit], [firstCommit, secondCommit]);
    assert.notEqual(digest, before.digest);
    for (const { digest: platform } of platforms) assert.ok(before.platforms.every((one) => one.digest !== platform));
    assert.ok(gt(version, before.version), `${version} after ${before.version}`);
    assert.ok(gt(version, releasedVersion) && gt("1.2.4", version), version);
  }

  // The same commit once more, later: the same manifests, and the proposal that there is already.
  const again = await rig.run({ ...master, sha: firstCommit, assumed });
  assert.equal(again.failed, undefined, output(again));
  assert.deepEqual(manifestsOf(rig), first);
  assert.equal(assertProposed(rig, first), firstProposal);
  assert.equal(rig.gh().match(/^pr create /gm)?.length, 2);

  // The commit that staging may run already gets a version: another release of the same images, which have two of each
  // statement from then on.
  const tagged = await rig.run({ ...tag, assumed });
  assert.equal(tagged.failed, undefined, output(tagged));
  assertTagRun(tagged);
  const released = manifestsOf(rig, [...images, "signer"]);
  for (const [position, proposed] of second.entries()) {
    const version = released[position];
    assert.ok(version?.version === releasedVersion);
    assert.deepEqual(version.platforms, proposed.platforms);
    for (const [ref, { digest, version: expected }] of [
      [master.ref, proposed],
      [tag.ref, version],
    ] as const) {
      const reference = `${rig.images}/${images[position] ?? ""}@${digest}`;
      const verified = await rig.nekoTrust(ref, "verify-image", reference, "--stack", "local", "--json");
      assert.equal(verified.code, 0, verified.output);
      const { release } = JSON.parse(verified.output) as { release: { manifest: ReleaseManifest } };
      assert.equal(release.manifest.version, expected);
      const other = await rig.nekoTrust(
        ref === tag.ref ? master.ref : tag.ref,
        "verify-image",
        reference,
        "--stack",
        "local",
      );
      assert.equal(other.code, 1, other.output);
    }
  }
  for (const [position, name] of [...images, "signer"].entries()) {
    assert.equal(await tagStatus(rig, name), 200, name);
    assert.ok(rig.gh().includes(`\`${rig.images}/${name}@${released[position]?.digest ?? ""}\``), name);
  }
  assert.match(rig.gh(), new RegExp(`^release create v${releasedVersion} --verify-tag `, "m"));
  await assertSignerUsable(t, rig);
});

/** Only a tag releases a signer. */
function assertMasterRun(result: WorkflowResult): void {
  assert.deepEqual(result.skipped, ["build-signer", "reproduce-signer", "publish-signer", "verify-signer", "tag"]);
  assert.deepEqual(jobsOf(result), [
    "check",
    ...["build-base-amd64", "build-base-arm64", "build-firefox-amd64", "build-firefox-arm64"],
    ...["reproduce-base-amd64", "reproduce-base-arm64", "reproduce-firefox-amd64", "reproduce-firefox-arm64"],
    ...["publish-base", "publish-firefox", "verify-base", "verify-firefox"],
    "propose",
  ]);
}

function assertTagRun(result: WorkflowResult): void {
  assert.deepEqual(result.skipped, ["propose"]);
  const signer = ["build-signer", "reproduce-signer", "publish-signer", "verify-signer"];
  assert.deepEqual(jobsOf(result).slice(-5), [...signer, "tag"]);
  const stubbed = new Set(result.steps.filter(({ how }) => how === "stubbed").map(({ step }) => step.split("@")[0]));
  assert.deepEqual(
    [...stubbed],
    ["actions/checkout", "cachix/install-nix-action", "actions/upload-artifact", "actions/download-artifact"],
  );
}

/** What master builds is proposed to staging: one commit by GitHub with both digests, a pull request, and its checks. */
function assertProposed(rig: WorkflowRig, manifests: readonly ReleaseManifest[]): string {
  const branch = /^workflow run pr\.yml --ref (release\/[0-9a-f]{12})\n$/m.exec(
    rig
      .gh()
      .split(/(?<=\n)/)
      .at(-1) ?? "",
  )?.[1];
  assert.ok(branch !== undefined, rig.gh());
  const show = (...args: string[]): string =>
    execFileSync("git", ["--git-dir", rig.origin, ...args], { encoding: "utf8" }).trim();
  const version = manifests[0]?.version ?? "";
  assert.equal(
    show("show", "--no-patch", "--format=%an, %cn: %s", branch),
    `github-actions[bot], GitHub: local runs ${version}`,
  );
  const commit = manifests[0]?.flake.commit ?? "";
  assert.equal(show("rev-parse", `${branch}^`), commit);
  assert.equal(show("diff", "--name-only", commit, branch), "stacks/Pulumi.local.yaml");
  const { config } = parse(show("show", `${branch}:stacks/Pulumi.local.yaml`)) as {
    config: { readonly "neko-trust:releases": unknown };
  };
  assert.deepEqual(
    config["neko-trust:releases"],
    manifests.map(({ digest }, position) => ({
      image: `${rig.images}/${images[position] ?? ""}`,
      current: digest,
      retained: [],
    })),
  );
  assert.match(rig.gh(), new RegExp(`^pr create --base master --head ${branch} --title local runs ${version} `, "m"));
  return show("rev-parse", branch);
}

/** What a stack needs of the signer's release is in the registry, under its own policy and no other. */
async function assertSignerUsable(t: TestContext, rig: WorkflowRig): Promise<void> {
  const [manifest] = manifestsOf(rig, ["signer"]);
  assert.ok(manifest !== undefined);
  assert.deepEqual(manifest.measurements, predictedOf(sampleDisk(), sampleUki));
  const [platform] = manifest.platforms;
  assert.ok(platform !== undefined && manifest.platforms.length === 1);
  const image = `${rig.images}/signer`;
  const reference = `${image}@${manifest.digest}`;

  const own = await rig.nekoTrust(tag.ref, "verify-image", reference, "--stack", "local", "--as-signer", "--json");
  assert.equal(own.code, 0, own.output);
  assert.deepEqual((JSON.parse(own.output) as { release: { manifest: unknown } }).release.manifest, manifest);
  const application = await rig.nekoTrust(tag.ref, "verify-image", reference, "--stack", "local", "--json");
  assert.equal(application.code, 1);
  assert.match(application.output, /"IMAGE_NOT_IN_POLICY"/);

  // As the program opens it: the platform's manifest is the artifact that holds the disk.
  const { signerRelease, trustedRoot } = rig.config(tag.ref);
  assert.ok(signerRelease !== undefined);
  const disk = { kind: "oci", reference: `${image}@${platform.digest}` } as const;
  const folder = mkdtempSync(join(tmpdir(), "neko-disk-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const opened = await openSignerRelease(
    { trustedRoot, signerRelease: { ...signerRelease, current: manifest.digest, disk } },
    { client: createRegistryClient(), checkout: rig.checkoutOf(tag.ref), now: new Date(), offline: false, folder },
  );
  assert.ok(opened !== undefined && opened.current.disk !== "planned");
  const { path, sha256 } = opened.current.disk;
  assert.equal(sha256, manifest.disk?.sha256);
  assert.equal(sha256Hex(readFileSync(path)), sha256);
}

function predictedOf(disk: Uint8Array, uki: Uint8Array) {
  return predictMeasurements("systemd-stub-258-vtpm", parseGpt(disk).event, parseUki(uki));
}

test("a signer whose kernel image is not the one on its disk is published nowhere", async (t) => {
  const other = Buffer.from(sampleUki);
  other.writeUInt8(other.readUInt8(other.length - 1) ^ 1, other.length - 1);
  const rig = await workflowRig(t, lab, { signerUki: other });
  if (rig === undefined) return;
  const result = await rig.run({
    only: ["check", "build-signer", "reproduce-signer", "publish-signer", "verify-signer"],
  });
  assert.equal(result.failed?.job, "publish-signer", output(result));
  assert.equal(result.failed.step, "Compute what a machine that boots it measures");
  assert.match(result.failed.output, /\(code UKI_NOT_ON_DISK\)/);
  assert.equal(await tagStatus(rig, "signer"), 404);
  assert.equal(rig.gh(), "");
});

test("a build that differs is published nowhere", async (t) => {
  const rig = await workflowRig(t, lab, { odd: true });
  if (rig === undefined) return;
  const result = await rig.run();
  assert.equal(result.failed?.job, "reproduce-base-amd64", output(result));
  assert.equal(result.failed.step, "Build it twice on this machine");
  assert.match(result.failed.output, /odd/);
});

test("what can't be released stops before anything is built: a tag of another version, a commit that is not on master", async (t) => {
  const rig = await workflowRig(t, lab, { flakeVersion: "1.2.4" });
  if (rig === undefined) return;
  const other = await rig.run();
  assert.deepEqual([other.failed?.job, other.failed?.step], ["check", "May this be released, and as what?"]);
  assert.match(other.failed?.output ?? "", /the tag is v1\.2\.3, and the flake says version 1\.2\.4/);

  const unmerged = rig.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "nobody merged this");
  const aside = await rig.run({ ref: "refs/tags/v1.2.4", sha: unmerged });
  assert.deepEqual([aside.failed?.job, aside.failed?.step], ["check", "May this be released, and as what?"]);
  assert.match(aside.failed?.output ?? "", new RegExp(`${unmerged} is not on master`));
});

test("what the stack's policy refuses gets no tag, and no release", async (t) => {
  const rig = await workflowRig(t, lab, { policy: { "freshness.minVersion": "2.0.0" } });
  if (rig === undefined) return;
  const result = await rig.run();
  assert.equal(result.failed?.job, "verify-base", output(result));
  assert.match(result.failed.output, /VERSION_TOO_OLD/);
  assert.equal(rig.gh(), "");
});
