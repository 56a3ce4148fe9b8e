import assert from "node:assert/strict";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { secretIn, unwrap } from "../../support/mocks.ts";
import { signerSettings as signerSettingsOf } from "../../../src/core/signer-settings.ts";
import { sampleDigest } from "../../support/policies.ts";
import {
  at,
  madeSigner,
  ofType,
  signerComponentType,
  signerInstanceType,
  signerKey,
} from "../../support/signer-mocks.ts";
import {
  signerArgs,
  signerMeasurements,
  signerRelease,
  signerRepository,
  signerSettings,
  signerSettingsInput,
} from "../../support/signer.ts";

test("every child belongs to the component, begins with its name and uses the given provider", async () => {
  const { mocks } = await madeSigner();
  const children = mocks.resources.filter(({ type }) => type.startsWith("gcp:"));
  assert.equal(children.length, 35);
  for (const child of children) {
    assert.ok(child.name.startsWith("signer-"), child.name);
    assert.match(child.parent, /neko-trust:signer:ConfidentialSigner::signer$/, child.name);
    assert.match(child.provider, /pulumi:providers:gcp::google::google-id$/, child.name);
  }
  assert.ok(mocks.registeredOutputs.has(`${signerComponentType}::signer`));
});

test("a signer is a TDX machine that can't be moved, reached from outside or deleted", async () => {
  const { mocks } = await madeSigner();
  const instances = ofType(mocks, signerInstanceType);
  assert.deepEqual(
    instances.map(({ name, inputs }) => [name, inputs["name"], inputs["zone"]]),
    [
      [`signer-vm-${signerKey}-a`, `signer-${signerKey}-a`, "europe-west9-a"],
      [`signer-vm-${signerKey}-b`, `signer-${signerKey}-b`, "europe-west9-b"],
    ],
  );
  for (const vm of instances) {
    assert.equal(vm.protect, true);
    assert.equal(at(vm, "deletionProtection"), true);
    assert.deepEqual(at(vm, "confidentialInstanceConfig"), { confidentialInstanceType: "TDX" });
    assert.equal(at(vm, "scheduling", "onHostMaintenance"), "TERMINATE");
    assert.deepEqual(at(vm, "networkInterfaces"), [
      { subnetwork: "https://compute.example/signer-subnetwork", nicType: "GVNIC", stackType: "IPV4_ONLY" },
    ]);
    assert.deepEqual(at(vm, "shieldedInstanceConfig"), {
      enableSecureBoot: false,
      enableVtpm: false,
      enableIntegrityMonitoring: false,
    });
    assert.deepEqual(at(vm, "serviceAccount"), {
      email: "signer-vm@example",
      scopes: ["https://www.googleapis.com/auth/logging.write"],
    });
    assert.equal(at(vm, "bootDisk", "kmsKeySelfLink"), "signer-disk-key-id");
    assert.equal(at(vm, "bootDisk", "initializeParams", "image"), `https://compute.example/signer-image-${signerKey}`);
    assert.equal(at(vm, "canIpForward"), false);
    assert.equal(at(vm, "allowStoppingForUpdate"), false);
    assert.equal(at(vm, "metadataStartupScript"), undefined);
  }
  assert.ok(!JSON.stringify(instances).includes("accessConfigs"));
});

test("metadata is a closed list that says where things are and forbids every way in", async () => {
  const { mocks } = await madeSigner();
  assert.deepEqual(at(mocks.named(`signer-vm-${signerKey}-a`), "metadata"), {
    "block-project-ssh-keys": "true",
    "disable-legacy-endpoints": "true",
    "enable-guest-attributes": "false",
    "enable-oslogin": "true",
    "neko-trust-collateral-url": "https://203.0.113.7/sgx/certification/v4",
    "neko-trust-key-broker-resource": "neko/credential/push",
    "neko-trust-key-broker-url": "https://kbs.example.org:8443/kbs",
    "neko-trust-release": `${signerRepository}@${sampleDigest("a")}`,
    "neko-trust-repository": "ghcr.io/m1k1o/neko/base",
    "neko-trust-timestamp-url": "https://timestamp.sigstore.dev/api/v1/timestamp",
    "serial-port-enable": "false",
    "serial-port-logging-enable": "false",
  });
});

