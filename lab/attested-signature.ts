import { requestTimestamp } from "../src/adapters/fulcio-rekor/request-timestamp.ts";
import { writeWhole } from "../src/adapters/files/write-whole.ts";
import type { RegistryClient } from "../src/adapters/registry/client.ts";
import type { StackConfig } from "../src/config/stack-config.ts";
import type { Digest } from "../src/core/oci/digest.ts";
import { policyDigest } from "../src/core/policy/policy-digest.ts";
import type { TrustPolicy } from "../src/core/policy/trust-policy.ts";
import { formatDigestReference, parseReference } from "../src/core/release/reference.ts";
import type { VerifiedRelease } from "../src/core/release/verified-release.ts";
import type { TdMeasurements } from "../src/core/tdx/contract.ts";
import type { TeeEvidence } from "../src/core/verify/evidence.ts";
import { attestSelf } from "../src/operations/attested-key/attest-self.ts";
import type { AttestedSigner } from "../src/operations/attested-key/attested-signer.ts";
import { hasOwnSignature } from "../src/operations/attested-key/own-signature.ts";
import { signAttested } from "../src/operations/attested-key/sign-attested.ts";
import { openTeeEvidence } from "../src/operations/open-tee-evidence.ts";
import { verifyImage } from "../src/operations/verify-image.ts";
import { releaseRefused, teeTermsOf } from "../src/operations/verify-releases.ts";
import { brokeredClient, compiledForStack, startLabBroker } from "./attested-broker.ts";
import type { LabBroker } from "./attested-broker.ts";
import type { LabContext } from "./context.ts";
import { tryForCredential } from "./credential-refusals.ts";
import type { CredentialRefusal } from "./credential-refusals.ts";
import type { Rego } from "./kbs/rego.ts";
import { placesOf } from "./places.ts";
import type { PublishedSample, PublishedSigner } from "./publish-sample.ts";
import type { LabServices } from "./services.ts";
import { labMachine } from "./tdx/lab-machine.ts";
import { loadOrCreateTdxPki } from "./tdx/pki.ts";
import type { TdxPki } from "./tdx/pki.ts";
import { simulatePlatform } from "./tdx/platform.ts";
import type { SimulatedPlatform } from "./tdx/platform.ts";

/** The lab's attested signature, and all that it is verified with. */
export interface LabAttested {
  readonly pki: TdxPki;
  /** Stack local's policy, which the simulated signer verifies under. */
  readonly signerPolicy: TrustPolicy;
  /** The same with a `tee` that only the lab's machine can meet. */
  readonly policy: TrustPolicy;
  readonly trustedRoot: Uint8Array;
  readonly tee: TeeEvidence;
  readonly release: VerifiedRelease;
  /** Whether it was made now, or in an earlier run. */
  readonly signed: boolean;
  readonly credential: LabCredential;
  /** What a user can verify it with: the policy's file and the root certificate of the simulated platform. */
  readonly files: { readonly policy: string; readonly signerPolicy: string; readonly quoteRoot: string };
}

/** How the credential came to the signer, and to nobody else. */
export interface LabCredential {
  readonly resource: string;
  readonly attestationPolicyDigest: Digest;
  readonly resourcePolicyDigest: Digest;
  /** From the challenge to the decrypted credential. */
  readonly milliseconds: number;
  readonly refusals: readonly CredentialRefusal[];
}

export interface LabAttestedInput {
  readonly services: LabServices;
  readonly client: RegistryClient;
  readonly config: StackConfig;
  readonly trustedRoot: Uint8Array;
  readonly sample: PublishedSample;
  readonly signer: PublishedSigner;
  /** Judges the key broker's policies. */
  readonly rego: Rego;
}

/**
 * Has the lab's simulated TDX machine, which booted the signer's disk, attest to the lab's key broker, verify and sign the sample as
 * attested-key does, and publish that with the credential which the broker released; then verifies it under a policy with `tee`.
 * Throws Failure.
 */
