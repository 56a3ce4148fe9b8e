import assert from "node:assert/strict";
import { chmod, link, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../../src/adapters/registry/client.ts";
import type { RegistryClient } from "../../../src/adapters/registry/client.ts";
import { digestOf, sha256Hex } from "../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../src/core/oci/formats.ts";
import type { VerifiedRelease } from "../../../src/core/release/verified-release.ts";
import { fetchDiskImage } from "../../../src/operations/fetch-disk-image.ts";
import type { DiskSource } from "../../../src/config/stack-config.ts";
import type { CheckedDisk, FetchDiskRequest } from "../../../src/operations/fetch-disk-image.ts";
import { failureCodeOf } from "../../support/failures.ts";
import { sampleDigest } from "../../support/policies.ts";
import { signerMeasurements, signerRelease } from "../../support/signer.ts";
import { startServer } from "../adapters/registry/loopback-server.ts";
import type { PlannedAnswer } from "../adapters/registry/loopback-server.ts";
import { memoryRegistry } from "../adapters/registry/memory-registry.ts";

const content = Buffer.alloc(3_000_000, "a disk of the signer ");
const sha256 = sha256Hex(content);
const signer = signerRelease(sampleDigest("a"), { disk: { sha256 }, measurements: signerMeasurements });
const client = createRegistryClient({ sleep: () => Promise.resolve() });

async function place(
  t: TestContext,
): Promise<{ readonly root: string; readonly folder: string; readonly file: string }> {
  const root = await mkdtemp(join(tmpdir(), "neko-trust-disk-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  const file = join(root, "disk.tar.gz");
  await writeFile(file, content);
  return { root, folder: join(root, "checked"), file };
}

const fetched = (source: DiskSource, folder: string, changes: Partial<FetchDiskRequest> = {}): Promise<CheckedDisk> =>
  fetchDiskImage(client, { source, signer, folder, ...changes });

interface Artifact {
  readonly layer?: Buffer;
  /** What the registry serves instead of the layer. */
  readonly served?: PlannedAnswer;
  /** Of the manifest's only layer. */
  readonly size?: number;
  readonly manifest?: object;
}

/** A registry that holds a disk artifact; `blobs` counts how often a blob was asked for. */
async function registryWith(t: TestContext, { layer = content, served, size, manifest = {} }: Artifact = {}) {
  const registry = memoryRegistry({ referrers: "works" });
  const empty = Buffer.from("{}");
  registry.blobs.set(digestOf(empty), empty);
  registry.blobs.set(digestOf(layer), layer);
  const body = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      artifactType: "application/vnd.neko-trust.signer-disk",
      config: { mediaType: mediaTypes.empty, digest: digestOf(empty), size: 2, data: "e30=" },
      layers: [{ mediaType: "application/gzip", digest: digestOf(layer), size: size ?? layer.length }],
      ...manifest,
    }),
  );
  registry.manifests.set(digestOf(body), { type: mediaTypes.manifest, body });
  let blobs = 0;
  const server = await startServer(t, async (request) => {
    if (!request.url.includes("/blobs/")) return registry.answer(request);
    blobs += 1;
    return served ?? registry.answer(request);
  });
  const repository = `${server.host}/neko/signer-disk`;
  const source = { kind: "oci", reference: `${repository}@${digestOf(body)}` } as const;
  return { source, repository, blobs: () => blobs };
}

