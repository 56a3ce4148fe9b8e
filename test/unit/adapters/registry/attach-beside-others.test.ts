import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import { bundleAttachment } from "../../../../src/core/oci/bundle-attachment.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { startServer } from "./loopback-server.ts";
import { memoryRegistry } from "./memory-registry.ts";

const image = Buffer.from('{"schemaVersion":2,"manifests":[]}');
const subject = { mediaType: mediaTypes.index, digest: digestOf(image), size: image.length };
const tag = subject.digest.replace(":", "-");

/** A list with one entry more, as go-containerregistry writes it: what it read, and its own. */
function withEntry(read: Buffer | undefined, name: string): Buffer {
  const list = JSON.parse(read?.toString() ?? '{"schemaVersion":2,"manifests":[]}') as { manifests: object[] };
  const entry = { mediaType: mediaTypes.manifest, digest: digestOf(name), size: name.length };
  return Buffer.from(JSON.stringify({ ...list, mediaType: mediaTypes.index, manifests: [...list.manifests, entry] }));
}

for (const etags of [false, true]) {
  test(`what a careless writer undoes is added again, ${etags ? "with" : "without"} ETags (go-containerregistry#2205)`, async (t) => {
    const registry = memoryRegistry({ referrers: "404", etags });
    const undone: Promise<void>[] = [];
    /** How often the other one, who read before we wrote and never looks again, writes after us. */
    let races = 0;
    const server = await startServer(t, async (request) => {
      const isList = request.method === "PUT" && request.url.endsWith(tag);
      const before = registry.manifests.get(tag)?.body;
      const answer = await registry.answer(request);
      if (isList && answer.status === 201 && races > 0) {
        races -= 1;
        const name = `foreign ${undone.length}`;
        undone.push(
          new Promise((resolve) => {
            setTimeout(() => {
              registry.manifests.set(tag, { type: mediaTypes.index, body: withEntry(before, name) });
              resolve();
            }, 30);
          }),
        );
      }
      return answer;
    });
    const repository = `${server.host}/team/app`;
    const client = createRegistryClient();
    const attached: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      races = 3;
      const attachment = bundleAttachment(Buffer.from(JSON.stringify({ n })), "https://example.com/type");
      const answer = await client.attach(repository, subject, attachment);
      assert.ok(answer.kind === "found", JSON.stringify(answer));
      attached.push(answer.value.descriptor.digest);
      assert.equal(races, 0);
    }
    await Promise.all(undone);
    assert.equal(undone.length, 9);
    const listed = await client.referrers(repository, subject.digest);
    assert.ok(listed.kind === "found");
    const digests: string[] = listed.value.map(({ digest }) => digest);
    for (const digest of attached) assert.ok(digests.includes(digest), `${digest} is lost`);
    // The other one's entries that it wrote last each time were never overwritten by us.
    for (const n of [2, 5, 8]) assert.ok(digests.includes(digestOf(`foreign ${n}`)), `foreign ${n} is lost`);
  });
}
