import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const checkout = resolve(import.meta.dirname, "../../..");

function run(...args: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const script = join(checkout, "dev/npm-deps-hash.ts");
  // No npm on PATH: whatever is refused here is refused before npm is asked for anything.
  return spawnSync(process.execPath, [script, ...args], { encoding: "utf8", env: { PATH: "" } });
}

test("--help says how it is called, and computes nothing", () => {
  for (const option of ["--help", "-h"]) {
    const { status, stdout, stderr } = run(option);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^usage: node dev\/npm-deps-hash\.ts \[package-lock\.json\]/);
  }
});

test("what is no lock is told without a stack trace", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "neko-npm-deps-test-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const absent = join(folder, "absent.json");
  const cases = [
    [[absent], `${absent} can't be read (ENOENT).\n`],
    [[folder], `${folder} can't be read (EISDIR).\n`],
    ...[
      "",
      "{",
      "null",
      "[]",
      '{"dependencies":{}}',
      '{"packages":{"a":null}}',
      '{"packages":{"a":{"resolved":1}}}',
    ].map((content, index) => {
      const path = file(`${index}.json`, content);
      return [[path], `${path} is no package-lock.json of version 2 or 3.\n`] as const;
    }),
    [["--write", absent], "--write is for this project's own package-lock.json: name none beside it.\n"],
  ] as const;
  for (const [args, expected] of cases) {
    const { status, stdout, stderr } = run(...args);
    assert.deepEqual([status, stdout, stderr], [1, "", expected]);
  }
});

test("a wrong call, and a package without a hash, are told without a stack trace", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "neko-npm-deps-test-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const unhashed = join(folder, "package-lock.json");
  const resolved = "https://registry.example/a.tgz";
  writeFileSync(unhashed, JSON.stringify({ packages: { "node_modules/a": { resolved } } }));
  const before = readFileSync(join(checkout, "nix/npm/deps.json"), "utf8");
  const cases = [
    [["--nonsense"], /^Unknown option '--nonsense'/],
    [["a", "b"], /^Only one package-lock\.json can be named\.\nusage: /],
    [[unhashed], /^node_modules\/a has no SHA-512 of its tarball\.\n$/],
  ] as const;
  for (const [args, expected] of cases) {
    const { status, stdout, stderr } = run(...args);
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, expected);
    assert.doesNotMatch(stderr, /^ +at |Error:|node:internal/m);
  }
  assert.equal(readFileSync(join(checkout, "nix/npm/deps.json"), "utf8"), before);
});
