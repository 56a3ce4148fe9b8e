import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { stringify } from "yaml";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { pushLayout } from "../../src/adapters/registry/layout-transfer.ts";
import { unwrap } from "../../src/adapters/registry/unwrap.ts";
import { predicateTypes } from "../../src/core/intoto/statement.ts";
import { bundleAttachment } from "../../src/core/oci/bundle-attachment.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import { goodRebuilds, rebuilderOf, rebuildStatement } from "../support/rebuilds.ts";
import type { Published, RebuildRun } from "../support/rebuilds.ts";
import { startReleaseLab } from "../support/release-lab.ts";
import type { PlatformName } from "../support/release-lab.ts";
import { refusalCodes, runCli, startCli } from "../support/run-cli.ts";
import { registryFor } from "./registry-process.ts";

/** verify-image --wait-for-rebuilds at real registries, while somebody publishes what it waits for. */

const lab = await startReleaseLab();

interface Rig {
  readonly reference: string;
  /** `--policy … --trusted-root …`, of a policy that demands one rebuild. */
  readonly trust: readonly string[];
  readonly publish: (statements: Published[string]) => Promise<void>;
  readonly run: RebuildRun;
}

/** The release with all but the rebuilds that its policy demands, at a registry. */
async function rigFor(t: TestContext, kind: "crane" | "with-referrers"): Promise<Rig | undefined> {
  const host = await registryFor(t, kind);
  if (host === undefined) return undefined;
  const client = createRegistryClient();
  const repository = `${host}/m1k1o/neko/base`;
  const run = { name: "alpha", number: 71, location: `${host}/alpha/neko-rebuilds` };
  const { index, platforms, layout, statements } = lab.release;
  await pushLayout(client, repository, layout);
  const parts = [index.index, ...platforms.map(({ image }) => image.manifest)];
  const attach = async (to: string, subject: Digest, bundle: Uint8Array, predicateType: string): Promise<void> => {
    const part = parts.find(({ digest }) => digest === subject);
    assert.ok(part !== undefined);
    const { mediaType, digest, bytes } = part;
    const about = { mediaType, digest, size: bytes.length };
    unwrap(await client.attach(to, about, bundleAttachment(bundle, predicateType)), predicateType);
  };
  for (const [subject, referrers] of lab.evidence.referrers) {
    assert.ok(referrers.kind === "found");
    for (const { bundle } of referrers.value) {
      assert.ok(bundle.kind === "found");
      const { predicateType = "" } = statements.find((statement) => statement.subject === subject) ?? {};
      await attach(repository, subject, bundle.value, predicateType);
    }
  }
  const folder = mkdtempSync(join(tmpdir(), "neko-wait-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const [policyFile, rootFile] = [join(folder, "policy.yaml"), join(folder, "trusted_root.json")];
  const rebuilds = { perPlatform: 1, rebuilders: [rebuilderOf(run)], missing: "allow" };
  writeFileSync(policyFile, stringify(lab.policyWith({ "images.0.repository": repository, rebuilds })));
  writeFileSync(rootFile, lab.evidence.trustedRoot);
  return {
    reference: `${repository}@${lab.evidence.digest}`,
    trust: ["--policy", policyFile, "--trusted-root", rootFile],
    publish: async (published) => {
      for (const [platform, statements] of Object.entries(published)) {
        for (const { bundle } of statements) {
          assert.ok(bundle.kind === "found");
          const subject = lab.subject("sbom", platform as PlatformName);
          await attach(run.location, subject, bundle.value, predicateTypes.provenance);
        }
      }
    },
    run,
  };
}

const told = "rebuilds are missing: looking again in";

for (const kind of ["crane", "with-referrers"] as const) {
  test(`a release is proven once the rebuild that it waits for is there (${kind})`, async (t) => {
    const rig = await rigFor(t, kind);
    if (rig === undefined) return;
    const { reference, trust, publish, run } = rig;
    const waiting = startCli(t, ["verify-image", reference, ...trust, "--deep", "--wait-for-rebuilds", "6s"]);
    await waiting.said(told);
    await publish(await goodRebuilds(lab, run));
    const { code, stdout, stderr } = await waiting.finished;
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /^✓ verified under policy/);
    assert.match(stdout, /alpha/);
  });
}

test("a rebuild that differs ends the wait with its veto", async (t) => {
  const rig = await rigFor(t, "crane");
  if (rig === undefined) return;
  const { reference, trust, publish, run } = rig;
  const waiting = startCli(t, ["verify-image", reference, ...trust, "--wait-for-rebuilds", "6s"]);
  await waiting.said(told);
  const facts = { digest: `sha256:${"0".repeat(64)}` } as const;
  await publish({ "linux/amd64": [await rebuildStatement(lab, run, "linux/amd64", { facts })] });
  const { code, stdout } = await waiting.finished;
  assert.equal(code, 1, stdout);
  assert.match(stdout, /REBUILD_MISMATCH/);
});

test("when nobody rebuilt in time, it is refused for that, as it is without waiting; and nothing but JSON is printed", async (t) => {
  const rig = await rigFor(t, "crane");
  if (rig === undefined) return;
  for (const wait of [[], ["--wait-for-rebuilds", "1s"]]) {
    const { code, stdout, stderr } = await runCli(t, ["verify-image", rig.reference, ...rig.trust, ...wait, "--json"]);
    assert.equal(code, 1, stderr);
    assert.equal(stderr, "");
    const codes = refusalCodes(JSON.parse(stdout) as Readonly<Record<string, unknown>>);
    assert.deepEqual(codes, ["REBUILD_QUORUM", "REBUILD_QUORUM"]);
  }
});