export async function attestSample(context: LabContext, input: LabAttestedInput): Promise<LabAttested> {
  const { services, client, config, trustedRoot, sample, signer: signerRelease, rego } = input;
  const { state, checkout } = context.directories;
  const pki = loadOrCreateTdxPki(state, { now: context.now() });
  const machine = labMachine();
  const platform = simulatePlatform({ pki, ...machine, now: context.now });
  const policy = policyWithTee(config.policy, signerRelease.digest, machine.measurements, platform.ppid);
  const terms = teeTermsOf(config, { checkout, quoteRoot: pki.root.certificate });
  const tee = await openTeeEvidence(client, { policy, trustedRoot, now: context.now(), tee: terms });
  if (tee === undefined) throw new Error("a policy with tee asked for nothing");
  const signerPolicy = config.signerRelease?.policy.name ?? policy.name;
  if (!tee.signer.ok) throw releaseRefused(signerRelease.repository, signerPolicy, tee.signer.findings);

  const published = compiledForStack(config, tee.signer.proof, checkout);
  const broker = await startLabBroker(context, { ...published, registry: services.registry, rego, platform });
  let made: { readonly signed: boolean; readonly milliseconds: number };
  let refusals: CredentialRefusal[];
  try {
    made = await signThroughBroker(context, input, broker, platform);
    refusals = await tryForCredential(context, client, broker, pki, sample);
  } finally {
    await broker.stop();
  }

  const reference = parseReference(formatDigestReference(sample.repository, sample.digest));
  const { resolved, result } = await verifyImage(client, { reference, policy, trustedRoot, now: context.now(), tee });
  if (!result.ok) throw releaseRefused(resolved, policy.name, result.findings);
  const { attestationPolicyDigest, resourcePolicyDigest } = published.compiled;
  const { signed, milliseconds } = made;
  return {
    pki,
    signerPolicy: config.policy,
    policy,
    trustedRoot,
    tee,
    release: result.proof,
    signed,
    credential: { resource: broker.resource, attestationPolicyDigest, resourcePolicyDigest, milliseconds, refusals },
    files: write(context, config, policy, pki),
  };
}

/** Gets the credential, and signs what is not signed yet: all that is published goes through the door that asks for it. */
async function signThroughBroker(
  context: LabContext,
  { services, config, trustedRoot, sample }: LabAttestedInput,
  broker: LabBroker,
  platform: SimulatedPlatform,
): Promise<{ readonly signed: boolean; readonly milliseconds: number }> {
  const { now, signal } = context;
  const signer: AttestedSigner = {
    attester: platform,
    collateral: platform,
    timestamps: [(data, aborted) => requestTimestamp({ url: services.sigstore.tsa, data, signal: aborted })],
    policy: config.policy,
    trustedRoot,
    trust: platform.trust,
    key: { kind: "ephemeral" },
    now,
  };
  const { quote } = await attestSelf(signer, signal);
  const { client, credential } = brokeredClient(context, broker, services.registry, platform);
  const since = performance.now();
  await credential();
  const milliseconds = Math.round(performance.now() - since);
  const signed = !(await hasOwnSignature(client, signer, quote, sample));
  const reference = parseReference(formatDigestReference(sample.repository, sample.digest));
  if (signed) await signAttested(client, signer, reference, signal);
  return { signed, milliseconds };
}

/** Stack local's policy with a `tee` that only the lab's machine can meet. */
function policyWithTee(
  policy: TrustPolicy,
  signerRelease: Digest,
  { mrtd, rtmr0 }: TdMeasurements,
  ppid: string,
): TrustPolicy {
  return {
    ...policy,
    tee: {
      signerRelease,
      mrtd: [mrtd],
      rtmr0: [rtmr0],
      policyDigests: [policyDigest(policy).slice("sha256:".length)],
      platforms: [ppid],
      statuses: ["UpToDate"],
      advisoriesAllowed: [],
      minEvaluation: 20,
      revoked: [],
    },
  };
}

function write(
  context: LabContext,
  { signerRelease }: StackConfig,
  policy: TrustPolicy,
  pki: TdxPki,
): LabAttested["files"] {
  const { attestedPolicy, attestedSignerPolicy, quoteRoot } = placesOf(context.directories);
  const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
  writeWhole(attestedPolicy, json(policy));
  writeWhole(attestedSignerPolicy, json(signerRelease?.policy));
  writeWhole(quoteRoot, Buffer.from(pki.root.certificate));
  return { policy: attestedPolicy, signerPolicy: attestedSignerPolicy, quoteRoot };
}
