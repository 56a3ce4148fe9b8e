import assert from "node:assert/strict";
import { test } from "node:test";
import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { ConfidentialSigner } from "../../../components/confidential-signer/component.ts";
import type { ConfidentialSignerArgs } from "../../../components/confidential-signer/component.ts";
import type { UsableRelease } from "../../../src/core/release/verified-release.ts";
import { codeThrown } from "../../support/failures.ts";
import { isKnown, startMocks, unwrap } from "../../support/mocks.ts";
import { sampleDigest } from "../../support/policies.ts";
import { sampleReleaseData } from "../../support/releases.ts";
import { makeSigner, signerComponentType, signerKey } from "../../support/signer-mocks.ts";
import {
  plannedSigner,
  signerArgs,
  signerMeasurements,
  signerRelease,
  signerSettings,
  signerSettingsInput,
} from "../../support/signer.ts";

/** What the component takes as a proof and what it refuses. */

test("refuses a cast, a copy or an Output of a release, and registers nothing", async () => {
  const mocks = await startMocks();
  const release = signerRelease(sampleDigest("a"));
  for (const fake of [
    { data: sampleReleaseData(sampleDigest("a")) },
    JSON.parse(JSON.stringify(release)),
    Object.create(release) as unknown,
    pulumi.output(sampleReleaseData(sampleDigest("a"))),
    undefined,
  ]) {
    const changes = { signer: fake as UsableRelease };
    assert.equal(
      codeThrown(() => makeSigner(changes), "taken"),
      "RELEASE_NOT_VERIFIED",
    );
    const retained = [{ signer: fake as UsableRelease, disk: signerArgs().disk }];
    assert.equal(
      codeThrown(() => makeSigner({ retained }), "taken"),
      "RELEASE_NOT_VERIFIED",
    );
  }
  await mocks.settled();
  assert.deepEqual(
    mocks.resources.filter(({ type }) => type === signerComponentType),
    [],
  );
});

test("refuses a release without disk or measurements, another disk, and the wrong model of measurements", async () => {
  const mocks = await startMocks();
  const disk = { sha256: "e".repeat(64) };
  const code = (changes: Partial<ConfidentialSignerArgs>) => codeThrown(() => makeSigner(changes), "taken");
  const release = (parts: Parameters<typeof signerRelease>[1]) => ({ signer: signerRelease(sampleDigest("a"), parts) });
  assert.equal(code(release({})), "SIGNER_RELEASE_WITHOUT_DISK");
  assert.equal(code(release({ disk })), "SIGNER_RELEASE_WITHOUT_DISK");
  assert.equal(code(release({ measurements: signerMeasurements })), "SIGNER_RELEASE_WITHOUT_DISK");
  assert.equal(code({ disk: { path: "/x", sha256: "f".repeat(64) } }), "SIGNER_DISK_MISMATCH");
  assert.equal(code({ disk: "planned" }), "SIGNER_DISK_NOT_FETCHED");
  const vtpm = signerSettings({ tdx: { ...signerSettingsInput.tdx, vtpm: true } });
  assert.equal(code({ settings: vtpm }), "SIGNER_VTPM_MISMATCH");
  const zero = { disk, measurements: { ...signerMeasurements, rtmr2: "0".repeat(96) } };
  assert.equal(code(release(zero)), "SIGNER_VTPM_MISMATCH");
  assert.equal(code({ ...release(zero), settings: vtpm }), "taken");
  await mocks.settled();
});

test("refuses a release that is named twice, and one of another signer", async () => {
  await startMocks();
  const { disk } = signerArgs();
  const code = (...retained: NonNullable<ConfidentialSignerArgs["retained"]>) =>
    codeThrown(() => makeSigner({ retained }), "taken");
  const older = { signer: signerRelease(sampleDigest("b")), disk };
  assert.equal(code({ signer: signerRelease(sampleDigest("a")), disk }), "SIGNER_GENERATION_TWICE");
  assert.equal(code(older, older), "SIGNER_GENERATION_TWICE");
  assert.equal(
    code({ signer: signerRelease(sampleDigest("b"), undefined, "ghcr.io/other/signer"), disk }),
    "RELEASE_OF_OTHER_IMAGE",
  );
});

test("a preview without registry plans with a placeholder disk, an update does not", async () => {
  const changes = { signer: plannedSigner(sampleDigest("a")), disk: "planned" } as const;
  await startMocks();
  assert.equal(
    codeThrown(() => makeSigner(changes), "taken"),
    "RELEASE_ONLY_PLANNED",
  );
  const mocks = await startMocks({ preview: true });
  const component = makeSigner(changes);
  await mocks.settled();
  const object = mocks.only("gcp:storage/bucketObject:BucketObject");
  assert.equal(object.inputs["name"], `signer/${signerKey}/${"0".repeat(64)}.tar.gz`);
  const source: unknown = object.inputs["source"];
  assert.ok(source instanceof pulumi.asset.StringAsset);
  assert.match(await source.text, /^placeholder: /);
  assert.equal(await unwrap(component.measurements), undefined);
  assert.equal(await isKnown(component.instances), false);
  const given = { ...changes, disk: { path: "/x", sha256: "e".repeat(64) } };
  assert.equal(
    codeThrown(() => makeSigner(given), "taken"),
    "SIGNER_DISK_MISMATCH",
  );
});

test("a preview of a verified release may leave the disk where it is", async () => {
  const mocks = await startMocks({ preview: true });
  makeSigner({ disk: "planned" });
  await mocks.settled();
  assert.equal(
    mocks.only("gcp:storage/bucketObject:BucketObject").inputs["name"],
    `signer/${signerKey}/${"e".repeat(64)}.tar.gz`,
  );
});

test("takes the provider by package, too, and refuses the default one", async () => {
  const mocks = await startMocks();
  const google = new gcp.Provider("google", { project: "neko-trust-production" });
  new ConfidentialSigner("signer", signerArgs(), { providers: { gcp: google } });
  await mocks.settled();
  const children = mocks.resources.filter(({ type }) => type.startsWith("gcp:"));
  assert.ok(children.every(({ provider }) => provider.endsWith("google::google-id")));
  const without = {} as { provider: gcp.Provider };
  assert.equal(
    codeThrown(() => new ConfidentialSigner("signer", signerArgs(), without), "taken"),
    "PROVIDER_REQUIRED",
  );
});
