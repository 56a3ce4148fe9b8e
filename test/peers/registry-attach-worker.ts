// Attaches five bundles at once: node registry-attach-worker.ts REPOSITORY SUBJECT-JSON NAME. Exits 0 when all answers are "found".
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { mediaTypes } from "../../src/core/oci/formats.ts";
import type { BlobDescriptor } from "../../src/core/oci/parse.ts";

const [, , repository = "", subject = "", name = ""] = process.argv;
const client = createRegistryClient();
const answers = await Promise.all(
  Array.from({ length: 5 }, (_, i) =>
    client.attach(repository, JSON.parse(subject) as BlobDescriptor, {
      artifactType: mediaTypes.bundle,
      layer: Buffer.from(JSON.stringify({ from: name, number: i })),
      layerMediaType: mediaTypes.bundle,
    }),
  ),
);
const failed = answers.filter((answer) => answer.kind !== "found");
if (failed.length > 0) {
  process.stderr.write(`${JSON.stringify(failed)}\n`);
  process.exitCode = 1;
}
