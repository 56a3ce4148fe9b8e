import assert from "node:assert/strict";
import { test } from "node:test";
import { attestSample } from "../../../lab/attested-signature.ts";
import { tryAttestedForgeries } from "../../../lab/attested-refusals.ts";
import type { Rego } from "../../../lab/kbs/rego.ts";
import { publishVouching } from "../../../lab/publish-sample.ts";
import type { PublishedSample } from "../../../lab/publish-sample.ts";
import { pushTamperedCopy } from "../../../lab/tamper.ts";
import { otherDisk } from "../../../lab/sample-release/signer-product.ts";
import { labMachine } from "../../../lab/tdx/lab-machine.ts";
import type { RegistryClient } from "../../../src/adapters/registry/client.ts";
import { unwrap } from "../../../src/adapters/registry/unwrap.ts";
import type { StackConfig } from "../../../src/config/stack-config.ts";
import { mediaTypes } from "../../../src/core/oci/formats.ts";
import { formatDigestReference, parseReference } from "../../../src/core/release/reference.ts";
import { verifyImage } from "../../../src/operations/verify-image.ts";
import { attestedLab } from "../../support/attested-lab.ts";
import { runInProcess } from "../../support/command-line.ts";
import { failureCodeOf } from "../../support/failures.ts";

test("the lab's simulated machine signs the sample, whoever names the signer verifies it, and every forgery is refused by its code", async (t) => {
  const { context, services, client, config, trustedRoot, input } = await attestedLab(t);
  const { sample, signer } = input;

  const attested = await attestSample(context, input);
  assert.equal(attested.signed, true);
  assert.equal(attested.release.data.tee?.signerRelease, signer.digest);
  assert.equal(attested.credential.resource, "default/credential/registry");
  assert.deepEqual(attested.credential.refusals, [
    { attempt: "the machine with one byte of its disk changed", code: "KBS_POLICY_DENIED" },
    { attempt: "the measured machine with debug on", code: "KBS_POLICY_DENIED" },
    { attempt: "whoever asks no broker", code: "REGISTRY_UNAUTHORIZED" },
  ]);
  // A second run finds its own signature, and makes no other.
  assert.equal((await attestSample(context, input)).signed, false);

  const copy = await pushTamperedCopy(client, sample);
  const ownMachine = await publishVouching(context, services, client);
  const forgeries = await tryAttestedForgeries(
    context,
    client,
    { sample, tampered: copy.digest, ownMachine },
    attested,
  );
  assert.deepEqual(
    forgeries.map(({ attempt, codes }) => [attempt, ...codes]),
    [
      ["one byte of the image changed", "STATEMENT_SUBJECT_MISMATCH"],
      ["a machine with debug on", "TEE_TD_REFUSED"],
      ["another payload under a valid quote", "TEE_BINDING_MISMATCH"],
      ["the quote of another signature of the same image", "TEE_TIME_INVALID"],
      ["a replayed quote: of a challenge of 20 minutes before", "TEE_TIME_WINDOW"],
      ["expired collateral", "TEE_QUOTE_REFUSED"],
      ["rolled-back collateral", "TEE_EVALUATION_TOO_OLD"],
      ["a machine that booted another disk", "TEE_MEASUREMENT_MISMATCH"],
      ["a release whose own signed manifest has the measurements of that machine", "TEE_MEASUREMENT_MISMATCH"],
      ["that release, named by the policy as its own signer's", "TEE_SIGNER_RELEASE"],
    ],
  );
  await assertVouches(client, ownMachine, config, trustedRoot);

  const { policy, signerPolicy, quoteRoot } = attested.files;
  const reference = formatDigestReference(sample.repository, sample.digest);
  const args = ["--policy", policy, "--trusted-root", config.trustedRoot, "--signer-image", signer.repository];
  const verify = ["attested-key", "verify", reference, ...args, "--signer-policy", signerPolicy];
  const good = await runInProcess([...verify, "--quote-root", quoteRoot]);
  assert.equal(good.code, 0, good.stderr + good.stdout);
  assert.match(good.stdout, /attested signature, quote made between .+, a key for this image alone/);
  assert.match(good.stdout, /measured as signer release sha256:/);
  const intels = await runInProcess(verify);
  assert.equal(intels.code, 1);
  assert.match(intels.stdout, /TEE_QUOTE_REFUSED/);
});

test("a broker that releases to every machine does not go unseen", async (t) => {
  const { context, input } = await attestedLab(t);
  const generous: Rego = {
    evaluate: ({ query }) =>
      Promise.resolve(query === "data.policy.allow" ? true : { executables: 3, hardware: 2, configuration: 2 }),
    close: () => undefined,
  };
  assert.equal(await failureCodeOf(attestSample(context, { ...input, rego: generous })), "CREDENTIAL_NOT_REFUSED");
});

test("a broker that releases to nobody leaves the sample unsigned", async (t) => {
  const { context, client, input } = await attestedLab(t);
  const miserly: Rego = { evaluate: () => Promise.resolve(false), close: () => undefined };
  assert.equal(await failureCodeOf(attestSample(context, { ...input, rego: miserly })), "KBS_ATTESTATION_REFUSED");
  const { repository, digest } = input.sample;
  const listed = unwrap(await client.referrers(repository, digest), repository);
  assert.equal(listed.filter(({ artifactType }) => artifactType === mediaTypes.tdxEvidence).length, 0);
});

/** Without rule 7 the release verifies, and its manifest names the machine: nothing but that rule refuses it. */
async function assertVouches(
  client: RegistryClient,
  { repository, digest }: PublishedSample,
  { policy }: StackConfig,
  trustedRoot: Uint8Array,
): Promise<void> {
  const reference = parseReference(formatDigestReference(repository, digest));
  const { result } = await verifyImage(client, { reference, policy, trustedRoot, now: new Date(), tee: undefined });
  assert.ok(result.ok);
  const { rtmr1, rtmr2 } = labMachine(otherDisk).measurements;
  assert.deepEqual(result.proof.data.manifest.measurements, { model: "neko-lab", rtmr1, rtmr2 });
}
