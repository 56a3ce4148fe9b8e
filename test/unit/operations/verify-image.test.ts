import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegistryClient } from "../../../src/adapters/registry/client.ts";
import { parseReference } from "../../../src/core/release/reference.ts";
import { verifyImage } from "../../../src/operations/verify-image.ts";
import { startReleaseLab } from "../../support/release-lab.ts";
import { serveRelease } from "../../support/release-registry.ts";
import { startServer } from "../adapters/registry/loopback-server.ts";
import { memoryRegistry } from "../adapters/registry/memory-registry.ts";

const lab = await startReleaseLab();
const { trustedRoot } = lab.evidence;

test("layers are asked for only when it goes deep", async (t) => {
  const served = await serveRelease(t, lab);
  const layers = lab.release.platforms.flatMap(({ image }) => image.layers.map((layer) => layer.digest));
  const request = {
    reference: parseReference(served.reference),
    policy: lab.policyWith({ "images.0.repository": served.repository }),
    trustedRoot,
    now: lab.now,
    tee: undefined,
  };
  const asked = (): boolean => served.server.seen.some(({ url }) => layers.some((layer) => url.endsWith(layer)));
  await verifyImage(createRegistryClient(), request);
  assert.equal(asked(), false);
  for (const { config, layers: own } of lab.release.platforms.map(({ image }) => image)) {
    for (const { digest: name, bytes } of [config, ...own]) served.registry.blobs.set(name, Buffer.from(bytes));
  }
  await verifyImage(createRegistryClient(), { ...request, deep: true });
  assert.equal(asked(), true);
});

test("the policy's rebuilders are asked at their own locations", async (t) => {
  const served = await serveRelease(t, lab);
  const elsewhere = await startServer(t, memoryRegistry({ referrers: "works" }).answer);
  const policy = lab.policyWith({ "images.0.repository": served.repository });
  const [signer] = policy.signers;
  assert.ok(signer !== undefined);
  const { id: _id, ...identity } = signer;
  const rebuilders = [{ id: "ada", operator: "Ada", identity, location: `${elsewhere.host}/ada/rebuilds` }];
  await verifyImage(createRegistryClient(), {
    reference: parseReference(served.reference),
    policy: { ...policy, rebuilds: { ...policy.rebuilds, rebuilders } },
    trustedRoot,
    now: lab.now,
    tee: undefined,
  });
  const asked = elsewhere.seen.map(({ url }) => url).filter((url) => url.includes("/referrers/"));
  const platforms = lab.release.platforms.map(({ image }) => image.manifest.digest);
  assert.deepEqual(asked.sort(), platforms.map((platform) => `/v2/ada/rebuilds/referrers/${platform}`).sort());
});
