import { trustPolicySchema } from "../../src/core/policy/trust-policy.ts";
import type { Signer, TrustPolicy } from "../../src/core/policy/trust-policy.ts";

/** A sample image of the lab and the digests that tests write about; none of them exists in a registry. */
export const sampleRepository = "127.0.0.1:5001/neko/base";
export const sampleMirror = "127.0.0.1:5002/neko/base";

/** A digest whose 64 hex digits repeat the one given: easy to tell apart in a message. */
export function sampleDigest(hexDigit: string): `sha256:${string}` {
  if (!/^[0-9a-f]$/.test(hexDigit)) throw new RangeError(`not one lower-case hex digit: ${hexDigit}`);
  return `sha256:${hexDigit.repeat(64)}`;
}

/** The release workflow of the sample repository, run for a version tag. */
export const sampleSigner: Signer = {
  id: "release",
  issuer: "https://token.actions.githubusercontent.com",
  repository: "m1k1o/neko",
  repositoryId: "223413321",
  ownerId: "34362",
  signerWorkflow: { repository: "m1k1o/neko", path: ".github/workflows/release.yml", ref: "source" },
  callerWorkflow: { repository: "m1k1o/neko", path: ".github/workflows/release.yml" },
  refs: ["refs/tags/v*"],
  triggers: ["push"],
  runner: "github-hosted",
};

/** The sample's fields before they are parsed: change a copy to test what the schema refuses. */
export const samplePolicyFields = {
  schema: 1,
  name: "neko-lab",
  environment: "local",
  images: [
    { name: "neko", repository: sampleRepository, mirrors: [sampleMirror], platforms: ["linux/amd64", "linux/arm64"] },
  ],
  roots: {
    sigstore: { sha256: "a".repeat(64), fetched: "2026-11-01T00:00:00Z", maxAge: "90d" },
    tlog: 1,
    ct: 1,
    tsa: 1,
  },
  signers: [sampleSigner],
  require: { signature: ["release"], manifest: ["release"], provenance: ["release"], sbom: ["release"] },
  provenance: {
    builderIds: ["https://github.com/m1k1o/neko/.github/workflows/release.yml"],
    buildTypes: ["https://github.com/m1k1o/neko/trust/nix-oci/v1"],
    externalParameters: {
      source: { fields: { repository: { fact: "source.repository" }, ref: { fact: "source.ref" } } },
    },
  },
  sbom: { formats: ["spdx-2.3", "cyclonedx"], closure: "required" },
  rebuilds: { perPlatform: 0, rebuilders: [], missing: "allow" },
  freshness: { minVersion: "1.0.0", maxAge: "365d" },
  revoked: [],
  thirdParty: [],
};

/** A valid policy for environment `local`, parsed; `changes` replaces top-level fields before it is parsed. */
export function samplePolicy(changes: Readonly<Record<string, unknown>> = {}): TrustPolicy {
  return trustPolicySchema.parse({ ...structuredClone(samplePolicyFields), ...changes });
}

/** A demand for an attested signature, by a signer that nobody has. */
export const sampleTee = {
  signerRelease: sampleDigest("0"),
  mrtd: ["1".repeat(96)],
  rtmr0: ["2".repeat(96)],
  policyDigests: ["0".repeat(64)],
  platforms: ["0".repeat(32)],
  statuses: ["UpToDate"],
  advisoriesAllowed: ["INTEL-SA-00001"],
  minEvaluation: 1,
  revoked: ["f".repeat(32)],
};
