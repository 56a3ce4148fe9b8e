import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readRepositoryFiles } from "../../../../lab/sample-release/repository-files.ts";
import { sampleReleaseInput } from "../../../../lab/sample-release/sample-defaults.ts";
import { buildSampleRelease } from "../../../../lab/sample-release/build-sample-release.ts";
import type { TestContext } from "node:test";

function checkout(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "neko-trust-files-"));
  t.after(() => {
    rmSync(path, { recursive: true, force: true });
  });
  mkdirSync(join(path, "src", "core"), { recursive: true });
  mkdirSync(join(path, "bin"));
  writeFileSync(join(path, "src", "core", "z.ts"), "z");
  writeFileSync(join(path, "src", "core", "a.ts"), "a");
  writeFileSync(join(path, "bin", "run.mjs"), "run");
  writeFileSync(join(path, "package-lock.json"), "{}");
  return path;
}

test("reads folders and files, sorted, with their execute bit, without what no repository holds", async (t) => {
  const path = checkout(t);
  chmodSync(join(path, "bin", "run.mjs"), 0o755);
  for (const name of [".hidden", "a.ts~", "debug.log"]) writeFileSync(join(path, "src", "core", name), "");
  mkdirSync(join(path, "src", "core", "node_modules"));
  writeFileSync(join(path, "src", "core", "node_modules", "x.js"), "");
  const files = await readRepositoryFiles(path, ["src/core", "bin", "package-lock.json"]);
  assert.deepEqual(
    [...files].map(([name, { executable, contents }]) => [name, executable, Buffer.from(contents).toString()]),
    [
      ["bin/run.mjs", true, "run"],
      ["package-lock.json", false, "{}"],
      ["src/core/a.ts", false, "a"],
      ["src/core/z.ts", false, "z"],
    ],
  );
});

test("refuses a folder that is absent or empty, and a symbolic link", async (t) => {
  const path = checkout(t);
  mkdirSync(join(path, "empty"));
  const missing = { name: "Failure", code: "SAMPLE_FILES_MISSING", kind: "usage" };
  await assert.rejects(readRepositoryFiles(path, ["nowhere"]), missing);
  await assert.rejects(readRepositoryFiles(path, ["bin", "empty"]), missing);
  symlinkSync("/etc/passwd", join(path, "bin", "link"));
  await assert.rejects(readRepositoryFiles(path, ["bin"]), { name: "Failure", code: "SAMPLE_FILE_UNSUPPORTED" });
});

const settings = {
  version: "1.0.0",
  repositoryName: "127.0.0.1:5001/neko/sample",
  workflow: ".github/workflows/release.yml",
  sourceDateEpoch: 1_789_114_715,
  source: { repository: "https://github.com/m1k1o/neko", commit: "a".repeat(40), ref: "refs/tags/v1.0.0" },
};

test("prefers the flake's lock, else takes npm's, else says what is missing", async (t) => {
  const path = checkout(t);
  assert.equal((await sampleReleaseInput(path, settings)).lock.path, "package-lock.json");
  writeFileSync(join(path, "flake.lock"), "{}");
  assert.equal((await sampleReleaseInput(path, settings)).lock.path, "flake.lock");
  rmSync(join(path, "flake.lock"));
  rmSync(join(path, "package-lock.json"));
  await assert.rejects(sampleReleaseInput(path, settings), {
    code: "SAMPLE_FILES_MISSING",
    message: /package-lock\.json/,
  });
});

test("builds the sample out of two copies of one checkout with one digest", async (t) => {
  const digests = [];
  for (const path of [checkout(t), checkout(t)]) {
    digests.push(buildSampleRelease(await sampleReleaseInput(path, settings)).manifest.digest);
  }
  assert.equal(digests[0], digests[1]);
});

test("builds the sample out of this repository's own files", async () => {
  const input = await sampleReleaseInput(join(import.meta.dirname, "..", "..", "..", ".."), settings);
  const release = buildSampleRelease(input);
  const [amd64] = release.platforms;
  const core = amd64?.contents.find(({ name }) => name === "neko-trust-core");
  assert.ok(core?.files.has("nix/nar-writer.ts"));
  assert.equal(release.platforms.length, 2);
});
