import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { narHash } from "../../../src/core/nix/nar.ts";
import { treeOfFiles } from "../../../src/core/nix/tree.ts";
import { digestOf } from "../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../src/core/oci/formats.ts";
import { imageLayout } from "../../../src/core/oci/layout-files.ts";
import { releaseManifestSchema } from "../../../src/core/release/manifest.ts";
import { runInProcess } from "../../support/command-line.ts";
import { tinyImage } from "../../support/nix-lab.ts";
import { jsonBytes } from "../../support/path-infos.ts";
import { spdxOf } from "../../support/nix-release.ts";
import { startServer } from "../adapters/registry/loopback-server.ts";
import { memoryRegistry } from "../adapters/registry/memory-registry.ts";

const folder = mkdtempSync(join(tmpdir(), "neko-publish-"));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** A platform's files, as a build would leave them: the layout lies elsewhere than in a store. */
function build(architecture: string) {
  const files = imageLayout(tinyImage(`for ${architecture}`, architecture));
  for (const [path, bytes] of files) write(join(`layout-${architecture}`, path), bytes);
  const path = `/nix/store/${"1".repeat(32)}-image-${architecture}`;
  const deriver = `/nix/store/${"2".repeat(32)}-image-${architecture}.drv`;
  const info = { path, ...narHash(treeOfFiles(files)), references: [], deriver };
  return {
    layout: `linux/${architecture}=${join(folder, `layout-${architecture}`)}`,
    pathInfo: `linux/${architecture}=${write(`path-info-${architecture}.json`, jsonBytes([info]))}`,
    sbom: `linux/${architecture}=${write(`sbom-${architecture}.json`, jsonBytes(spdxOf([info])))}`,
    info,
  };
}

const amd64 = build("amd64");
const arm64 = build("arm64");
const lock = write("flake.lock", "{}");
const source = { repository: "https://github.com/m1k1o/neko", commit: "c".repeat(40) };
const facts: Readonly<Record<string, string>> = {
  "--name": "neko",
  "--version": "1.2.3",
  "--source-repository": source.repository,
  "--source-commit": source.commit,
  "--source-nar-hash": amd64.info.narHash,
  "--flake-lock": lock,
  "--source-date-epoch": "1700000000",
};
const platform = ["--layout", amd64.layout, "--path-info", amd64.pathInfo, "--sbom", amd64.sbom];

function publish(args: readonly string[], changes: Readonly<Record<string, string | undefined>> = {}) {
  const given = Object.entries({ ...facts, ...changes }).flatMap(([name, value]) =>
    value === undefined ? [] : [name, value],
  );
  return runInProcess(["publish-manifest", ...given, ...args], { environment: { PATH: "/nowhere" } });
}

test("writes manifest and index of two platforms, whole, readable by others, and says what is in them", async () => {
  const output = join(folder, "new", "release.json");
  const index = join(folder, "new", "index.json");
  const args = [...platform, "--layout", arm64.layout, "--path-info", arm64.pathInfo, "--sbom", arm64.sbom];
  const { code, stdout, stderr } = await publish([...args, "--output", output, "--index-output", index]);
  assert.equal(code, 0, stderr);
  const manifest = releaseManifestSchema.parse(JSON.parse(readFileSync(output, "utf8")));
  assert.deepEqual(
    manifest.platforms.map((entry) => [entry.platform, entry.narHash, entry.derivation]),
    [amd64, arm64].map(({ info }, at) => [at === 0 ? "linux/amd64" : "linux/arm64", info.narHash, info.deriver]),
  );
  assert.equal(manifest.digest, digestOf(readFileSync(index)));
  assert.equal(manifest.flake.commit, source.commit);
  assert.equal(manifest.flake.lock, digestOf("{}"));
  assert.equal(statSync(output).mode & 0o777, 0o644);
  assert.match(stdout, /^✓ neko 1\.2\.3: index sha256:[0-9a-f]{64}\n {2}linux\/amd64 sha256:/);
  const again = await publish(args);
  assert.equal(again.stdout, `${readFileSync(output, "utf8")}\n`);
});

test("as one JSON document: the manifest with its index", async () => {
  const { code, stdout, stderr } = await publish([...platform, "--json"]);
  assert.equal(code, 0);
  assert.equal(stderr, "");
  const document = JSON.parse(stdout) as { ok: boolean; manifest: { digest: string }; index: string };
  assert.deepEqual([document.ok, document.index], [true, document.manifest.digest]);
});

