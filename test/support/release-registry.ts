import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { stringify } from "yaml";
import { samplePath } from "../../lab/places.ts";
import { mediaTypes } from "../../src/core/oci/formats.ts";
import type { Evidence } from "../../src/core/verify/evidence.ts";
import { digestOf } from "../../src/core/oci/digest.ts";
import { startServer } from "../unit/adapters/registry/loopback-server.ts";
import type { LoopbackServer, PlannedAnswer, SeenRequest } from "../unit/adapters/registry/loopback-server.ts";
import { memoryRegistry } from "../unit/adapters/registry/memory-registry.ts";
import type { MemoryRegistry, ReferrersBehaviour } from "../unit/adapters/registry/memory-registry.ts";
import type { ReleaseLab } from "./release-lab.ts";

type Answering = (request: SeenRequest) => PlannedAnswer | Promise<PlannedAnswer>;

/** A registry on loopback that holds the lab's release, and the two files to verify it by. */
export interface ReleaseRegistry {
  readonly server: LoopbackServer;
  readonly registry: MemoryRegistry;
  /** `127.0.0.1:<port>/m1k1o/neko/base`. */
  readonly repository: string;
  /** The same with the release's digest. */
  readonly reference: string;
  readonly folder: string;
  /** `--policy … --trusted-root …`. */
  readonly trust: readonly string[];
  /** Writes a file into the folder; its path. */
  readonly write: (name: string, content: string | Uint8Array) => string;
}

/** Serves evidence until the test ends. `instead` may answer in the registry's place. */
export async function serveRelease(
  t: TestContext,
  lab: ReleaseLab,
  options: {
    readonly evidence?: Evidence;
    /** Whether the registry has the referrers API; it "works" unless given. */
    readonly referrers?: ReferrersBehaviour;
    readonly instead?: (request: SeenRequest, next: Answering) => PlannedAnswer | Promise<PlannedAnswer>;
  } = {},
): Promise<ReleaseRegistry> {
  const evidence = options.evidence ?? lab.evidence;
  const registry = memoryRegistry({ referrers: options.referrers ?? "works" });
  fill(registry, evidence);
  const { instead } = options;
  const answer: Answering = instead === undefined ? registry.answer : (request) => instead(request, registry.answer);
  const server = await startServer(t, answer);
  const folder = mkdtempSync(join(tmpdir(), "neko-registry-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const write = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const repository = `${server.host}/${samplePath}`;
  const policy = write("policy.yaml", stringify(lab.policyWith({ "images.0.repository": repository })));
  const root = write("trusted_root.json", evidence.trustedRoot);
  return {
    server,
    registry,
    repository,
    reference: `${repository}@${evidence.digest}`,
    folder,
    trust: ["--policy", policy, "--trusted-root", root],
    write,
  };
}

function fill({ manifests, blobs }: MemoryRegistry, evidence: Evidence): void {
  for (const [digest, answer] of evidence.manifests) {
    if (answer.kind !== "found") continue;
    const type = digest === evidence.digest ? mediaTypes.index : mediaTypes.manifest;
    manifests.set(digest, { type, body: Buffer.from(answer.value) });
  }
  for (const answer of evidence.referrers.values()) {
    for (const { digest, manifest, bundle, tdxEvidence } of answer.kind === "found" ? answer.value : []) {
      if (manifest.kind === "found")
        manifests.set(digest, { type: mediaTypes.manifest, body: Buffer.from(manifest.value) });
      for (const layer of [bundle, tdxEvidence])
        if (layer?.kind === "found") blobs.set(digestOf(layer.value), Buffer.from(layer.value));
    }
  }
}
