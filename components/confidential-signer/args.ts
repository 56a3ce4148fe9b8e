import type * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { CheckedGeneration } from "./generations.ts";
import type { ConfidentialSignerSettings } from "./settings.ts";

/** Settings and generations → arguments of the keys, the disk and the machines. Pure. */

type Settings = ConfidentialSignerSettings;
type Input = pulumi.Input<string>;

/** What is kept in the component's state and diffed: plain data, nothing secret, no proof (a copy proves nothing). */
export function toState(settings: Settings, generations: readonly CheckedGeneration[]): Record<string, unknown> {
  return {
    project: settings.project.id,
    region: settings.region,
    zones: settings.zones.toSorted(),
    machineType: settings.tdx.machineType,
    secureBoot: settings.tdx.secureBoot.kind,
    vtpm: settings.tdx.vtpm,
    rtmr0: settings.tdx.rtmr0,
    onDestroy: settings.onDestroy,
    egress: settings.network.egress
      .flatMap(({ hosts, ranges, ports }) => (hosts ?? ranges ?? []).map((one) => `${one}:${ports.join(",")}`))
      .toSorted(),
    generations: generations.map(({ repository, digest, diskSha256, current }) => ({
      release: `${repository}@${digest}`,
      diskSha256,
      current,
    })),
  };
}

/** Labels of everything that takes them. */
export function labelsOf(settings: Settings, generation?: CheckedGeneration): Record<string, string> {
  return {
    ...settings.labels,
    "neko-trust": "signer",
    ...(generation === undefined ? {} : { "neko-trust-release": generation.key }),
  };
}

const secondsPerDay = 86_400;
const seconds = (days: number): string => `${days * secondsPerDay}s`;

export function keyRingArgs(settings: Settings): gcp.kms.KeyRingArgs {
  return { name: settings.name, location: settings.region, project: settings.project.id };
}

/** Where the ring is, as an import names it; a key's place begins with it. */
export function keyRingId(settings: Settings): string {
  return `projects/${settings.project.id}/locations/${settings.region}/keyRings/${settings.name}`;
}

/** `disk`: of the machines' disks. `artifact`: of what lies in the bucket. One user each. */
export type KeyUse = "disk" | "artifact";

export function keyName(settings: Settings, use: KeyUse): string {
  return `${settings.name}-${use}`;
}

export function cryptoKeyArgs(settings: Settings, use: KeyUse, keyRing: Input): gcp.kms.CryptoKeyArgs {
  return {
    name: keyName(settings, use),
    keyRing,
    purpose: "ENCRYPT_DECRYPT",
    versionTemplate: { algorithm: "GOOGLE_SYMMETRIC_ENCRYPTION", protectionLevel: "HSM" },
    rotationPeriod: seconds(settings.keys.rotationDays),
    destroyScheduledDuration: seconds(settings.keys.destroyAfterDays),
    labels: labelsOf(settings),
  };
}

/** Google's own agents of the project, one for each key; nobody else may use them, the signers included. */
export function keyUserArgs(settings: Settings, use: KeyUse, cryptoKeyId: Input): gcp.kms.CryptoKeyIAMMemberArgs {
  const agent = use === "disk" ? "compute-system" : "gs-project-accounts";
  return {
    cryptoKeyId,
    role: "roles/cloudkms.cryptoKeyEncrypterDecrypter",
    member: `serviceAccount:service-${settings.project.number}@${agent}.iam.gserviceaccount.com`,
  };
}

export function bucketArgs(settings: Settings, kmsKey: Input): gcp.storage.BucketArgs {
  return {
    // Names of buckets are the world's: a project's id makes it ours.
    name: `${settings.project.id}-${settings.name}-disks`,
    project: settings.project.id,
    location: settings.region,
    storageClass: "STANDARD",
    uniformBucketLevelAccess: true,
    publicAccessPrevention: "enforced",
    versioning: { enabled: true },
    // Not a retention policy: that would also refuse to go back to a release whose disk lies here already.
    softDeletePolicy: { retentionDurationSeconds: settings.disk.keepDays * secondsPerDay },
    lifecycleRules: [
      {
        action: { type: "Delete" },
        condition: { daysSinceNoncurrentTime: settings.disk.keepDays, withState: "ARCHIVED" },
      },
    ],
    encryption: { defaultKmsKeyName: kmsKey },
    forceDestroy: settings.onDestroy === "delete",
    labels: labelsOf(settings),
  };
}

/** The disk artifact as it was hashed; in a preview without it a text that says so stands for it. */
export function diskObjectArgs(generation: CheckedGeneration, bucket: Input): gcp.storage.BucketObjectArgs {
  const { key, diskSha256, diskPath, digest } = generation;
  return {
    bucket,
    name: `signer/${key}/${diskSha256}.tar.gz`,
    source:
      diskPath === undefined
        ? new pulumi.asset.StringAsset(`placeholder: the disk of ${digest} was not fetched for this preview\n`)
        : new pulumi.asset.FileAsset(diskPath),
    contentType: "application/gzip",
    metadata: { sha256: diskSha256, release: digest },
  };
}