test("hashes the source itself, and takes the time from SOURCE_DATE_EPOCH", async () => {
  const tree = dirname(write("tree/a", "x"));
  const given = { "--source-nar-hash": undefined, "--source-path": tree };
  const { code, stdout, stderr } = await publish(platform, given);
  assert.equal(code, 0, stderr);
  const expected = narHash(treeOfFiles(new Map([["a", Buffer.from("x")]]))).narHash;
  assert.equal(releaseManifestSchema.parse(JSON.parse(stdout)).source.narHash, expected);
  const args = Object.entries(facts).flatMap(([name, value]) => (name === "--source-date-epoch" ? [] : [name, value]));
  const environment = { PATH: "/nowhere", SOURCE_DATE_EPOCH: "7" };
  const timed = await runInProcess(["publish-manifest", ...args, ...platform], { environment });
  assert.equal(releaseManifestSchema.parse(JSON.parse(timed.stdout)).sourceDateEpoch, 7);
});

test("is not pushed when the version's tag names another release; with its own, it is pushed again", async (t) => {
  const registry = memoryRegistry({ referrers: "works" });
  const server = await startServer(t, registry.answer);
  const repository = `${server.host}/m1k1o/neko/base`;
  const held = { type: mediaTypes.index, body: Buffer.from("{}") };
  registry.manifests.set("1.2.3", held);
  const refused = await publish([...platform, "--push", repository]);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /:1\.2\.3 names [^ ]+@sha256:44136fa[\s\S]+another version\.[\s\S]*\(code TAG_TAKEN\)\n$/,
  );
  const indexes = () => [...registry.manifests.values()].filter(({ type }) => type === mediaTypes.index);
  assert.deepEqual(indexes(), [held]);

  const next = await publish([...platform, "--push", repository], { "--version": "1.2.4" });
  assert.equal(next.code, 0, next.stderr);
  const [, released] = indexes();
  assert.ok(released !== undefined);
  registry.manifests.set("1.2.4", released);
  const again = await publish([...platform, "--push", `${repository}:latest`], { "--version": "1.2.4" });
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(registry.manifests.get("latest")?.body, released.body);
});

test("is not pushed when the registry does not say what the version's tag names", async (t) => {
  const registry = memoryRegistry({ referrers: "works" });
  const server = await startServer(t, (request) =>
    request.url.endsWith("/manifests/1.2.3") ? { status: 403 } : registry.answer(request),
  );
  const { code, stderr } = await publish([...platform, "--push", `${server.host}/m1k1o/neko/base`]);
  assert.match(stderr, /\(code REGISTRY_FORBIDDEN\)\n$/);
  assert.notEqual(code, 0);
  assert.ok(![...registry.manifests.values()].some(({ type }) => type === mediaTypes.index));
});

const other = build("arm64");
for (const [what, args, changes, code] of [
  ["nothing", [], { "--name": undefined, "--flake-lock": undefined }, "OPTION_MISSING"],
  ["no platform", [], {}, "PLATFORM_MISSING"],
  ["a platform without SBOM", ["--layout", amd64.layout], {}, "PLATFORM_MISSING"],
  ["a platform without layout", [...platform, "--sbom", arm64.sbom], {}, "PLATFORM_MISSING"],
  ["a platform twice", [...platform, "--layout", amd64.layout], {}, "PLATFORM_OPTION_INVALID"],
  ["a platform that none is built for", [...platform, "--layout", "windows/amd64=x"], {}, "PLATFORM_OPTION_INVALID"],
  ["a layout without a platform", [...platform, "--layout", "/some/folder"], {}, "PLATFORM_OPTION_INVALID"],
  ["a layout without a value", [...platform, "--layout", "linux/arm64="], {}, "PLATFORM_OPTION_INVALID"],
  ["a layout that isn't there", ["--layout", "linux/amd64=/no/such", "--sbom", amd64.sbom], {}, "PATH_NOT_FOUND"],
  ["a lock that isn't there", platform, { "--flake-lock": "/no/such" }, "FILE_UNREADABLE"],
  ["an SBOM that isn't there", ["--layout", amd64.layout, "--sbom", "linux/amd64=/no/such"], {}, "FILE_UNREADABLE"],
  ["a source hash in two ways", platform, { "--source-path": folder }, "SOURCE_HASH_UNCLEAR"],
  ["no source hash", platform, { "--source-nar-hash": undefined }, "SOURCE_HASH_UNCLEAR"],
  ["an environment that is none", platform, { "--environment": "test" }, "ENVIRONMENT_UNKNOWN"],
  ["a time that is none", platform, { "--source-date-epoch": "yesterday" }, "SOURCE_DATE_EPOCH_INVALID"],
  ["a negative time", platform, { "--source-date-epoch": "-1" }, "SOURCE_DATE_EPOCH_INVALID"],
  ["a time beyond the calendar", platform, { "--source-date-epoch": "999999999999" }, "MANIFEST_INVALID"],
  ["no time", platform, { "--source-date-epoch": undefined }, "SOURCE_DATE_EPOCH_INVALID"],
  ["a push to a digest", platform, { "--push": `a.example/b@sha256:${"a".repeat(64)}` }, "PUSH_NAMES_DIGEST"],
  ["a push to nowhere", platform, { "--push": "b" }, "REFERENCE_INVALID"],
  ["a version with v", platform, { "--version": "v1.2.3" }, "MANIFEST_INVALID"],
  ["a repository over ssh", platform, { "--source-repository": "ssh://git@github.com/m1k1o/neko" }, "MANIFEST_INVALID"],
  ["a short commit", platform, { "--source-commit": "abc" }, "MANIFEST_INVALID"],
  ["an output in a file", platform, { "--output": join(lock, "x") }, "FILE_NOT_WRITTEN"],
  ["a setting of Nix that is none", platform, { "--option": "x" }, "NIX_OPTION_INVALID"],
] as const) {
  test(`refuses ${what}: exit 2`, async () => {
    const result = await publish(args, changes);
    assert.equal(result.code, 2, result.stderr);
    assert.equal(result.stdout, "");
    assert.ok(result.stderr.endsWith(`(code ${code})\n`), result.stderr);
  });
}

