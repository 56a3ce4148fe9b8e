import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { buildImage, buildLayer } from "../../src/core/oci/layout-builder.ts";
import { imageLayout } from "../../src/core/oci/layout-files.ts";
import type { ReleaseManifest } from "../../src/core/release/manifest.ts";
import { measureSigner } from "../../src/operations/measure-signer.ts";
import { rebuildRelease } from "../../src/operations/rebuild.ts";
import { nixFunctions, nixLab } from "../support/nix-lab.ts";
import type { NixLab } from "../support/nix-lab.ts";
import { diskArtifact, sampleDisk, sampleUki } from "../support/signer-disk.ts";
import { sampleDigest } from "../support/policies.ts";
import { sampleReleaseData } from "../support/releases.ts";

/** Real Nix builds a signer's image and kernel image again, and what the disk measures is computed from what came out. */

const sampleManifest = sampleReleaseData(sampleDigest("a")).manifest;
const model = "systemd-stub-258-vtpm";

/** A Nix file with a signer's image of this disk, and what else the flake has beside it. */
function signerFile(lab: NixLab, name: string, disk: Uint8Array, beside = ""): string {
  const layer = buildLayer([{ kind: "file", path: "disk.raw", bytes: disk }], { sourceDateEpoch: 0 });
  const image = buildImage([layer], { platform: { os: "linux", architecture: "amd64" }, sourceDateEpoch: 0 });
  const layout = lab.writeLayout(`layout-${name}`, imageLayout(image));
  const uki = lab.write(`${name}.efi`, sampleUki);
  return lab.write(
    `${name}.nix`,
    `let ${nixFunctions}
      layout = builtins.path { path = ${layout}; name = "layout"; };
      uki = builtins.path { path = ${uki}; name = "uki"; };
    in {
      signer-image = make "signer-image" { inherit layout; } "cp -r $layout $out" // { measurementModel = "${model}"; };
      signer-uki = make "signer-uki" { inherit uki; } "mkdir $out; cp $uki $out/signer.efi";
      ${beside}
    }`,
  );
}

async function rebuild(t: TestContext, disk: Uint8Array, change: (manifest: ReleaseManifest) => ReleaseManifest) {
  if (process.arch !== "x64") {
    t.skip(`the test's image is for linux/amd64, and this machine is ${process.arch}`);
    return undefined;
  }
  const lab = await nixLab(t);
  if (lab === undefined) return undefined;
  const file = signerFile(lab, "signer", disk);
  const released = lab.write("disk.tar.gz", diskArtifact(sampleDisk()));
  const part = await measureSigner({ disk: released, uki: join(lab.folder, "signer.efi"), model });
  const [platform] = sampleManifest.platforms;
  assert.ok(platform !== undefined);
  const manifest = change({ ...sampleManifest, ...part, platforms: [platform] });
  const request = {
    source: { attribute: "signer-image", file },
    substituters: [],
    builderId: "x",
    now: () => new Date(),
  };
  return { part, rebuilding: rebuildRelease(lab.nix, { ...request, manifest }) };
}

test("a rebuild of a signer's release says what the disk that came out measures", async (t) => {
  const run = await rebuild(t, sampleDisk(), (manifest) => manifest);
  if (run === undefined) return;
  const [rebuilt] = await run.rebuilding;
  assert.deepEqual(rebuilt?.facts.measurements, run.part.measurements);
  assert.ok(!rebuilt.differences.some(({ what }) => what === "measurements"));
  const [, , measured] = rebuilt.predicate.runDetails.byproducts;
  assert.deepEqual(measured, { name: "measurements", annotations: run.part.measurements });
});

test("false measurements in a manifest come to light in each rebuild", async (t) => {
  const rtmr1 = "e".repeat(96);
  const run = await rebuild(t, sampleDisk(), (manifest) => ({
    ...manifest,
    measurements: { model, rtmr2: "0".repeat(96), ...manifest.measurements, rtmr1 },
  }));
  if (run === undefined) return;
  const [rebuilt] = await run.rebuilding;
  const difference = rebuilt?.differences.find(({ what }) => what === "measurements");
  assert.match(difference?.released ?? "", new RegExp(rtmr1));
  assert.match(difference?.rebuilt ?? "", new RegExp(run.part.measurements.rtmr1));
});

test("a disk that does not boot the kernel image beside it is another one than was released", async (t) => {
  const run = await rebuild(t, sampleDisk({ files: [] }), (manifest) => manifest);
  if (run === undefined) return;
  const [rebuilt] = await run.rebuilding;
  const { measurements } = rebuilt?.facts ?? {};
  assert.ok(measurements !== undefined && "none" in measurements);
  const difference = rebuilt?.differences.find(({ what }) => what === "measurements");
  assert.equal(difference?.rebuilt, `nothing that boots (${measurements.none})`);
  assert.equal(rebuilt?.predicate.runDetails.byproducts.length, 3);
});

test("another release's rebuild is not measured, and needs no kernel image", async (t) => {
  const run = await rebuild(t, sampleDisk(), ({ measurements: _, disk: __, ...manifest }) => manifest);
  if (run === undefined) return;
  const [rebuilt] = await run.rebuilding;
  assert.equal(rebuilt?.facts.measurements, undefined);
  assert.equal(rebuilt?.predicate.runDetails.byproducts.length, 2);
});
