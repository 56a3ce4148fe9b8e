import type { Digest } from "../../src/core/oci/digest.ts";
import { mintVerifiedRelease } from "../../src/core/release/verified-release.ts";
import type { ReleaseData, VerifiedRelease } from "../../src/core/release/verified-release.ts";
import { policyDigest } from "../../src/core/policy/policy-digest.ts";
import { sampleDigest, samplePolicy, sampleRepository } from "./policies.ts";

/** Data of a release under `samplePolicy`; nothing of it was verified. */
export function sampleReleaseData(digest: Digest, changes: Partial<ReleaseData> = {}): ReleaseData {
  const commit = "c".repeat(40);
  const narHash = `sha256-${"A".repeat(43)}=`;
  return {
    repository: sampleRepository,
    digest,
    manifest: {
      schema: 1,
      name: "neko-base",
      version: "1.2.3",
      source: { repository: "https://github.com/m1k1o/neko", commit, narHash },
      flake: { repository: "https://github.com/m1k1o/neko", commit, lock: sampleDigest("0") },
      sourceDateEpoch: 1_700_000_000,
      digest,
      platforms: [
        {
          platform: "linux/amd64",
          digest: sampleDigest("9"),
          storePath: `/nix/store/${"0".repeat(32)}-neko-base`,
          narHash,
          narSize: 1,
          sbom: sampleDigest("8"),
        },
      ],
    },
    policyName: "neko-lab",
    policyDigest: policyDigest(samplePolicy()),
    environment: "local",
    statements: [],
    rebuilds: [],
    recomputed: [],
    exceptions: [],
    claimed: [],
    ...changes,
  };
}

/** A VerifiedRelease without a verification: for tests of what comes after one. Only tests may mint. */
export function sampleVerifiedRelease(digest: Digest, changes: Partial<ReleaseData> = {}): VerifiedRelease {
  return mintVerifiedRelease(sampleReleaseData(digest, changes));
}
