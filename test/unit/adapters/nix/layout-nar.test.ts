import assert from "node:assert/strict";
import { test } from "node:test";
import { narFromOciLayout } from "../../../../src/adapters/nix/layout-nar.ts";
import { narHash } from "../../../../src/core/nix/nar.ts";
import { treeOfFiles } from "../../../../src/core/nix/tree.ts";
import { sha256Hex } from "../../../../src/core/oci/digest.ts";
import type { LayoutFile } from "../../../../src/adapters/nix/layout-nar.ts";

const refused = { name: "Failure", code: "LAYOUT_BLOB_MISMATCH", kind: "refused" };
const blob = Buffer.alloc(100_000, "a layer");
const path = `blobs/sha256/${sha256Hex(blob)}`;
const documents = new Map([
  ["oci-layout", Buffer.from('{"imageLayoutVersion":"1.0.0"}')],
  ["index.json", Buffer.from("{}")],
]);

function streamed(bytes: Uint8Array, size = bytes.length): LayoutFile {
  return {
    size,
    async *read() {
      for (let offset = 0; offset < bytes.length; offset += 7000) {
        yield bytes.subarray(offset, offset + 7000);
        await Promise.resolve();
      }
    },
  };
}

test("gives blobs from a stream the hash of the layout's tree", async () => {
  const expected = narHash(treeOfFiles(new Map([...documents, [path, blob]])));
  assert.deepEqual(
    await narFromOciLayout(new Map<string, LayoutFile>([...documents, [path, streamed(blob)]])),
    expected,
  );
  assert.deepEqual(await narFromOciLayout(new Map<string, LayoutFile>([[path, blob], ...documents])), expected);
});

test("refuses a blob with other bytes than its name says, or of another size", async () => {
  const other = Buffer.from(blob);
  other[5] = 0;
  for (const file of [other, streamed(other), streamed(blob, blob.length - 1), streamed(blob, blob.length + 1)]) {
    await assert.rejects(narFromOciLayout(new Map<string, LayoutFile>([...documents, [path, file]])), refused);
  }
});

test("refuses a blob whose name is no digest", async () => {
  await assert.rejects(narFromOciLayout(new Map([["blobs/sha256/abc", Buffer.from("x")]])), refused);
});