const left = async (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

test("a file is copied into a private folder, and the copy is what was hashed", async (t) => {
  const { folder, file } = await place(t);
  const disk = await fetched({ kind: "file", path: file }, folder);
  assert.deepEqual(disk, { path: join(folder, `${sha256}.tar.gz`), sha256 });
  assert.deepEqual(await readFile(disk.path), content);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.equal((await stat(disk.path)).mode & 0o777, 0o400);
  // What happens to the source afterwards changes nothing.
  await writeFile(file, "other bytes");
  assert.deepEqual(await readFile(disk.path), content);
});

test("an artifact is fetched by digest, once: a second run takes the copy", async (t) => {
  const { folder } = await place(t);
  const registry = await registryWith(t);
  const disk = await fetched(registry.source, folder);
  assert.deepEqual(await readFile(disk.path), content);
  assert.deepEqual(await fetched(registry.source, folder), disk);
  assert.equal(registry.blobs(), 1);
  assert.deepEqual(await left(folder), [`${sha256}.tar.gz`]);
});

test("a copy that was changed since, is a link or has a second name is not taken", async (t) => {
  for (const spoil of ["change", "link", "second name"] as const) {
    const { root, folder, file } = await place(t);
    const disk = await fetched({ kind: "file", path: file }, folder);
    if (spoil === "change") {
      await chmod(disk.path, 0o600);
      const { mtime } = await stat(disk.path);
      await writeFile(disk.path, Buffer.alloc(content.length, "x"));
      await utimes(disk.path, mtime, mtime);
    } else if (spoil === "link") {
      await rm(disk.path);
      await symlink(file, disk.path);
    } else {
      await link(disk.path, join(root, "second"));
    }
    const registry = await registryWith(t);
    assert.deepEqual(await fetched(registry.source, folder), disk);
    assert.equal(registry.blobs(), 1, spoil);
    const status = await stat(disk.path);
    assert.deepEqual([status.isFile(), status.nlink], [true, 1], spoil);
    assert.deepEqual(await readFile(disk.path), content);
  }
});

test("two runs at once both end with the one file", async (t) => {
  const { folder, file } = await place(t);
  const disks = await Promise.all([1, 2, 3].map(() => fetched({ kind: "file", path: file }, folder)));
  assert.equal(new Set(disks.map(({ path }) => path)).size, 1);
  assert.deepEqual(await left(folder), [`${sha256}.tar.gz`]);
});

test("other bytes are refused, shorter and longer ones too, and nothing of them is kept", async (t) => {
  const { root, folder } = await place(t);
  const other = Buffer.from(content);
  other[2_999_999] = 0;
  for (const bytes of [other, content.subarray(1), Buffer.concat([content, Buffer.from("x")]), Buffer.alloc(0)]) {
    const path = join(root, "other.tar.gz");
    await writeFile(path, bytes);
    assert.equal(await failureCodeOf(fetched({ kind: "file", path }, folder)), "DISK_HASH_MISMATCH");
    assert.deepEqual(await left(folder), []);
  }
});

test("an artifact whose layer is another is refused before it is fetched", async (t) => {
  const { folder } = await place(t);
  const registry = await registryWith(t, { layer: Buffer.from("another disk") });
  assert.equal(await failureCodeOf(fetched(registry.source, folder)), "DISK_HASH_MISMATCH");
  assert.equal(registry.blobs(), 0);
});

test("a registry that serves other, fewer or more bytes than it says, or breaks off, gives nothing", async (t) => {
  const other = Buffer.from(content);
  other[0] = 0;
  const whole = { status: 200, headers: { "content-length": String(content.length) } };
  for (const served of [
    { status: 200, body: other },
    { status: 200, body: content.subarray(1) },
    { status: 200, body: Buffer.concat([content, Buffer.from("x")]) },
    { ...whole, stream: (response) => response.write(content.subarray(0, 1000), () => response.destroy()) },
    { status: 404 },
    { status: 401 },
  ] satisfies readonly PlannedAnswer[]) {
    const { folder } = await place(t);
    const registry = await registryWith(t, { served });
    const expected =
      served.status === 404 ? "REGISTRY_ABSENT" : served.status === 401 ? "REGISTRY_UNAUTHORIZED" : "REGISTRY_BROKEN";
    assert.equal(await failureCodeOf(fetched(registry.source, folder)), expected);
    assert.deepEqual(await left(folder), []);
  }
});

test("a layer whose size in the manifest is a lie is not taken", async (t) => {
  for (const size of [content.length - 1, content.length + 1]) {
    const { folder } = await place(t);
    const registry = await registryWith(t, { size });
    assert.equal(await failureCodeOf(fetched(registry.source, folder)), "REGISTRY_BROKEN");
    assert.deepEqual(await left(folder), []);
  }
});

test("more than the cap is refused, before anything is copied if the size is known", async (t) => {
  const { folder, file } = await place(t);
  const cap = { maxBytes: content.length - 1 };
  assert.equal(await failureCodeOf(fetched({ kind: "file", path: file }, folder, cap)), "DISK_TOO_LARGE");
  const registry = await registryWith(t);
  assert.equal(await failureCodeOf(fetched(registry.source, folder, cap)), "DISK_TOO_LARGE");
  assert.equal(registry.blobs(), 0);
  assert.deepEqual(await left(folder), []);
});

test("a link, a folder, a device and what is not there are no source", async (t) => {
  const { root, folder, file } = await place(t);
  const result = join(root, "result");
  await symlink(file, result);
  await symlink(result, join(root, "loop"));
  for (const path of [result, join(root, "loop"), root, "/dev/zero", join(root, "absent")]) {
    assert.equal(await failureCodeOf(fetched({ kind: "file", path }, folder)), "DISK_SOURCE_UNREADABLE", path);
  }
  assert.deepEqual(await left(folder), []);
});

test("a folder that others can open, a link to one and a file are no private folder", async (t) => {
  const { root, file } = await place(t);
  const open = join(root, "open");
  await mkdir(open);
  await chmod(open, 0o755);
  const linked = join(root, "linked");
  await mkdir(join(root, "real"), { mode: 0o700 });
  await symlink(join(root, "real"), linked);
  for (const folder of [open, linked]) {
    assert.equal(await failureCodeOf(fetched({ kind: "file", path: file }, folder)), "FOLDER_NOT_PRIVATE", folder);
  }
});

test("a manifest that is no artifact with one file is refused", async (t) => {
  const { folder } = await place(t);
  const layer = { mediaType: "application/gzip", digest: digestOf(content), size: content.length };
  for (const manifest of [
    { layers: [] },
    { layers: [layer, layer] },
    { layers: [{ ...layer, urls: ["https://elsewhere.example/disk"] }] },
    { layers: [{ ...layer, data: "e30=" }] },
    { schemaVersion: 1 },
    { more: true },
  ]) {
    const registry = await registryWith(t, { manifest });
    assert.equal(
      await failureCodeOf(fetched(registry.source, folder)),
      "DISK_ARTIFACT_INVALID",
      JSON.stringify(manifest),
    );
    assert.equal(registry.blobs(), 0);
  }
});

test("an artifact is named by digest; a tag may move", async (t) => {
  const { folder } = await place(t);
  const oci = (reference: string) => failureCodeOf(fetched({ kind: "oci", reference }, folder));
  assert.equal(await oci("ghcr.io/m1k1o/neko/signer-disk:v1"), "REFERENCE_NEEDS_DIGEST");
  assert.equal(await oci("signer-disk"), "REFERENCE_INVALID");
  const registry = await registryWith(t);
  assert.equal(await oci(`${registry.repository}@${sampleDigest("f")}`), "REGISTRY_ABSENT");
});

test("which bytes are right is said by a verified signer release, by nothing else", async (t) => {
  const { folder, file } = await place(t);
  const source = { kind: "file", path: file } as const;
  const code = (release: VerifiedRelease) => failureCodeOf(fetched(source, folder, { signer: release }));
  assert.equal(
    await code(JSON.parse(JSON.stringify({ data: signer.data })) as VerifiedRelease),
    "RELEASE_NOT_VERIFIED",
  );
  assert.equal(await code(signerRelease(sampleDigest("a"), {})), "SIGNER_RELEASE_WITHOUT_DISK");
  assert.deepEqual(await left(folder), []);
});

test("an interrupted fetch leaves nothing", async (t) => {
  const { folder } = await place(t);
  const abort = new AbortController();
  const served: PlannedAnswer = {
    status: 200,
    stream: (response) => {
      response.write(content.subarray(0, 1000));
      setTimeout(() => {
        abort.abort();
      }, 20);
    },
  };
  const registry = await registryWith(t, { served });
  assert.equal(await failureCodeOf(fetched(registry.source, folder, { signal: abort.signal })), "REGISTRY_BROKEN");
  assert.deepEqual(await left(folder), []);
});

test("a full disk is told, and what was begun is taken away", async (t) => {
  const { folder } = await place(t);
  const registry = await registryWith(t);
  const full = async function* (): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(content.subarray(0, 1000));
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  };
  const onFullDisk: RegistryClient = {
    ...client,
    blobStream: () => Promise.resolve({ kind: "found", value: full() }),
  };
  const request = { source: registry.source, signer, folder };
  assert.equal(await failureCodeOf(fetchDiskImage(onFullDisk, request)), "DISK_FULL");
  assert.deepEqual(await left(folder), []);
});
