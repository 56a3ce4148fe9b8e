import assert from "node:assert/strict";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { parseReference } from "../../src/core/release/reference.ts";
import { verifyImage } from "../../src/operations/verify-image.ts";
import { nixLab } from "../support/nix-lab.ts";
import { attestRelease, buildRelease, cycloneDxOf, releaseFacts } from "../support/nix-release.ts";
import { startReleaseLab } from "../support/release-lab.ts";
import { documentOf, refusalCodes, runCli } from "../support/run-cli.ts";
import type { ReleaseManifest } from "../../src/core/release/manifest.ts";
import { registryFor } from "./registry-process.ts";

const sigstore = await startReleaseLab();

for (const kind of ["crane", "with-referrers"] as const) {
  test(`from nix build to a proof: the manifest is made, the image pushed, signed in the lab, and verified (${kind})`, async (t) => {
    const lab = await nixLab(t);
    const host = await registryFor(t, kind);
    if (lab === undefined || host === undefined) return;
    const files = await buildRelease(lab);
    const repository = `${host}/m1k1o/neko/base`;
    const output = join(lab.folder, "release.json");
    const args = [
      ...releaseFacts(files),
      ...["--layout", `linux/amd64=${files.layout}`, "--path-info", `linux/amd64=${files.pathInfoFile}`],
      ...["--sbom", `linux/amd64=${files.sbomFile}`, "--output", output],
      ...["--index-output", join(lab.folder, "index.json"), "--push", `${repository}:1.2.3`],
    ];
    const published = await runCli(t, ["publish-manifest", ...args], { environment: lab.environment });
    assert.equal(published.code, 0, published.stderr);
    const manifest = JSON.parse(readFileSync(output, "utf8")) as ReleaseManifest;
    const [platform] = manifest.platforms;
    assert.equal(platform?.storePath, files.storePath);
    assert.equal(platform.derivation, files.derivation);
    assert.equal(platform.narHash, files.closure.find(({ path }) => path === files.storePath)?.narHash);
    assert.ok(published.stdout.includes(`pushed ${repository}@${manifest.digest}`), published.stdout);
    assert.ok(!published.stdout.includes("note:"), published.stdout);

    const index = readFileSync(join(lab.folder, "index.json"));
    await attestRelease(sigstore.sigstore, repository, manifest, {
      index,
      lock: readFileSync(files.lockFile),
      sboms: new Map([["linux/amd64", files.sbom]]),
    });
    const changes = { "images.0.repository": repository, "images.0.platforms": ["linux/amd64"] };
    const policy = sigstore.policyWith(changes);
    const { trustedRoot } = sigstore.evidence;
    const reference = parseReference(`${repository}:1.2.3`);
    const verified = await verifyImage(createRegistryClient(), {
      reference,
      policy,
      trustedRoot,
      now: new Date(),
      tee: undefined,
    });
    assert.ok(verified.result.ok, JSON.stringify(verified.result));
    assert.deepEqual(verified.result.proof.data.manifest, manifest);

    // The same on the command line; and with another policy, which the same release does not satisfy.
    const root = lab.write("trusted_root.json", trustedRoot);
    const trust = (changed: object): string[] => {
      const file = lab.write("policy.yaml", stringify(sigstore.policyWith({ ...changes, ...changed })));
      return ["--policy", file, "--trusted-root", root, "--json"];
    };
    const proven = await runCli(t, ["verify-image", `${repository}:1.2.3`, ...trust({})]);
    assert.equal(proven.code, 0, proven.stdout);
    const refused = await runCli(t, ["verify-image", `${repository}:1.2.3`, ...trust({ "images.0.name": "other" })]);
    assert.deepEqual(refusalCodes(documentOf(refused)), ["MANIFEST_OTHER_IMAGE"]);
  });
}

test("asks Nix itself for a layout in its store, and gives the same manifest on every run, on standard output", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const files = await buildRelease(lab);
  const layout = ["--layout", `linux/amd64=${files.layout}`, "--sbom", `linux/amd64=${files.sbomFile}`];
  const asked = await runCli(t, ["publish-manifest", ...releaseFacts(files), ...layout], {
    environment: lab.environment,
  });
  assert.equal(asked.code, 0, asked.stderr);
  const given = [...layout, "--path-info", `linux/amd64=${files.pathInfoFile}`];
  const told = await runCli(t, ["publish-manifest", ...releaseFacts(files), ...given], {
    environment: lab.environment,
  });
  assert.equal(told.stdout, asked.stdout);
  assert.equal((JSON.parse(asked.stdout) as ReleaseManifest).platforms[0]?.derivation, files.derivation);
});

test("a copy of the layout is known by its NAR hash; a CycloneDX SBOM of the same closure gives the same closure digest", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const files = await buildRelease(lab);
  const copy = join(lab.folder, "copy");
  cpSync(files.layout, copy, { recursive: true });
  const manifestOf = async (sbomFile: string): Promise<ReleaseManifest> => {
    const args = [
      ...["--layout", `linux/amd64=${copy}`, "--path-info", `linux/amd64=${files.pathInfoFile}`],
      ...["--sbom", `linux/amd64=${sbomFile}`],
    ];
    const { code, stdout, stderr } = await runCli(t, ["publish-manifest", ...releaseFacts(files), ...args]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as ReleaseManifest;
  };
  const spdx = await manifestOf(files.sbomFile);
  const cycloneDx = await manifestOf(lab.write("bom.json", JSON.stringify(cycloneDxOf(files.closure))));
  assert.equal(spdx.platforms[0]?.storePath, files.storePath);
  assert.equal(cycloneDx.platforms[0]?.closure, spdx.platforms[0].closure);
  assert.notEqual(cycloneDx.platforms[0]?.sbom, spdx.platforms[0].sbom);
});
