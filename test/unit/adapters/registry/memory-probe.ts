// Makes one call to a registry in a process of its own: node memory-probe.ts HOST CALL DIGEST SIZE. Prints its answer's kind,
// by how many bytes memory grew at most, and how long it took.
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import type { Digest } from "../../../../src/core/oci/digest.ts";

const [, , host = "", call = "", digest = "", size = ""] = process.argv;
const client = createRegistryClient({ retries: 0 });
const blob = { digest: digest as Digest, size: Number(size) };
const calls: Readonly<Record<string, (repository: string) => Promise<{ readonly kind: string }>>> = {
  manifest: (repository) => client.manifest(repository, blob.digest),
  blob: (repository) => client.blob(repository, blob),
  referrers: (repository) => client.referrers(repository, blob.digest),
  stream: async (repository) => {
    const opened = await client.blobStream(repository, blob);
    if (opened.kind !== "found") return opened;
    let read = 0;
    for await (const chunk of opened.value) read += chunk.length;
    return { kind: read === blob.size ? "found" : "short" };
  },
};

// What the first call alone costs (the HTTP library, compiled code) is no growth.
await client.manifest(`${host}/warm/up`, blob.digest);
const before = process.memoryUsage.rss();
const started = performance.now();
const { kind } = (await calls[call]?.(`${host}/team/app`)) ?? { kind: `no call ${call}` };
const milliseconds = performance.now() - started;
const growth = process.resourceUsage().maxRSS * 1024 - before;
process.stdout.write(JSON.stringify({ kind, growth, milliseconds }));
