import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { checkout } from "../support/engine/engine-under-test.ts";
import { startReleaseLab } from "../support/release-lab.ts";
import { serveRelease } from "../support/release-registry.ts";
import { runCli } from "../support/run-cli.ts";
import type { Finished } from "../support/program-checkout.ts";

const lab = await startReleaseLab();

interface Rig {
  readonly folder: string;
  readonly cache: string;
  /** Builds the bundle; what it told. */
  readonly build: () => string;
  readonly run: (...args: readonly string[]) => Promise<Finished>;
  /** The bundle's file, if there is one. */
  readonly bundle: () => string | undefined;
}

/** A copy of this checkout that a test may change, with a cache folder of its own. */
function copiedCheckout(t: TestContext): Rig {
  const folder = mkdtempSync(join(tmpdir(), "neko-bundle-"));
  const cache = mkdtempSync(join(tmpdir(), "neko-bundle-cache-"));
  t.after(() => {
    for (const each of [folder, cache]) rmSync(each, { recursive: true, force: true });
  });
  const parts = ["bin", "src", "components", "dev", "stacks", "package.json", "package-lock.json", "tsconfig.json"];
  for (const part of parts) cpSync(join(checkout, part), join(folder, part), { recursive: true });
  symlinkSync(join(checkout, "node_modules"), join(folder, "node_modules"));
  const environment = { NEKO_TRUST_CACHE: cache };
  return {
    folder,
    cache,
    build: () =>
      spawnSync(process.execPath, [join(folder, "dev", "build-bundle.ts")], {
        encoding: "utf8",
        env: { PATH: process.env["PATH"], ...environment },
      }).stderr,
    run: (...args) => runCli(t, args, { main: join(folder, "bin", "neko-trust.mjs"), environment }),
    bundle: () => {
      const [id] = readdirSync(join(cache, "bundle"));
      const name = readdirSync(join(cache, "bundle", id ?? "")).find((each) => each.endsWith(".cjs"));
      return name === undefined ? undefined : join(cache, "bundle", id ?? "", name);
    },
  };
}

const usage = ["verify-image", "a.example/b:c"] as const;
const said = "clear which policy";
const marked = "CLEAR which policy";

/** Makes it visible that the bundle is what runs. */
function mark(path: string): void {
  const text = readFileSync(path, "latin1");
  assert.ok(text.includes(said));
  writeFileSync(path, text.replaceAll(said, marked), "latin1");
}

/** Changes one letter of a source: neither its size nor its time of modification tells. */
function touch(path: string): void {
  const { atime, mtime } = statSync(path);
  const text = readFileSync(path, "utf8");
  assert.ok(text.includes(said));
  writeFileSync(path, text.replaceAll(said, "clear which POLICY"));
  utimesSync(path, atime, mtime);
}

test("runs the bundle while its sources are untouched, and never once one was changed", async (t) => {
  const { folder, build, run, bundle } = copiedCheckout(t);
  const before = await run(...usage);
  assert.ok(before.stderr.includes(said));
  assert.match(build(), /^✓ verify-image bundled in /);
  const path = bundle();
  assert.ok(path !== undefined);
  mark(path);
  assert.ok((await run(...usage)).stderr.includes(marked));
  assert.equal(build(), "", "a fresh bundle is not made again");

  touch(join(folder, "src", "cli", "actions", "trust-options.ts"));
  const changed = await run(...usage);
  assert.equal(changed.code, 2);
  assert.ok(changed.stderr.includes("clear which POLICY"), changed.stderr);
  assert.match(build(), /^✓ verify-image bundled in /);
  assert.ok((await run(...usage)).stderr.includes("clear which POLICY"));
});

for (const [what, change] of [
  [
    "a source that is gone",
    ({ folder }) => {
      rmSync(join(folder, "src", "report", "chain-tree.ts"));
    },
  ],
  [
    "a source that another file took the place of",
    ({ folder }) => {
      const path = join(folder, "src", "report", "chain-tree.ts");
      const text = readFileSync(path);
      rmSync(path);
      writeFileSync(path, text);
    },
  ],
  [
    "another lock file",
    ({ folder }) => {
      writeFileSync(join(folder, "package-lock.json"), "{}");
    },
  ],
  [
    "a record that is cut off",
    ({ bundle }) => {
      writeFileSync(join(bundle() ?? "", "..", "record.json"), "{");
    },
  ],
  [
    "a bundle that is gone",
    ({ bundle }) => {
      rmSync(bundle() ?? "");
    },
  ],
  [
    "a bundle that is cut off",
    ({ bundle }) => {
      writeFileSync(bundle() ?? "", marked);
    },
  ],
  [
    "a folder that others can write to",
    ({ cache }) => {
      chmodSync(join(cache, "bundle"), 0o777);
    },
  ],
] as const satisfies readonly (readonly [string, (rig: Rig) => void])[]) {
  test(`runs the sources with ${what}`, async (t) => {
    const rig = copiedCheckout(t);
    rig.build();
    mark(rig.bundle() ?? "");
    change(rig);
    const { code, stderr } = await rig.run(...usage);
    assert.ok(!stderr.includes(marked), stderr);
    // A source that is missing is told by the sources themselves.
    if (what !== "a source that is gone") assert.equal(code, 2);
  });
}

test("other commands, and NEKO_TRUST_DEBUG, run the sources", async (t) => {
  const { build, run, bundle, folder, cache } = copiedCheckout(t);
  build();
  mark(bundle() ?? "");
  assert.equal((await run("--help")).code, 0);
  const environment = { NEKO_TRUST_CACHE: cache, NEKO_TRUST_DEBUG: "1" };
  const debugged = await runCli(t, usage, { main: join(folder, "bin", "neko-trust.mjs"), environment });
  assert.ok(debugged.stderr.includes(said));
});

test("proves and refuses from the bundle what the sources prove and refuse, and starts from what it compiled", async (t) => {
  const rig = copiedCheckout(t);
  const good = await serveRelease(t, lab);
  const bad = await serveRelease(t, lab, { evidence: lab.without("signature") });
  const list = good.write(
    "list",
    `${Array.from({ length: 24 }, (_, number) => `${good.repository}:t${number}`).join("\n")}\n`,
  );
  const calls = [
    ["verify-image", good.reference, ...good.trust, "--json"],
    ["verify-image", bad.reference, ...bad.trust, "--json"],
    // Enough for threads: they come from the bundle, too.
    ["verify-image", "--file", list, ...good.trust, "--json"],
  ];
  const sources: Finished[] = [];
  for (const call of calls) sources.push(await rig.run(...call));
  rig.build();
  for (const time of [1, 2]) {
    for (const [position, call] of calls.entries())
      assert.deepEqual(await rig.run(...call), sources[position], `time ${time}`);
  }
  const compiled = readdirSync(join(rig.bundle() ?? "", "..")).filter((name) => /\.cjs\.v[0-9.]+-/.test(name));
  assert.deepEqual(compiled.map((name) => name.replace(/^.*-(x64|arm64)-/, "")).sort(), [
    "src-operations-verify-thread.ts",
    "verify-image",
  ]);
});
