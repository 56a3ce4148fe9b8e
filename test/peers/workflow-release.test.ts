import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import { releaseManifestSchema } from "../../src/core/release/manifest.ts";
import { parseGpt } from "../../src/core/tdx/measure/gpt.ts";
import { predictMeasurements } from "../../src/core/tdx/measure/models.ts";
import { parseUki } from "../../src/core/tdx/measure/uki.ts";
import { openSignerRelease } from "../../src/operations/open-signer-release.ts";
import { startReleaseLab } from "../support/release-lab.ts";
import { sampleDisk, sampleUki } from "../support/signer-disk.ts";
import { releasedVersion, workflowRig } from "../support/workflow/release-rig.ts";
import type { WorkflowRig } from "../support/workflow/release-rig.ts";
import type { WorkflowResult } from "../support/workflow/run-workflow.ts";

/**
 * The release workflow, as it is committed: its scripts are executed in order, against real Nix, a real registry and the
 * lab's Sigstore. Actions are stubbed. What is built is a small flake in the place of the real one, as nixpkgs can't be
 * had in a test.
 */

const lab = await startReleaseLab();

const output = ({ failed }: WorkflowResult): string =>
  `${failed?.job ?? ""}: ${failed?.step ?? ""}\n${failed?.output ?? ""}`;

test("a version's tag: built, reproduced, pushed by digest, signed, verified, tagged and released, by the committed scripts", async (t) => {
  const rig = await workflowRig(t, lab);
  if (rig === undefined) return;
  const result = await rig.run();
  assert.equal(result.failed, undefined, output(result));
  assert.deepEqual(result.skipped, ["propose"]);
  const jobs = [...new Set(result.steps.map(({ job }) => job))];
  assert.deepEqual(jobs, [
    "build-amd64",
    "build-arm64",
    "reproduce-amd64",
    "reproduce-arm64",
    "publish",
    "verify",
    "build-signer",
    "reproduce-signer",
    "publish-signer",
    "verify-signer",
    "tag",
  ]);
  const stubbed = new Set(result.steps.filter(({ how }) => how === "stubbed").map(({ step }) => step.split("@")[0]));
  assert.deepEqual(
    [...stubbed],
    ["actions/checkout", "cachix/install-nix-action", "actions/upload-artifact", "actions/download-artifact"],
  );
  assert.equal(await tagStatus(rig.image), 200);
  assert.equal(await tagStatus(rig.signerImage), 200);
  assert.match(rig.gh(), new RegExp(`^release create v${releasedVersion} --verify-tag `));
  for (const image of [rig.image, rig.signerImage])
    assert.match(rig.gh(), new RegExp(`\`${image}@sha256:[0-9a-f]{64}\``));
  await assertSignerUsable(t, rig);
});

const tagStatus = async (image: string): Promise<number> =>
  (await fetch(`http://${image.replace("/", "/v2/")}/manifests/${releasedVersion}`)).status;

/** What a stack needs of the signer's release is in the registry, under its own policy and no other. */
async function assertSignerUsable(t: TestContext, rig: WorkflowRig): Promise<void> {
  const manifest = releaseManifestSchema.parse(rig.published("published-signer", "release.json"));
  assert.deepEqual(manifest.measurements, predictedOf(sampleDisk(), sampleUki));
  const [platform] = manifest.platforms;
  assert.ok(platform !== undefined && manifest.platforms.length === 1);
  const reference = `${rig.signerImage}@${manifest.digest}`;

  const own = rig.nekoTrust("verify-signer", "verify-image", reference, "--stack", "local", "--as-signer", "--json");
  assert.equal(own.code, 0, own.output);
  assert.deepEqual((JSON.parse(own.output) as { release: { manifest: unknown } }).release.manifest, manifest);
  const application = rig.nekoTrust("verify-signer", "verify-image", reference, "--stack", "local", "--json");
  assert.equal(application.code, 1);
  assert.match(application.output, /"IMAGE_NOT_IN_POLICY"/);

  // As the program opens it: the platform's manifest is the artifact that holds the disk.
  const { signerRelease, trustedRoot } = rig.config();
  assert.ok(signerRelease !== undefined);
  const disk = { kind: "oci", reference: `${rig.signerImage}@${platform.digest}` } as const;
  const folder = mkdtempSync(join(tmpdir(), "neko-disk-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const opened = await openSignerRelease(
    { trustedRoot, signerRelease: { ...signerRelease, current: manifest.digest, disk } },
    { client: createRegistryClient(), checkout: rig.checkout, now: new Date(), offline: false, folder },
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
  const only = ["build-signer", "reproduce-signer", "publish-signer", "verify-signer", "tag"];
  const rig = await workflowRig(t, lab, { signerUki: other, only });
  if (rig === undefined) return;
  const result = await rig.run();
  assert.equal(result.failed?.job, "publish-signer", output(result));
  assert.equal(result.failed.step, "Compute what a machine that boots it measures");
  assert.match(result.failed.output, /\(code UKI_NOT_ON_DISK\)/);
  assert.equal(await tagStatus(rig.signerImage), 404);
  assert.equal(rig.gh(), "");
});

test("a build that differs is published nowhere", async (t) => {
  const rig = await workflowRig(t, lab, { odd: true });
  if (rig === undefined) return;
  const result = await rig.run();
  assert.equal(result.failed?.job, "reproduce-amd64");
  assert.equal(result.failed.step, "Build it twice on this machine");
  assert.match(result.failed.output, /odd/);
});

test("a tag that says another version than the flake is refused before anything is pushed", async (t) => {
  const rig = await workflowRig(t, lab, { flakeVersion: "1.2.4" });
  if (rig === undefined) return;
  const result = await rig.run();
  assert.equal(result.failed?.step, "Push by digest");
  assert.match(result.failed.output, /the tag is v1\.2\.3, and the flake says version 1\.2\.4/);
});

test("what the stack's policy refuses gets no tag, and no release", async (t) => {
  const rig = await workflowRig(t, lab, { policy: { "freshness.minVersion": "2.0.0" } });
  if (rig === undefined) return;
  const result = await rig.run();
  assert.equal(result.failed?.job, "verify");
  assert.match(result.failed.output, /VERSION_TOO_OLD/);
  assert.equal(rig.gh(), "");
});

test("what master builds is proposed to staging: a branch with its digest, a pull request, and its checks", async (t) => {
  const rig = await workflowRig(t, lab, { ref: "refs/heads/master" });
  if (rig === undefined) return;
  const result = await rig.run();
  assert.equal(result.failed, undefined, output(result));
  // Only a tag releases a signer.
  assert.deepEqual(result.skipped, ["build-signer", "reproduce-signer", "publish-signer", "verify-signer", "tag"]);
  const [list, create, checks] = rig.gh().split("\n");
  assert.match(list ?? "", /^pr list --head release\//);
  assert.match(create ?? "", /--title local runs neko-trust-sample 1\.2\.4-dev\.7 /);
  assert.match(checks ?? "", /^workflow run pr\.yml --ref release\//);
  const branch = /--ref (\S+)/.exec(checks ?? "")?.[1] ?? "";
  const shown = execFileSync("git", ["--git-dir", rig.origin, "show", "--stat", "--format=%an %s", branch], {
    encoding: "utf8",
  });
  assert.match(shown, /^github-actions\[bot\] local runs neko-trust-sample 1\.2\.4-dev\.7\n/);
  assert.match(shown, /stacks\/Pulumi\.local\.yaml/);
});