for (const [what, args, code] of [
  [
    "the layout of another platform",
    ["--layout", other.layout.replace("arm64", "amd64"), "--sbom", amd64.sbom],
    "LAYOUT_PLATFORM_MISMATCH",
  ],
  [
    "the path-info of another build",
    ["--layout", amd64.layout, "--sbom", amd64.sbom, "--path-info", arm64.pathInfo.replace("arm64", "amd64")],
    "LAYOUT_NAR_MISMATCH",
  ],
  [
    "the SBOM of another build",
    ["--layout", amd64.layout, "--path-info", amd64.pathInfo, "--sbom", arm64.sbom.replace("arm64", "amd64")],
    "SBOM_CLOSURE_MISMATCH",
  ],
  [
    "an SBOM that is no JSON",
    ["--layout", amd64.layout, "--path-info", amd64.pathInfo, "--sbom", `linux/amd64=${write("x.json", "{")}`],
    "SBOM_INVALID",
  ],
  [
    "a path-info that is no JSON",
    [
      "--layout",
      amd64.layout,
      "--sbom",
      amd64.sbom,
      "--path-info",
      `linux/amd64=${lock.replace("flake.lock", "x.json")}`,
    ],
    "PATH_INFO_INVALID",
  ],
  [
    "a layout without anything that Nix recorded",
    ["--layout", amd64.layout, "--sbom", amd64.sbom],
    "DERIVATION_UNKNOWN",
  ],
  ["a folder that is no layout", ["--layout", `linux/amd64=${folder}`, "--sbom", amd64.sbom], "LAYOUT_INVALID"],
] as const) {
  test(`refuses ${what}: exit 1, nothing written`, async () => {
    const output = join(folder, "never.json");
    const result = await publish([...args, "--output", output]);
    assert.equal(result.code, 1, result.stderr);
    assert.equal(result.stdout, "");
    assert.match(result.stderr, /error: (?:linux\/amd64|The output of nix path-info)/);
    assert.ok(result.stderr.endsWith(`(code ${code})\n`), result.stderr);
    assert.equal(existsSync(output), false);
  });
}

test("puts a signer's disk and measurements into the manifest, and into what the index tells of it", async () => {
  const signer = {
    disk: { sha256: "d".repeat(64) },
    measurements: { model: "systemd-stub-vtpm", rtmr1: "1".repeat(96), rtmr2: "0".repeat(96) },
  };
  const output = join(folder, "signer", "release.json");
  const made = async (args: readonly string[]) => {
    const { code, stderr } = await publish([...platform, ...args, "--output", output]);
    assert.equal(code, 0, stderr);
    return releaseManifestSchema.parse(JSON.parse(readFileSync(output, "utf8")));
  };
  const without = await made([]);
  const manifest = await made(["--signer", write("signer.json", jsonBytes(signer))]);
  assert.deepEqual({ disk: manifest.disk, measurements: manifest.measurements }, signer);
  assert.notEqual(manifest.digest, without.digest);
  const { digest: _digest, disk: _disk, measurements: _measurements, ...rest } = manifest;
  const { digest: _other, ...expected } = without;
  assert.deepEqual(rest, expected);
});

for (const [what, content] of [
  ["is not JSON", "{"],
  ["lacks the measurements", JSON.stringify({ disk: { sha256: "d".repeat(64) } })],
  ["has something unknown", JSON.stringify({ disk: { sha256: "d".repeat(64) }, rtmr0: "0".repeat(96) })],
] as const) {
  test(`refuses a signer's part that ${what}`, async () => {
    const { code, stderr } = await publish([...platform, "--signer", write("bad-signer.json", content)]);
    assert.equal(code, 2);
    assert.match(stderr, /\(code SIGNER_PART_INVALID\)\n$/);
  });
}