test("several repositories are one attribute, as the machine reads it", async () => {
  const repository = ["ghcr.io/m1k1o/neko/base", "ghcr.io/m1k1o/neko/firefox"];
  const service = { ...signerSettingsInput.service, repository };
  const { mocks } = await madeSigner({ settings: signerSettings({ service }) });
  const metadata = at(mocks.named(`signer-vm-${signerKey}-a`), "metadata");
  const read = signerSettingsOf(metadata);
  assert.deepEqual(read.ok ? read.settings.repositories : read.faults, repository);
});

test("several time-stamp authorities are one attribute, as the machine reads it", async () => {
  const timestampUrl = ["https://timestamp.sigstore.dev/api/v1/timestamp", "https://timestamp.sigstore.dev/b"];
  const service = { ...signerSettingsInput.service, timestampUrl };
  const { mocks } = await madeSigner({ settings: signerSettings({ service }) });
  const metadata = at(mocks.named(`signer-vm-${signerKey}-a`), "metadata") as Record<string, string>;
  assert.equal(metadata["neko-trust-timestamp-url"], timestampUrl.join(","));
  const read = signerSettingsOf(metadata);
  assert.deepEqual(read.ok && read.settings.tsaUrls, timestampUrl);
});

test("the disk goes from the checked file to a closed bucket and into an image, named by its hash", async () => {
  const { mocks } = await madeSigner();
  const bucket = mocks.only("gcp:storage/bucket:Bucket");
  assert.equal(at(bucket, "name"), "neko-trust-production-signer-disks");
  assert.equal(at(bucket, "uniformBucketLevelAccess"), true);
  assert.equal(at(bucket, "publicAccessPrevention"), "enforced");
  assert.deepEqual(at(bucket, "versioning"), { enabled: true });
  assert.deepEqual(at(bucket, "softDeletePolicy"), { retentionDurationSeconds: 2_592_000 });
  assert.deepEqual(at(bucket, "encryption"), { defaultKmsKeyName: "signer-artifact-key-id" });
  assert.deepEqual([bucket.protect, bucket.retainOnDelete, at(bucket, "forceDestroy")], [true, true, false]);
  const object = mocks.only("gcp:storage/bucketObject:BucketObject");
  const objectName = `signer/${signerKey}/${"e".repeat(64)}.tar.gz`;
  assert.equal(at(object, "name"), objectName);
  const source: unknown = at(object, "source");
  assert.ok(source instanceof pulumi.asset.FileAsset);
  assert.equal(await source.path, "/nonexistent/disk.tar.gz");
  const image = mocks.only("gcp:compute/image:Image");
  assert.equal(at(image, "name"), `signer-${signerKey}-${"e".repeat(12)}`);
  assert.deepEqual(at(image, "rawDisk"), {
    source: `https://storage.googleapis.com/neko-trust-production-signer-disks/${objectName}`,
    containerType: "TAR",
  });
  assert.deepEqual(at(image, "guestOsFeatures"), [
    { type: "GVNIC" },
    { type: "TDX_CAPABLE" },
    { type: "UEFI_COMPATIBLE" },
    { type: "VIRTIO_SCSI_MULTIQUEUE" },
  ]);
  assert.equal(at(image, "shieldedInstanceInitialState"), undefined);
});

