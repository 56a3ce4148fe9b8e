import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { hashPath } from "../../src/adapters/nix/hash-path.ts";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { pushLayout } from "../../src/adapters/registry/layout-transfer.ts";
import { unwrap } from "../../src/adapters/registry/unwrap.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../src/adapters/toolchain/tool.ts";
import { Failure } from "../../src/core/failure.ts";
import { predicateTypes } from "../../src/core/intoto/statement.ts";
import { bundleAttachment } from "../../src/core/oci/bundle-attachment.ts";
import { buildImage, buildIndex, buildLayer } from "../../src/core/oci/layout-builder.ts";
import type { BuiltImage } from "../../src/core/oci/layout-builder.ts";
import { imageLayout, releaseLayout } from "../../src/core/oci/layout-files.ts";
import { collectEvidence } from "../../src/operations/collect-evidence.ts";
import { registryProgram, startRegistry, testBoth } from "./registry-process.ts";

/** What is collected from real registries: NARs as Nix has them, rebuilders' statements, signatures of cosign's older form. */

const run = promisify(execFile);
const checkout = join(import.meta.dirname, "..", "..");

const images = ["amd64", "arm64"].map((architecture): BuiltImage => {
  const epoch = { sourceDateEpoch: 1_700_000_000 };
  const bytes = Buffer.from(`built for ${architecture}\n`.repeat(200_000));
  const layers = [buildLayer([{ kind: "file", path: "etc/built", bytes }], epoch)];
  return buildImage(layers, { platform: { os: "linux", architecture }, ...epoch, command: ["/bin/true"] });
});
const release = buildIndex(images);

/** What Nix prints for the image's layout on disk, or ours where there is no Nix. */
async function hashOnDisk(image: BuiltImage): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), "neko-layout-"));
  try {
    const path = join(root, "layout");
    for (const [name, bytes] of imageLayout(image)) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), bytes);
    }
    const env = { PATH: process.env["PATH"] ?? "", HOME: root, NIX_STATE_DIR: root, NIX_REMOTE: "" };
    const features = ["--extra-experimental-features", "nix-command"];
    const nix = await run("nix", [...features, "hash", "path", path], { env }).catch(() => undefined);
    return nix?.stdout.trim() ?? (await hashPath(path)).narHash;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

testBoth("the NARs that are recomputed from blobs are those of the layouts on disk", async ({ repository }) => {
  const client = createRegistryClient();
  await pushLayout(client, repository(), releaseLayout(release));
  const { digest } = release.index;
  const request = { repository: repository(), digest, trustedRoot: new Uint8Array(), deep: true };
  const { nars } = await collectEvidence(client, request);
  assert.equal(nars?.size, 2);
  for (const image of images) {
    const nar = nars.get(image.manifest.digest);
    assert.ok(nar?.kind === "found", JSON.stringify(nar));
    assert.equal(nar.value.narHash, await hashOnDisk(image));
  }
});

testBoth("a rebuilder's statements are read at its own repository, of an image that isn't there", async (rig) => {
  const client = createRegistryClient();
  await pushLayout(client, rig.repository(), releaseLayout(release));
  const location = rig.repository().replace(/\/team\/app$/, "/rebuilder/statements");
  const { mediaType, digest, size } = images[0]!.manifest;
  const attachment = bundleAttachment(Buffer.from('{"a":"bundle"}'), predicateTypes.provenance);
  unwrap(await client.attach(location, { mediaType, digest, size }, attachment), "rebuild");
  const { rebuilds } = await collectEvidence(client, {
    repository: rig.repository(),
    digest: release.index.digest,
    trustedRoot: new Uint8Array(),
    rebuilders: [
      { id: "ada", location },
      { id: "nobody", location: rig.repository().replace(/\/team\/app$/, "/no/such") },
    ],
  });
  const first = rebuilds?.get("ada")?.get(digest);
  assert.ok(first?.kind === "found" && first.value[0]?.bundle.kind === "found", JSON.stringify(first));
  for (const [id, platform] of [
    ["ada", images[1]!.manifest.digest],
    ["nobody", digest],
    ["nobody", images[1]!.manifest.digest],
  ] as const) {
    assert.deepEqual(rebuilds?.get(id)?.get(platform), { kind: "found", value: [] });
  }
});

test("what cosign signs in its older form is read as that, with the payload and the annotation", async (t) => {
  const registry = await registryProgram("crane");
  if ("missing" in registry) {
    t.skip(registry.missing);
    return;
  }
  const home = mkdtempSync(join(tmpdir(), "neko-legacy-"));
  const running = await startRegistry(registry.path, "crane", home);
  try {
    const environment = { HOME: home, COSIGN_PASSWORD: "" };
    const directories = directoriesOf(checkout, process.env);
    const cosign = await ensureTool(pinnedTools.cosign, { directories, environment: process.env });
    const client = createRegistryClient();
    const repository = `${running.host}/team/app`;
    const digest = await pushLayout(client, repository, releaseLayout(release));
    const signWith = async (key: string): Promise<void> => {
      const options = { env: environment, cwd: home };
      await run(cosign.path, ["generate-key-pair", "--output-key-prefix", key], options);
      const older = ["--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false", "--yes"];
      await run(cosign.path, ["sign", "--key", `${key}.key`, ...older, `${repository}@${digest}`], options);
    };
    await signWith("one");
    await signWith("two");
    const { legacySignatures } = await collectEvidence(client, { repository, digest, trustedRoot: new Uint8Array() });
    assert.ok(legacySignatures?.kind === "found", JSON.stringify(legacySignatures));
    assert.equal(legacySignatures.value.length, 2);
    for (const { payload, annotations } of legacySignatures.value) {
      assert.ok(payload.kind === "found");
      const { critical } = JSON.parse(Buffer.from(payload.value).toString()) as {
        critical: { image: Record<string, string> };
      };
      assert.equal(critical.image["docker-manifest-digest"], digest);
      assert.match(annotations["dev.cosignproject.cosign/signature"] ?? "", /^[A-Za-z0-9+/]+=*$/);
    }
  } catch (error) {
    if (!(error instanceof Failure && error.code.startsWith("GO_"))) throw error;
    t.skip(`cosign can't be built: ${error.message}`);
  } finally {
    await running.stop();
    rmSync(home, { recursive: true, force: true });
  }
});
