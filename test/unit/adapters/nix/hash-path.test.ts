import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { hashPath } from "../../../../src/adapters/nix/hash-path.ts";
import { narHash } from "../../../../src/core/nix/nar.ts";
import { anyTree, directory, file, peculiarTree, writeTree } from "../../../support/trees.ts";
import type { TestContext } from "node:test";

const code = (expected: string) => ({ name: "Failure", code: expected });

function temporary(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "neko-trust-nix-"));
  t.after(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

test("gives a tree on disk the hash and size of the same tree in memory", async (t) => {
  const path = join(temporary(t), "tree");
  writeTree(path, peculiarTree());
  assert.deepEqual(await hashPath(path), narHash(peculiarTree()));
});

test("gives the same hash of a tree that was just written and of one that has lain for a while", async (t) => {
  const path = join(temporary(t), "tree");
  writeTree(path, peculiarTree());
  const fresh = await hashPath(path);
  // Files that changed shortly before the walk are looked at twice.
  await setTimeout(100);
  assert.deepEqual(await hashPath(path), fresh);
  assert.deepEqual(fresh, narHash(peculiarTree()));
});

test("does so for trees at random", async (t) => {
  const root = temporary(t);
  let count = 0;
  await fc.assert(
    fc.asyncProperty(anyTree, async (tree) => {
      const path = join(root, String(count++));
      writeTree(path, tree);
      assert.deepEqual(await hashPath(path), narHash(tree));
    }),
    { numRuns: 60 },
  );
});

test("hashes a single file, and a link at the path as a link", async (t) => {
  const root = temporary(t);
  writeTree(join(root, "f"), file("one", true));
  symlinkSync("f", join(root, "l"));
  assert.deepEqual(await hashPath(join(root, "f")), narHash(file("one", true)));
  assert.deepEqual(await hashPath(join(root, "l")), narHash({ kind: "symlink", target: "f" }));
});

test("only the owner's execute bit counts", async (t) => {
  const path = join(temporary(t), "f");
  writeFileSync(path, "x");
  chmodSync(path, 0o611);
  assert.deepEqual(await hashPath(path), narHash(file("x")));
  chmodSync(path, 0o700);
  assert.deepEqual(await hashPath(path), narHash(file("x", true)));
});

test("says that there is nothing at a path", async (t) => {
  await assert.rejects(hashPath(join(temporary(t), "nothing")), code("PATH_NOT_FOUND"));
});

test("refuses a pipe without waiting for a writer, and a socket", async (t) => {
  const root = temporary(t);
  mkdirSync(join(root, "p"));
  execFileSync("mkfifo", [join(root, "p", "pipe")]);
  await assert.rejects(hashPath(join(root, "p")), code("PATH_UNSUPPORTED"));
  mkdirSync(join(root, "s"));
  const server = createServer().listen(join(root, "s", "socket"));
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => server.close());
  await assert.rejects(hashPath(join(root, "s")), code("PATH_UNSUPPORTED"));
  await assert.rejects(hashPath("/dev/null"), code("PATH_UNSUPPORTED"));
});

const mebibyte = 1024 * 1024;

/** Starts hashing a large file, changes something when the first bytes were read, and returns the outcome. */
async function whileHashing(path: string, change: () => void): Promise<unknown> {
  const hashing = hashPath(path);
  change();
  return hashing;
}

for (const [what, change] of Object.entries<(path: string) => void>({
  grows: (path) => {
    appendFileSync(path, "more");
  },
  shrinks: (path) => {
    truncateSync(path, 5 * mebibyte);
  },
  "is overwritten": (path) => {
    writeFileSync(path, "changed", { flag: "r+" });
  },
})) {
  test(`refuses a large file that ${what} while it is read`, async (t) => {
    const path = join(temporary(t), "f");
    writeFileSync(path, Buffer.alloc(16 * mebibyte));
    // A change within the file system's time stamp granularity would not show: let the file be older than that.
    await setTimeout(20);
    await assert.rejects(
      whileHashing(path, () => {
        change(path);
      }),
      code("PATH_CHANGED"),
    );
  });
}

test("refuses a folder that gains or loses an entry while it is read", async (t) => {
  for (const change of ["add", "remove"] as const) {
    const path = join(temporary(t), change);
    const names = Array.from({ length: 500 }, (_, number) => `z${number}`);
    const others = Object.fromEntries(names.map((name) => [name, file("x")]));
    writeTree(path, directory({ large: file(Buffer.alloc(16 * mebibyte)), ...others }));
    await setTimeout(20);
    const state = { hashing: true };
    const hashing = hashPath(path).finally(() => (state.hashing = false));
    // Again and again: on a busy machine the folder may not have been listed when the first change comes.
    const changing = (async () => {
      for (const name of names) {
        if (!state.hashing) return;
        if (change === "add") writeFileSync(join(path, `a${name}`), "");
        else rmSync(join(path, name));
        await setTimeout(2);
      }
    })();
    await assert.rejects(hashing, code("PATH_CHANGED"));
    await changing;
  }
});

test("stops when its signal is aborted", async (t) => {
  const path = join(temporary(t), "f");
  writeFileSync(path, Buffer.alloc(64 * mebibyte));
  const reason = new Error("enough");
  await assert.rejects(hashPath(path, { signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  const hashing = hashPath(path, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(hashing, reason);
});
