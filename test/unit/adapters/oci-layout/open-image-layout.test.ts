import assert from "node:assert/strict";
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { hashPath } from "../../../../src/adapters/nix/hash-path.ts";
import { narFromOciLayout } from "../../../../src/adapters/nix/layout-nar.ts";
import { openImageLayout } from "../../../../src/adapters/oci-layout/open-image-layout.ts";
import { Failure } from "../../../../src/core/failure.ts";
import { canonicalBytes } from "../../../../src/core/json/canonical-json.ts";
import { requirePlatform } from "../../../../src/core/oci/image-layout.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { blobPath, imageLayout, ociLayoutFiles, releaseLayout } from "../../../../src/core/oci/layout-files.ts";
import { buildIndex } from "../../../../src/core/oci/layout-builder.ts";
import type { LayoutFiles } from "../../../../src/core/oci/layout-files.ts";
import { codeThrown } from "../../../support/failures.ts";
import { tinyImage } from "../../../support/nix-lab.ts";

const image = tinyImage("a text");
const files = imageLayout(image);

function written(t: TestContext, content: LayoutFiles): string {
  const folder = mkdtempSync(join(tmpdir(), "neko-layout-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  for (const [path, bytes] of content) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
  return folder;
}

async function codeOf(folder: string): Promise<string> {
  try {
    await openImageLayout(folder, "linux/amd64");
    return "opened";
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    assert.match(error.message, /^linux\/amd64: expected .+; found .+\.$/);
    return error.code;
  }
}

test("opens a layout: its image, platform and blobs; its NAR can be computed again from the blobs alone", async (t) => {
  const folder = written(t, files);
  const layout = await openImageLayout(folder, "linux/amd64");
  assert.equal(layout.manifest.digest, image.manifest.digest);
  assert.deepEqual(layout.platform, { os: "linux", architecture: "amd64" });
  assert.deepEqual(
    layout.blobs.map(({ digest }) => digest),
    [image.config.digest, ...image.layers.map(({ digest }) => digest)],
  );
  assert.equal(layout.recomputable, true);
  assert.deepEqual(await narFromOciLayout(files), await hashPath(folder));
});

const replaced = (path: string, content: unknown): LayoutFiles => new Map([...files, [path, canonicalBytes(content)]]);
const root = { mediaType: mediaTypes.manifest, digest: image.manifest.digest, size: image.manifest.size };
const index = (manifests: unknown): unknown => ({ schemaVersion: 2, manifests });

for (const [what, change] of [
  [
    "index.json of another builder",
    replaced("index.json", { ...(index([{ ...root, annotations: { a: "b" } }]) as object) }),
  ],
  ["a further file", new Map([...files, ["note", Buffer.from("x")]])],
  [
    "a blob that the image does not name",
    new Map([...files, [blobPath(tinyImage("x").layers[0]!.digest), tinyImage("x").layers[0]!.bytes]]),
  ],
] as const) {
  test(`opens a layout with ${what}, and says that its NAR can't be computed from the image`, async (t) => {
    assert.equal((await openImageLayout(written(t, change), "x")).recomputable, false);
  });
}

test("an executable or linked file makes another NAR than the image's", async (t) => {
  const executable = written(t, files);
  chmodSync(join(executable, "index.json"), 0o755);
  assert.equal((await openImageLayout(executable, "x")).recomputable, false);
  const linked = written(t, files);
  rmSync(join(linked, "oci-layout"));
  symlinkSync(join(executable, "oci-layout"), join(linked, "oci-layout"));
  assert.equal((await openImageLayout(linked, "x")).recomputable, false);
});

const second = tinyImage("other", "arm64");
const without = (path: string): LayoutFiles => new Map([...files].filter(([name]) => name !== path));
for (const [what, content, code] of [
  ["no oci-layout", without("oci-layout"), "LAYOUT_INVALID"],
  ["no index.json", without("index.json"), "LAYOUT_INVALID"],
  ["an empty folder", new Map(), "LAYOUT_INVALID"],
  ["another layout version", replaced("oci-layout", { imageLayoutVersion: "2.0.0" }), "LAYOUT_INVALID"],
  ["index.json that is no index", replaced("index.json", []), "LAYOUT_INVALID"],
  [
    "index.json with a digest that is none",
    replaced("index.json", index([{ ...root, digest: "sha256:../../x" }])),
    "LAYOUT_INVALID",
  ],
  ["no image", replaced("index.json", index([])), "LAYOUT_NOT_ONE_IMAGE"],
  [
    "two images",
    ociLayoutFiles([root, second.manifest], [image.manifest, image.config, ...image.layers, second.manifest]),
    "LAYOUT_NOT_ONE_IMAGE",
  ],
  ["an index of images", releaseLayout(buildIndex([image, second])), "LAYOUT_NOT_ONE_IMAGE"],
  [
    "a Docker manifest",
    replaced("index.json", index([{ ...root, mediaType: mediaTypes.dockerManifest }])),
    "LAYOUT_NOT_ONE_IMAGE",
  ],
  ["no manifest", without(blobPath(image.manifest.digest)), "LAYOUT_BLOB_MISSING"],
  ["no config", without(blobPath(image.config.digest)), "LAYOUT_BLOB_MISSING"],
  ["no layer", without(blobPath(image.layers[0]!.digest)), "LAYOUT_BLOB_MISSING"],
  ["a manifest of another size", replaced("index.json", index([{ ...root, size: 1 }])), "LAYOUT_BLOB_MISMATCH"],
  [
    "a layer with other bytes",
    new Map([...files, [blobPath(image.layers[0]!.digest), Buffer.from("x")]]),
    "LAYOUT_BLOB_MISMATCH",
  ],
  [
    "a manifest with other bytes",
    new Map([...files, [blobPath(image.manifest.digest), Buffer.from("{}")]]),
    "LAYOUT_BLOB_MISMATCH",
  ],
  [
    "a layer as its manifest",
    replaced("index.json", index([{ ...root, digest: image.layers[0]!.digest, size: image.layers[0]!.size }])),
    "LAYOUT_INVALID",
  ],
  [
    "a config as its manifest",
    replaced("index.json", index([{ ...root, digest: image.config.digest, size: image.config.size }])),
    "LAYOUT_INVALID",
  ],
] as const) {
  test(`refuses a layout with ${what}`, async (t) => {
    assert.equal(await codeOf(written(t, content)), code);
  });
}

test("a file that changes after it was hashed is not handed out", async (t) => {
  const folder = written(t, files);
  const layout = await openImageLayout(folder, "linux/amd64");
  const [config] = layout.blobs;
  assert.ok(config !== undefined);
  appendFileSync(join(folder, blobPath(config.digest)), "x");
  assert.equal(
    codeThrown(() => layout.read(config), "read"),
    "LAYOUT_BLOB_MISMATCH",
  );
});

test("an interruption ends the hashing with its reason", async (t) => {
  const reason = new Error("enough");
  await assert.rejects(openImageLayout(written(t, files), "x", AbortSignal.abort(reason)), reason);
});

test("an image for another platform than was said is refused; a variant counts", () => {
  const arm = { os: "linux", architecture: "arm64", variant: "v8" };
  requirePlatform(arm, "linux/arm64/v8", "x");
  assert.equal(
    codeThrown(() => {
      requirePlatform(arm, "linux/arm64", "x");
    }, "same"),
    "LAYOUT_PLATFORM_MISMATCH",
  );
});