test("with enrolled keys Secure Boot is on, and Google's own keys are not used", async () => {
  const boot = (letter: string) => letter.repeat(32);
  const secureBoot = {
    kind: "enrolled",
    platformKey: boot("P"),
    keyExchangeKeys: [boot("K")],
    signatures: [boot("D")],
    forbidden: [boot("X")],
  };
  const tdx = { ...signerSettingsInput.tdx, secureBoot, vtpm: true };
  const signer = signerRelease(sampleDigest("a"), {
    disk: { sha256: "e".repeat(64) },
    measurements: { ...signerMeasurements, rtmr2: "0".repeat(96) },
  });
  const { mocks } = await madeSigner({ settings: signerSettings({ tdx }), signer });
  assert.deepEqual(at(mocks.only("gcp:compute/image:Image"), "shieldedInstanceInitialState"), {
    pk: { content: boot("P"), fileType: "X509" },
    keks: [{ content: boot("K"), fileType: "X509" }],
    dbs: [{ content: boot("D"), fileType: "X509" }],
    dbxs: [{ content: boot("X"), fileType: "BIN" }],
  });
  assert.deepEqual(at(mocks.named(`signer-vm-${signerKey}-a`), "shieldedInstanceConfig"), {
    enableSecureBoot: true,
    enableVtpm: true,
    enableIntegrityMonitoring: true,
  });
});

test("keys lie in hardware, rotate, are never deleted, and each has one user: an agent of Google's", async () => {
  const { mocks } = await madeSigner();
  for (const use of ["disk", "artifact"]) {
    const one = mocks.named(`signer-${use}-key`);
    assert.equal(at(one, "purpose"), "ENCRYPT_DECRYPT");
    assert.deepEqual(at(one, "versionTemplate"), { algorithm: "GOOGLE_SYMMETRIC_ENCRYPTION", protectionLevel: "HSM" });
    assert.equal(at(one, "rotationPeriod"), "7776000s");
    assert.equal(at(one, "destroyScheduledDuration"), "2592000s");
    assert.deepEqual([one.protect, one.retainOnDelete], [true, true]);
  }
  const users = ofType(mocks, "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember");
  assert.deepEqual(
    users.map(({ inputs }) => [inputs["cryptoKeyId"], inputs["member"]]),
    [
      ["signer-artifact-key-id", "serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com"],
      ["signer-disk-key-id", "serviceAccount:service-123456789012@compute-system.iam.gserviceaccount.com"],
    ],
  );
  const ring = mocks.only("gcp:kms/keyRing:KeyRing");
  assert.deepEqual([ring.protect, ring.retainOnDelete, ring.importId], [true, true, ""]);
});

test("a key ring and keys that are there already are taken over", async () => {
  const { mocks } = await madeSigner({
    settings: signerSettings({ keys: { ...signerSettingsInput.keys, adopt: true } }),
  });
  const ring = "projects/neko-trust-production/locations/europe-west9/keyRings/signer";
  assert.equal(mocks.only("gcp:kms/keyRing:KeyRing").importId, ring);
  assert.equal(mocks.named("signer-disk-key").importId, `${ring}/cryptoKeys/signer-disk`);
  assert.equal(mocks.named("signer-artifact-key").importId, `${ring}/cryptoKeys/signer-artifact`);
});

test("the service account may write logs and nothing else", async () => {
  const { mocks } = await madeSigner();
  const roles = ofType(mocks, "gcp:projects/iAMMember:IAMMember");
  assert.deepEqual(
    roles.map(({ inputs }) => [inputs["role"], inputs["member"], inputs["project"]]),
    [["roles/logging.logWriter", "serviceAccount:signer-vm@example", "neko-trust-production"]],
  );
});

