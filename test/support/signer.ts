import type { ConfidentialSignerArgs } from "../../components/confidential-signer/component.ts";
import { confidentialSignerSettingsSchema } from "../../components/confidential-signer/settings.ts";
import type { ConfidentialSignerSettings } from "../../components/confidential-signer/settings.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import type { ReleaseManifest } from "../../src/core/release/manifest.ts";
import { PlannedRelease } from "../../src/core/release/verified-release.ts";
import type { VerifiedRelease } from "../../src/core/release/verified-release.ts";
import { sampleDigest } from "./policies.ts";
import { sampleReleaseData, sampleVerifiedRelease } from "./releases.ts";

export const signerRepository = "ghcr.io/m1k1o/neko/signer";

/** Realistic settings, as a stack's YAML would have them. */
export const signerSettingsInput = {
  name: "signer",
  project: { id: "neko-trust-production", number: "123456789012" },
  region: "europe-west9",
  zones: ["europe-west9-b", "europe-west9-a"],
  tdx: {
    machineType: "c3-standard-4",
    secureBoot: { kind: "disabled" },
    vtpm: false,
    rtmr0: "replayed",
    acpi: "kernel-patched",
  },
  network: {
    range: "10.66.0.0/28",
    egress: [
      { name: "registry", hosts: ["pkg-containers.githubusercontent.com", "ghcr.io"], ports: [443] },
      { name: "key-broker", hosts: ["kbs.example.org"], ports: [8443] },
      { name: "sigstore", hosts: ["timestamp.sigstore.dev", "rekor.sigstore.dev"], ports: [443] },
      { name: "intel-pcs", ranges: ["203.0.113.0/24"], ports: [443] },
    ],
  },
  keys: { rotationDays: 90, destroyAfterDays: 30, adopt: false },
  disk: { keepDays: 30 },
  service: {
    repository: "ghcr.io/m1k1o/neko/base",
    keyBroker: { url: "https://kbs.example.org:8443/kbs", resource: "neko/credential/push" },
    collateralUrl: "https://203.0.113.7/sgx/certification/v4",
    timestampUrl: "https://timestamp.sigstore.dev/api/v1/timestamp",
  },
  health: {
    silenceMinutes: 30,
    notificationChannels: ["projects/neko-trust-production/notificationChannels/42"],
  },
  labels: { team: "release" },
  allowStopping: false,
  onDestroy: "keep",
};

/** `signerSettingsInput` with whole members replaced, parsed. */
export function signerSettings(changes: object = {}): ConfidentialSignerSettings {
  return confidentialSignerSettingsSchema.parse({ ...structuredClone(signerSettingsInput), ...changes });
}

export const signerMeasurements = { model: "systemd-stub-cc", rtmr1: "1".repeat(96), rtmr2: "2".repeat(96) };

/** A signer's release whose manifest has the disk and measurements given, or none of them. */
export function signerRelease(
  digest: Digest,
  parts: Pick<ReleaseManifest, "disk" | "measurements"> = {
    disk: { sha256: "e".repeat(64) },
    measurements: signerMeasurements,
  },
  repository = signerRepository,
): VerifiedRelease {
  const { manifest } = sampleReleaseData(digest);
  return sampleVerifiedRelease(digest, { repository, manifest: { ...manifest, name: "signer", ...parts } });
}

export function plannedSigner(digest: Digest): PlannedRelease {
  return new PlannedRelease({
    repository: signerRepository,
    digest,
    policyName: "neko-signer",
    policyDigest: sampleDigest("7"),
    environment: "production",
  });
}

/** Args of the component with the release of digest `a…a`, the disk at a path that nothing reads. */
export function signerArgs(changes: Partial<ConfidentialSignerArgs> = {}): ConfidentialSignerArgs {
  return {
    settings: signerSettings(),
    signer: signerRelease(sampleDigest("a")),
    disk: { path: "/nonexistent/disk.tar.gz", sha256: "e".repeat(64) },
    ...changes,
  };
}
