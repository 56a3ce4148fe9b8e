import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../src/adapters/toolchain/tool.ts";
import { copyCheckout, startProcess } from "../support/program-checkout.ts";
import type { CheckoutCopy, Finished } from "../support/program-checkout.ts";
import { fakeGoBench } from "../unit/adapters/toolchain/fake-go.ts";

let copy: CheckoutCopy;
before(() => {
  copy = copyCheckout();
});
after(() => copy.remove());

/** Exit 3, an error, a remedy and this code; no stack trace. */
function assertUnavailable(finished: Finished, code: string): void {
  const { stdout, stderr } = finished;
  assert.equal(finished.code, 3, stdout + stderr);
  assert.match(stderr, /^error: .+/m);
  assert.match(stderr, /^to do: .+/m);
  assert.equal(/^\(code (\w+)\)$/m.exec(stderr)?.[1], code, stderr);
  assert.doesNotMatch(stdout + stderr, /^[ -]*at .+:\d+:\d+/m);
}

for (const { what, code, says, variables } of [
  { what: "no Go", code: "GO_MISSING", says: /Install Go/, variables: { PATH: "" } },
  { what: "a Go too old", code: "GO_TOO_OLD", says: /1\.20/, variables: { FAKE_GO_VERSION: "go1.20.14" } },
  { what: "a disk too full to build on", code: "DISK_FULL", says: /no space left/, variables: { FAKE_GO: "full" } },
]) {
  test(`lab up with an empty cache and ${what}: ${code}`, async (t) => {
    const bench = fakeGoBench(t);
    const cache = { NEKO_TRUST_CACHE: bench.directories.cache };
    const finished = await copy.run(["lab", "up"], { ...bench.environment, ...cache, ...variables });
    assertUnavailable(finished, code);
    assert.match(finished.stderr, says);
    assert.deepEqual(copy.pids(), {}, "nothing was started");
  });
}

test("lab up with neither Go nor Pulumi, registry and policy agent in the cache: ENGINE_NOT_FOUND names both ways out", async (t) => {
  const { cache } = fakeGoBench(t).directories;
  mkdirSync(join(cache, "tools"));
  const { directories, environment } = copy;
  for (const tool of [pinnedTools.registry, pinnedTools.registryWithReferrers, pinnedTools.opa]) {
    const { path } = await ensureTool(tool, { directories, environment });
    symlinkSync(dirname(dirname(path)), join(cache, "tools", tool.name));
  }
  const finished = await copy.run(["lab", "up"], { NEKO_TRUST_CACHE: cache, PATH: "" });
  await copy.run(["lab", "down"]);
  assertUnavailable(finished, "ENGINE_NOT_FOUND");
  assert.match(finished.stderr, /^to do: Either install Pulumi .+, or Go/m);
});

/** A mount that nobody else sees and that ends with its process: as root, or as root of one's own user namespace. */
const unshare = [["--mount"], ["--mount", "--map-root-user"]].find(
  (flags) => spawnSync("unshare", [...flags, "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]).status === 0,
);

for (const { size, what, heals } of [
  { size: "64k", what: "to start the services", heals: false },
  { size: "448k", what: "to keep the sample release", heals: true },
  { size: "1100k", what: "to push the sample release", heals: false },
]) {
  const title = `the disk of the state is full when the lab tries ${what}: DISK_FULL`;
  test(heals ? `${title}; with more space the next lab up goes on` : title, async (t) => {
    if (unshare === undefined) {
      t.skip("no tmpfs can be mounted here (unshare --mount)");
      return;
    }
    const state = copy.environment["NEKO_TRUST_STATE"] ?? "";
    mkdirSync(state, { recursive: true });
    const script = `
      mount -t tmpfs -o size=${size} tmpfs "$NEKO_TRUST_STATE" || exit 99
      "$NODE" bin/neko-trust.mjs lab up; echo "exit $?"
      mount -o remount,size=64m "$NEKO_TRUST_STATE" || exit 99
      if [ -n "$HEALS" ]; then "$NODE" bin/neko-trust.mjs lab up --json >/dev/null; echo "healed $?"; fi
      exec "$NODE" bin/neko-trust.mjs lab down >/dev/null`;
    const variables = { ...copy.environment, NODE: process.execPath, HEALS: heals ? "yes" : "" };
    const finished = await startProcess("unshare", [...unshare, "sh", "-c", script], copy.folder, variables).finished;
    if (heals) assert.match(finished.stdout, /^healed 0$/m, finished.stdout + finished.stderr);
    const code = Number(/^exit (\d+)$/m.exec(finished.stdout)?.[1]);
    assertUnavailable({ ...finished, code }, "DISK_FULL");
  });
}
