// Attaches one bundle: node attach-worker.ts REPOSITORY SUBJECT-JSON NAME. SIGINT ends what is under way, with exit code 130.
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import { bundleAttachment } from "../../../../src/core/oci/bundle-attachment.ts";
import type { BlobDescriptor } from "../../../../src/core/oci/parse.ts";

const [, , repository = "", subject = "", name = ""] = process.argv;
const interruption = new AbortController();
process.once("SIGINT", () => {
  interruption.abort(new Error("interrupted"));
});
const client = createRegistryClient({ signal: interruption.signal, retries: 0 });
try {
  const attachment = bundleAttachment(Buffer.from(JSON.stringify({ name })), "https://example.com/type");
  const answer = await client.attach(repository, JSON.parse(subject) as BlobDescriptor, attachment);
  process.stdout.write(JSON.stringify(answer));
  process.exitCode = answer.kind === "found" ? 0 : 1;
} catch (error) {
  process.exitCode = interruption.signal.aborted ? 130 : 4;
  if (!interruption.signal.aborted) throw error;
}
