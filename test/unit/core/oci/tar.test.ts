import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "../../../../src/core/failure.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { tarBytes } from "../../../../src/core/oci/tar.ts";
import type { TarEntry } from "../../../../src/core/oci/tar.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const file = (path: string, text = ""): TarEntry => ({ kind: "file", path, bytes: encode(text) });

function hasTar(): boolean {
  return spawnSync("tar", ["--version"]).status === 0;
}

/** Unpacks with the system's tar and hands the folder over. */
function unpacked(bytes: Uint8Array, look: (directory: string, list: string[]) => void): void {
  const directory = mkdtempSync(join(tmpdir(), "neko-tar-"));
  try {
    const list = spawnSync("tar", ["-tf", "-"], { input: bytes, encoding: "utf8", env: { LC_ALL: "C.UTF-8" } });
    assert.equal(list.status, 0, list.stderr);
    const result = spawnSync("tar", ["-xf", "-", "--no-same-owner", "-C", directory], {
      input: bytes,
      encoding: "utf8",
    });
    assert.equal(result.status, 0, result.stderr);
    look(directory, list.stdout.trimEnd().split("\n"));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test("has known bytes: a change of the format is seen", () => {
  const entries: TarEntry[] = [
    { kind: "file", path: "bin/run", bytes: encode("#!/bin/sh\n"), executable: true },
    { kind: "symlink", path: "bin/sh", target: "run" },
    file("etc/conf", "a=1\n"),
  ];
  assert.equal(
    digestOf(tarBytes(entries, 1_700_000_000)),
    "sha256:6ea4e01d55e4b9b15178f89088197fa0fe775b932ce3e498d1ba2612fa79d71b",
  );
});

test("does not depend on the order of the entries", () => {
  const path = fc.array(fc.constantFrom("a", "b", "c.d", "é", "long".repeat(30)), { minLength: 1, maxLength: 3 });
  const entries = fc.uniqueArray(
    path.map((parts) => parts.join("/")),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(entries, fc.infiniteStream(fc.nat()), (paths, order) => {
      const files = paths
        .filter((one) => !paths.some((other) => other.startsWith(`${one}/`)))
        .map((one) => file(one, one));
      const shuffled = files
        .map((entry) => ({ entry, key: order.next().value as number }))
        .sort((a, b) => a.key - b.key)
        .map(({ entry }) => entry);
      assert.deepEqual(tarBytes(files, 1), tarBytes(shuffled, 1));
    }),
  );
});

test("the system's tar reads back files, modes, links, time stamps and long and non-ASCII names", (t) => {
  if (!hasTar()) {
    t.skip("no tar on PATH");
    return;
  }
  const long = `${"deep/".repeat(40)}${"n".repeat(120)}.txt`;
  const split = `${"p".repeat(90)}/${"q".repeat(90)}`;
  const target = "t".repeat(150);
  const bytes = tarBytes(
    [
      { kind: "file", path: "bin/run", bytes: encode("x".repeat(513)), executable: true },
      { kind: "symlink", path: "link", target },
      { kind: "directory", path: "empty" },
      file(long, "long"),
      file(split, "split"),
      file("grüße/日本.txt", "unicode"),
    ],
    1_600_000_000,
  );
  assert.equal(bytes.length % 512, 0);
  unpacked(bytes, (directory, list) => {
    assert.ok(list.includes("empty/") && list.includes("bin/") && list.includes(long) && list.includes(split));
    assert.ok(!list.some((name) => name.includes("PaxHeader")));
    assert.equal(readFileSync(join(directory, long), "utf8"), "long");
    assert.equal(readFileSync(join(directory, split), "utf8"), "split");
    assert.equal(readFileSync(join(directory, "grüße/日本.txt"), "utf8"), "unicode");
    assert.equal(readlinkSync(join(directory, "link")), target);
    assert.equal(statSync(join(directory, "bin/run")).mode & 0o777, 0o755);
    assert.equal(statSync(join(directory, "bin/run")).size, 513);
    assert.equal(statSync(join(directory, split)).mode & 0o777, 0o644);
    assert.equal(statSync(join(directory, "bin/run")).mtimeMs, 1_600_000_000_000);
  });
});

const badPaths = ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "a\0b", "a/.wh.b", "\ud800"];
for (const path of badPaths) {
  test(`refuses the path ${JSON.stringify(path)}`, () => {
    assert.throws(
      () => tarBytes([file(path)], 0),
      (error) => error instanceof Failure && error.code === "LAYER_INVALID",
    );
  });
}

test("refuses a path twice, a file below a file, and a broken time stamp", () => {
  const refused = (entries: TarEntry[], mtime = 0): void => {
    assert.throws(
      () => tarBytes(entries, mtime),
      (error) => error instanceof Failure && error.code === "LAYER_INVALID",
    );
  };
  refused([file("a"), file("a")]);
  refused([file("a"), file("a/b")]);
  refused([file("a")], -1);
  refused([file("a")], 0.5);
});
