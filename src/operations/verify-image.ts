import type { RegistryClient } from "../adapters/registry/client.ts";
import { unwrap } from "../adapters/registry/unwrap.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import { formatDigestReference } from "../core/release/reference.ts";
import type { Reference } from "../core/release/reference.ts";
import type { VerifiedRelease } from "../core/release/verified-release.ts";
import type { TeeEvidence } from "../core/verify/evidence.ts";
import type { Checked } from "../core/verify/finding.ts";
import { verifyRelease } from "../core/verify/verify-release.ts";
import { collectEvidence } from "./collect-evidence.ts";

export interface VerifyImageRequest {
  readonly reference: Reference;
  readonly policy: TrustPolicy;
  readonly trustedRoot: Uint8Array;
  readonly now: Date;
  /** For the reading of all evidence; what is not read by then refuses. As collectEvidence has it unless given. */
  readonly maxMilliseconds?: number;
  /** Whether each platform's NAR is recomputed from the registry's layers: exact, and as slow as a pull. */
  readonly deep?: boolean;
  /** What `openTeeEvidence` gave, once for all images of a policy with `tee`; undefined under a policy without, and only there. */
  readonly tee: TeeEvidence | undefined;
}

export interface VerifyImageResult {
  /** `repository@digest`: what the reference was resolved to, and all that was looked at. */
  readonly resolved: string;
  readonly result: Checked<VerifiedRelease>;
}

/**
 * Resolves the reference once, collects the evidence of that digest and verifies it. Throws Failure when the registry
 * can't be asked; what the evidence does not prove is in the result.
 */
export async function verifyImage(client: RegistryClient, request: VerifyImageRequest): Promise<VerifyImageResult> {
  const { reference, policy, trustedRoot, now, deep = false, tee, maxMilliseconds } = request;
  const asked = `${reference.repository}${reference.tag === undefined ? "" : `:${reference.tag}`}${
    reference.digest === undefined ? "" : `@${reference.digest}`
  }`;
  const { digest, bytes } = unwrap(await client.resolve(reference), `image ${asked}`);
  const { repository } = reference;
  const collected = await collectEvidence(client, {
    repository,
    digest,
    index: bytes,
    trustedRoot,
    rebuilders: policy.rebuilds.rebuilders,
    legacySignatures: policy.legacySignatures === "allow",
    deep,
    ...(maxMilliseconds === undefined ? {} : { maxMilliseconds }),
  });
  const evidence = tee === undefined ? collected : { ...collected, tee };
  return { resolved: formatDigestReference(repository, digest), result: verifyRelease(evidence, policy, now) };
}