export function imageArgs(
  settings: Settings,
  generation: CheckedGeneration,
  object: { readonly bucket: Input; readonly name: Input },
): gcp.compute.ImageArgs {
  const boot = settings.tdx.secureBoot;
  const certificate = (content: string) => ({ content, fileType: "X509" });
  return {
    name: `${settings.name}-${generation.key}-${generation.diskSha256.slice(0, 12)}`,
    project: settings.project.id,
    description: `The signer's disk, SHA-256 ${generation.diskSha256}, of release ${generation.digest}.`,
    rawDisk: {
      source: pulumi.interpolate`https://storage.googleapis.com/${object.bucket}/${object.name}`,
      containerType: "TAR",
    },
    storageLocations: [settings.region],
    guestOsFeatures: ["GVNIC", "TDX_CAPABLE", "UEFI_COMPATIBLE", "VIRTIO_SCSI_MULTIQUEUE"].map((type) => ({ type })),
    ...(boot.kind === "disabled"
      ? {}
      : {
          // All four are given, so that none of Google's own keys is taken.
          shieldedInstanceInitialState: {
            pk: certificate(boot.platformKey),
            keks: boot.keyExchangeKeys.map(certificate),
            dbs: boot.signatures.map(certificate),
            ...(boot.forbidden === undefined
              ? {}
              : { dbxs: boot.forbidden.map((content) => ({ content, fileType: "BIN" })) }),
          },
        }),
    labels: labelsOf(settings, generation),
  };
}

export function serviceAccountArgs(settings: Settings): gcp.serviceaccount.AccountArgs {
  return {
    // An account's id has 6 to 30 characters.
    accountId: `${settings.name}-vm`.padEnd(6, "0"),
    project: settings.project.id,
    displayName: "Signers",
    description: "May write logs. What a signer publishes with it gets from the key broker, after attestation.",
  };
}

export function logWriterArgs(settings: Settings, member: Input): gcp.projects.IAMMemberArgs {
  return { project: settings.project.id, role: "roles/logging.logWriter", member };
}

/** `<zone>` without its region: `a` of europe-west9-a. */
export function zoneLetter(zone: string): string {
  return zone.split("-").at(-1) ?? zone;
}

export interface InstanceParts {
  readonly image: Input;
  readonly subnetwork: Input;
  readonly diskKey: Input;
  readonly serviceAccountEmail: Input;
}

export function instanceArgs(
  settings: Settings,
  generation: CheckedGeneration,
  zone: string,
  parts: InstanceParts,
): gcp.compute.InstanceArgs {
  const labels = labelsOf(settings, generation);
  return {
    name: instanceName(settings, generation, zone),
    project: settings.project.id,
    zone,
    description: `Signer of release ${generation.digest}.`,
    machineType: settings.tdx.machineType,
    confidentialInstanceConfig: { confidentialInstanceType: "TDX" },
    // A TDX machine can't move to another host: maintenance ends it, and it starts and attests anew.
    scheduling: {
      onHostMaintenance: "TERMINATE",
      automaticRestart: true,
      preemptible: false,
      provisioningModel: "STANDARD",
    },
    shieldedInstanceConfig: {
      enableSecureBoot: settings.tdx.secureBoot.kind === "enrolled",
      enableVtpm: settings.tdx.vtpm,
      // Reads the vTPM: there is nothing to monitor without one.
      enableIntegrityMonitoring: settings.tdx.vtpm,
    },
    bootDisk: {
      autoDelete: true,
      initializeParams: {
        image: parts.image,
        type: "pd-balanced",
        labels,
        ...(settings.disk.sizeGb === undefined ? {} : { size: settings.disk.sizeGb }),
      },
      kmsKeySelfLink: parts.diskKey,
    },
    // No accessConfigs: no external address.
    networkInterfaces: [{ subnetwork: parts.subnetwork, nicType: "GVNIC", stackType: "IPV4_ONLY" }],
    canIpForward: false,
    enableDisplay: false,
    serviceAccount: {
      email: parts.serviceAccountEmail,
      scopes: ["https://www.googleapis.com/auth/logging.write"],
    },
    // Whoever takes the key away stops the machine, too.
    keyRevocationActionType: "STOP",
    metadata: metadataOf(settings, generation),
    deletionProtection: isProtected(settings, generation),
    allowStoppingForUpdate: settings.allowStopping,
    labels,
  };
}

export function instanceName(settings: Settings, generation: CheckedGeneration, zone: string): string {
  return `${settings.name}-${generation.key}-${zoneLetter(zone)}`;
}

/** A retained generation is about to go: nothing may hold it. */
export function isProtected(settings: Settings, generation: CheckedGeneration): boolean {
  return settings.onDestroy === "keep" && generation.current;
}

/**
 * A closed list. Whoever can write metadata can change these, so none of them decides what is trusted: the policy lies
 * inside the measured image, and what is here only says where things are.
 */
function metadataOf(settings: Settings, generation: CheckedGeneration): Record<string, string> {
  const { service } = settings;
  return {
    "block-project-ssh-keys": "true",
    "disable-legacy-endpoints": "true",
    "enable-guest-attributes": "false",
    "enable-oslogin": "true",
    "neko-trust-collateral-url": service.collateralUrl,
    "neko-trust-key-broker-resource": service.keyBroker.resource,
    "neko-trust-key-broker-url": service.keyBroker.url,
    "neko-trust-release": `${generation.repository}@${generation.digest}`,
    "neko-trust-repository": [service.repository].flat().join(","),
    "neko-trust-timestamp-url": [service.timestampUrl].flat().join(","),
    "serial-port-enable": "false",
    "serial-port-logging-enable": "false",
  };
}
