import { requestTimestamp } from "../src/adapters/fulcio-rekor/request-timestamp.ts";
import { writeWhole } from "../src/adapters/files/write-whole.ts";
import type { RegistryClient } from "../src/adapters/registry/client.ts";
import type { StackConfig } from "../src/config/stack-config.ts";
import { policyDigest } from "../src/core/policy/policy-digest.ts";
import type { TrustPolicy } from "../src/core/policy/trust-policy.ts";
import { formatDigestReference, parseReference } from "../src/core/release/reference.ts";
import type { VerifiedRelease } from "../src/core/release/verified-release.ts";
import type { TeeEvidence } from "../src/core/verify/evidence.ts";
import { attestSelf } from "../src/operations/attested-key/attest-self.ts";
import type { AttestedSigner } from "../src/operations/attested-key/attested-signer.ts";
import { hasOwnSignature } from "../src/operations/attested-key/own-signature.ts";
import { signAttested } from "../src/operations/attested-key/sign-attested.ts";
import { openTeeEvidence } from "../src/operations/open-tee-evidence.ts";
import { verifyImage } from "../src/operations/verify-image.ts";
import { releaseRefused, teeTermsOf } from "../src/operations/verify-releases.ts";
import type { LabContext } from "./context.ts";
import { placesOf } from "./places.ts";
import type { PublishedSample, PublishedSigner } from "./publish-sample.ts";
import type { LabServices } from "./services.ts";
import { labMachine } from "./tdx/lab-machine.ts";
import { loadOrCreateTdxPki } from "./tdx/pki.ts";
import type { TdxPki } from "./tdx/pki.ts";
import { simulatePlatform } from "./tdx/platform.ts";

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
  /** What a user can verify it with: the policy's file and the root certificate of the simulated platform. */
  readonly files: { readonly policy: string; readonly signerPolicy: string; readonly quoteRoot: string };
}

export interface LabAttestedInput {
  readonly services: LabServices;
  readonly client: RegistryClient;
  readonly config: StackConfig;
  readonly trustedRoot: Uint8Array;
  readonly sample: PublishedSample;
  readonly signer: PublishedSigner;
}

/**
 * Has the lab's simulated TDX machine, which booted the signer's disk, verify and sign the sample as attested-key does, and
 * verifies that under a policy with `tee`. Throws Failure.
 */
export async function attestSample(context: LabContext, input: LabAttestedInput): Promise<LabAttested> {
  const { services, client, config, trustedRoot, sample, signer: signerRelease } = input;
  const { state, checkout } = context.directories;
  const pki = loadOrCreateTdxPki(state, { now: context.now() });
  const machine = labMachine();
  const platform = simulatePlatform({ pki, ...machine, now: context.now });
  const signer: AttestedSigner = {
    attester: platform,
    collateral: platform,
    timestamps: [(data, signal) => requestTimestamp({ url: services.sigstore.tsa, data, signal })],
    policy: config.policy,
    trustedRoot,
    trust: platform.trust,
    key: { kind: "ephemeral" },
    now: context.now,
  };
  const { signal } = context;
  const at = { repository: sample.repository, digest: sample.digest };
  const reference = parseReference(formatDigestReference(sample.repository, sample.digest));
  const { quote } = await attestSelf(signer, signal);
  const signed = !(await hasOwnSignature(client, signer, quote, at));
  if (signed) await signAttested(client, signer, reference, signal);

  const { mrtd, rtmr0 } = machine.measurements;
  const policy: TrustPolicy = {
    ...config.policy,
    tee: {
      signerRelease: signerRelease.digest,
      mrtd: [mrtd],
      rtmr0: [rtmr0],
      policyDigests: [policyDigest(config.policy).slice("sha256:".length)],
      platforms: [platform.ppid],
      statuses: ["UpToDate"],
      advisoriesAllowed: [],
      minEvaluation: 20,
      revoked: [],
    },
  };
  const now = context.now();
  const terms = teeTermsOf(config, { checkout, quoteRoot: pki.root.certificate });
  const tee = await openTeeEvidence(client, { policy, trustedRoot, now, tee: terms });
  if (tee === undefined) throw new Error("a policy with tee asked for nothing");
  const { resolved, result } = await verifyImage(client, { reference, policy, trustedRoot, now, tee });
  if (!result.ok) throw releaseRefused(resolved, policy.name, result.findings);
  return {
    pki,
    signerPolicy: config.policy,
    policy,
    trustedRoot,
    tee,
    release: result.proof,
    signed,
    files: write(context, config, policy, pki),
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