test("somebody is told when fewer of the current signers attest than there are, also if one never did", async () => {
  const older = { signer: signerRelease(sampleDigest("b")), disk: signerArgs().disk };
  const { mocks } = await madeSigner({ retained: [older] });
  const alert = mocks.only("gcp:monitoring/alertPolicy:AlertPolicy");
  const condition = at(alert, "conditions", 0, "conditionPrometheusQueryLanguage") as Record<string, unknown>;
  assert.equal(
    condition["query"],
    "(count(sum by (instance_id) (increase(logging_googleapis_com:user_signer_attested" +
      '{monitored_resource="gce_instance",instance_id=~"9901|9902"}[30m])) > 0) or vector(0)) < 2',
  );
  assert.deepEqual(at(alert, "notificationChannels"), ["projects/neko-trust-production/notificationChannels/42"]);
  assert.equal(
    at(mocks.only("gcp:logging/metric:Metric"), "filter"),
    'resource.type="gce_instance" AND logName="projects/neko-trust-production/logs/neko-trust-signer" AND jsonPayload.event="attested"',
  );
});

test("a retained release's machines run on beside the current one's, and are free to go", async () => {
  const older = { signer: signerRelease(sampleDigest("b")), disk: signerArgs().disk };
  const { mocks, component } = await madeSigner({ retained: [older] });
  const vms = ofType(mocks, signerInstanceType);
  assert.deepEqual(
    vms.map((vm) => [vm.name.slice(-14, -2), vm.protect, at(vm, "deletionProtection")]),
    [
      [signerKey, true, true],
      [signerKey, true, true],
      ["b".repeat(12), false, false],
      ["b".repeat(12), false, false],
    ],
  );
  const instances = await unwrap(component.instances);
  assert.deepEqual(
    instances.map(({ zone, release, current }) => [zone, release.slice(-3), current]),
    [
      ["europe-west9-a", "aaa", true],
      ["europe-west9-b", "aaa", true],
      ["europe-west9-a", "bbb", false],
      ["europe-west9-b", "bbb", false],
    ],
  );
});

test("with onDestroy: delete nothing is held, but keys stay", async () => {
  const { mocks } = await madeSigner({ settings: signerSettings({ onDestroy: "delete" }) });
  assert.deepEqual(
    mocks.resources.filter(({ protect }) => protect).map(({ name }) => name),
    [],
  );
  assert.deepEqual(
    mocks.resources
      .filter(({ retainOnDelete }) => retainOnDelete)
      .map(({ name }) => name)
      .toSorted(),
    ["signer-artifact-key", "signer-disk-key", "signer-keys"],
  );
  assert.equal(at(mocks.only("gcp:storage/bucket:Bucket"), "forceDestroy"), true);
});

test("outputs say what was made and what a quote must show", async () => {
  const { component } = await madeSigner();
  assert.deepEqual(await unwrap(component.measurements), { ...signerMeasurements, rtmr0: "replayed" });
  assert.equal(await unwrap(component.image), `https://compute.example/signer-image-${signerKey}`);
  assert.equal(await unwrap(component.serviceAccountEmail), "signer-vm@example");
  assert.equal(await unwrap(component.network), "https://compute.example/signer-network");
  assert.equal(await unwrap(component.bucket), "neko-trust-production-signer-disks");
});

test("keeps plain data in its state: no secret, no proof, no path", async () => {
  const { mocks } = await madeSigner();
  assert.equal(secretIn(mocks.only("pulumi:providers:gcp").inputs["credentials"]), "hunter2");
  const others = mocks.resources.filter(({ type }) => type !== "pulumi:providers:gcp");
  assert.ok(!JSON.stringify(others).includes("hunter2"));
  const { inputs } = mocks.only(signerComponentType);
  assert.deepEqual(inputs["generations"], [
    { release: `${signerRepository}@${sampleDigest("a")}`, diskSha256: "e".repeat(64), current: true },
  ]);
  assert.deepEqual(inputs["egress"], [
    "203.0.113.0/24:443",
    "ghcr.io:443",
    "kbs.example.org:8443",
    "pkg-containers.githubusercontent.com:443",
    "rekor.sigstore.dev:443",
    "timestamp.sigstore.dev:443",
  ]);
  assert.ok(!JSON.stringify(inputs).includes("/nonexistent"));
});
