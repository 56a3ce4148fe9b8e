import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { labMachine } from "../../../../lab/tdx/lab-machine.ts";
import { createTdxPki } from "../../../../lab/tdx/pki.ts";
import { simulatePlatform } from "../../../../lab/tdx/platform.ts";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import { registrySteps } from "../../../../src/operations/attested-key/watch-registry.ts";
import type { StillProven } from "../../../../src/operations/attested-key/watch.ts";
import { samplePolicy } from "../../../support/policies.ts";
import { startServer } from "../../adapters/registry/loopback-server.ts";

const pki = createTdxPki({ now: new Date(Date.now() - 24 * 3600_000) });
const { signal } = new AbortController();

/** What is offered by a registry with these tags, of which some are not answered for; and what was asked. */
async function lookedAt(
  t: TestContext,
  tags: readonly string[],
  silent: (tag: string) => boolean,
  stillProven: StillProven = () => Promise.resolve(true),
) {
  const asked: string[] = [];
  const index = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [] };
  const server = await startServer(t, ({ url }) => {
    if (url.includes("/tags/list")) return { status: 200, body: JSON.stringify({ tags }) };
    const tag = url.slice(url.lastIndexOf("/") + 1);
    asked.push(tag);
    if (silent(tag)) return { status: 403, body: "" };
    return { status: 200, headers: { "content-type": index.mediaType }, body: JSON.stringify({ ...index, tag }) };
  });
  const platform = simulatePlatform({ pki, ...labMachine(), now: () => new Date() });
  const signer = {
    attester: platform,
    collateral: platform,
    timestamps: [],
    policy: samplePolicy(),
    trustedRoot: new Uint8Array(),
    trust: platform.trust,
    key: { kind: "ephemeral" },
    now: () => new Date(),
  } as const;
  const client = createRegistryClient({ retries: 0 });
  const steps = registrySteps({ client }, signer, [`${server.host}/a/b`]);
  const [watched] = steps.repositories;
  assert.ok(watched !== undefined);
  return { offered: await watched.offered(signal, stillProven), asked };
}

/** The same, of a machine that can prove all the while that it is attested. */
async function offeredBy(...given: [t: TestContext, tags: readonly string[], silent: (tag: string) => boolean]) {
  const { offered, asked } = await lookedAt(...given);
  assert.ok(offered !== undefined);
  return { offered, asked };
}

test("a tag without an answer costs no other tag its turn", async (t) => {
  const { offered, asked } = await offeredBy(t, ["v1.0.0", "v2.0.0", "v3.0.0"], (tag) => tag === "v2.0.0");
  assert.deepEqual(asked, ["v3.0.0", "v2.0.0", "v1.0.0"]);
  assert.deepEqual([...offered.images.keys()], ["v3.0.0", "v1.0.0"]);
  assert.deepEqual(
    [...offered.silent].map(([tag, { code }]) => [tag, code]),
    [["v2.0.0", "REGISTRY_FORBIDDEN"]],
  );
  assert.deepEqual([offered.leftOut, offered.complete], [0, true]);
});

test("a registry that answers for nothing is not asked for a thousand tags", async (t) => {
  const tags = Array.from({ length: 100 }, (_, index) => `1.0.${String(index)}`);
  const { offered, asked } = await offeredBy(t, tags, () => true);
  assert.deepEqual([asked.length, offered.silent.size, offered.leftOut], [20, 20, 80]);
});

test("of more than a thousand tags the newest versions are looked at, and how many are left out is told", async (t) => {
  const tags = ["latest", ...Array.from({ length: 1002 }, (_, index) => `1.0.${String(index)}`)];
  const { offered, asked } = await offeredBy(t, tags, () => false);
  assert.equal(asked[0], "1.0.1001");
  assert.deepEqual([offered.images.size, offered.leftOut, offered.images.has("1.0.0")], [1000, 3, false]);
});

test("a registry is asked for no further tag once this machine can't prove that it is attested", async (t) => {
  const tags = Array.from({ length: 100 }, (_, index) => `1.0.${String(index)}`);
  let proofs = 0;
  const stillProven = () => {
    proofs += 1;
    return Promise.resolve(proofs <= 3);
  };
  const { offered, asked } = await lookedAt(t, tags, () => false, stillProven);
  assert.equal(offered, undefined);
  assert.deepEqual([asked.length, proofs], [3, 4]);
});
