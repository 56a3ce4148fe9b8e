import assert from "node:assert/strict";
import { test } from "node:test";
import { openRegistryDoor } from "../../../lab/registry-door.ts";
import { createRegistryClient } from "../../../src/adapters/registry/client.ts";
import type { Credentials } from "../../../src/adapters/registry/settings.ts";
import { mediaTypes } from "../../../src/core/oci/formats.ts";
import { parseReference } from "../../../src/core/release/reference.ts";
import { startServer } from "../adapters/registry/loopback-server.ts";
import { memoryRegistry } from "../adapters/registry/memory-registry.ts";

const credential = "robot:secret-of-the-door";
const basic = (password: string): Credentials => ({ kind: "basic", username: "robot", password });

test("whoever reads goes through, whoever writes needs the credential, and the registry never sees it", async (t) => {
  const memory = memoryRegistry({ referrers: "works" });
  const registry = await startServer(t, memory.answer);
  const door = await openRegistryDoor(registry.host, credential);
  t.after(door.stop);
  const client = (credentials: Credentials | undefined) =>
    createRegistryClient({ credentials: () => Promise.resolve(credentials), fetch: door.fetch, retries: 0 });
  const repository = `${registry.host}/m1k1o/neko/base`;
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }));
  const manifest = { mediaType: mediaTypes.index, bytes };

  for (const wrong of [undefined, basic("other"), basic(""), { kind: "identity-token", token: "secret" } as const]) {
    const answer = await client(wrong).pushManifest(repository, manifest, "v1");
    assert.equal(answer.kind, "unauthorized");
    const blob = await client(wrong).pushBlob(repository, bytes);
    assert.equal(blob.kind, "unauthorized");
  }
  assert.equal(memory.manifests.size + memory.blobs.size, 0);
  assert.equal(door.counts().written, 0);

  const good = await client(basic("secret-of-the-door")).pushManifest(repository, manifest, "v1");
  assert.equal(good.kind, "found");
  assert.ok(door.counts().written > 0);
  assert.equal((await client(undefined).resolve(parseReference(`${repository}:v1`))).kind, "found");
  for (const { headers } of registry.seen) assert.equal(headers.authorization, undefined);
});

test("it leads to its registry and nowhere else, and an absent registry is no success", async (t) => {
  const door = await openRegistryDoor("127.0.0.1:1", credential);
  t.after(door.stop);
  const client = createRegistryClient({
    credentials: () => Promise.resolve(basic("secret-of-the-door")),
    fetch: door.fetch,
    retries: 0,
  });
  for (const host of ["127.0.0.1:1", "127.0.0.1:2"]) {
    const answer = await client.pushBlob(`${host}/m1k1o/neko/base`, Buffer.from("blob"));
    assert.equal(answer.kind, "broken", host);
  }
});
