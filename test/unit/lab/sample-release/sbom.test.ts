import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { buildPlatformImage } from "../../../../lab/sample-release/platform-image.ts";
import { spdxDocument } from "../../../../lab/sample-release/sbom.ts";
import { storeObject } from "../../../../lab/sample-release/store-object.ts";

const id = z.string().regex(/^SPDXRef-[A-Za-z0-9.-]+$/);
const checksum = z.object({ algorithm: z.enum(["SHA1", "SHA256"]), checksumValue: z.string().regex(/^[0-9a-f]+$/) });

/** The mandatory fields of SPDX 2.3 (clauses 6 to 11), as far as a container's SBOM uses them. */
const spdx = z.looseObject({
  spdxVersion: z.literal("SPDX-2.3"),
  dataLicense: z.literal("CC0-1.0"),
  SPDXID: z.literal("SPDXRef-DOCUMENT"),
  name: z.string().min(1),
  documentNamespace: z.url().refine((uri) => !uri.includes("#")),
  creationInfo: z.object({
    created: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    creators: z.array(z.string().regex(/^Tool: /)).min(1),
  }),
  packages: z.array(
    z.looseObject({
      SPDXID: id,
      name: z.string().min(1),
      downloadLocation: z.string().min(1),
      filesAnalyzed: z.boolean(),
      externalRefs: z.array(
        z.object({
          referenceCategory: z.literal("OTHER"),
          referenceType: z.string(),
          referenceLocator: z.string().regex(/^\S+$/),
        }),
      ),
    }),
  ),
  files: z.array(
    z.looseObject({ SPDXID: id, fileName: z.string().startsWith("./"), checksums: z.array(checksum).length(2) }),
  ),
  relationships: z.array(z.object({ spdxElementId: id, relationshipType: z.string(), relatedSpdxElement: id })),
});

const tree = storeObject(
  "tree",
  new Map([
    ["a/b", { executable: false, contents: Buffer.from("hello\n") }],
    ["c", { executable: true, contents: Buffer.alloc(0) }],
  ]),
);
const image = buildPlatformImage({
  name: "sample",
  platform: { os: "linux", architecture: "arm64" },
  trees: [tree],
  sourceDateEpoch: 0,
  annotations: {},
});
const about = {
  name: "sample",
  version: "1.0.0",
  repository: "https://github.com/m1k1o/neko",
  commit: "c".repeat(40),
  sourceDateEpoch: 0,
};
const document = spdx.parse(spdxDocument(image, about));

test("has the mandatory fields of SPDX 2.3, and every relationship's ends exist once", () => {
  const ids = [
    document.SPDXID,
    ...document.packages.map(({ SPDXID }) => SPDXID),
    ...document.files.map(({ SPDXID }) => SPDXID),
  ];
  assert.equal(new Set(ids).size, ids.length);
  for (const { spdxElementId, relatedSpdxElement } of document.relationships) {
    assert.ok(ids.includes(spdxElementId) && ids.includes(relatedSpdxElement));
  }
});

test("lists the output, each tree, and each file with its checksums", () => {
  assert.deepEqual(
    document.packages.map(({ name }) => name),
    ["sample-image-linux-arm64", "tree", "sample-platform"],
  );
  assert.deepEqual(
    document.files.map(({ fileName }) => fileName),
    ["./a/b", "./c", "./etc/neko-trust/platform"],
  );
  assert.deepEqual(document.files[0]?.checksums, [
    { algorithm: "SHA1", checksumValue: "f572d396fae9206628714fb2ce00f72e94f2258f" },
    { algorithm: "SHA256", checksumValue: "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03" },
  ]);
});
