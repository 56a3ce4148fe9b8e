import { Failure } from "../../failure.ts";
import { canonicalBytes } from "../../json/canonical-json.ts";
import { digestOf } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import type { TrustPolicy } from "../../policy/trust-policy.ts";
import { attestationPolicy, attestationPolicyId } from "./attestation-policy.ts";
import type { ReferenceName } from "./attestation-policy.ts";
import { brokerConfigs } from "./kbs-config.ts";
import type { BrokerConfigs, BrokerLayout } from "./kbs-config.ts";
import { resourcePolicy } from "./resource-policy.ts";
import { resourcePath } from "./rules.ts";
import type { BrokerResource, TeeRules } from "./rules.ts";

/** One release of the signer's image, as far as its measurements go. */
export interface SignerRelease {
  readonly repository: string;
  readonly digest: Digest;
  /** Out of the release manifest; `planned` in an offline preview, which has no manifest. */
  readonly measurements: { readonly rtmr1: string; readonly rtmr2: string } | "planned" | undefined;
}

/** Who gets what: all that policies and reference values need beside the releases. */
export interface BrokerRules {
  readonly tee: TeeRules;
  readonly resources: readonly BrokerResource[];
}

export interface BrokerSettings extends BrokerLayout, BrokerRules {}

export type ReferenceValues = Readonly<Record<ReferenceName, readonly string[]>>;

/** The body of one request of an administrator: what `neko-trust` posts, in this order. */
export interface AdminRequest {
  readonly name: "attestation-policy" | "resource-policy" | "reference-value";
  /** Below the broker's address. */
  readonly path: string;
  /** JSON. */
  readonly body: string;
}

/** What an administrator tells a broker that runs. */
export interface CompiledBrokerPolicies {
  readonly attestationPolicyId: string;
  /** Rego. */
  readonly attestationPolicy: string;
  readonly attestationPolicyDigest: Digest;
  /** Rego. */
  readonly resourcePolicy: string;
  readonly resourcePolicyDigest: Digest;
  readonly referenceValues: ReferenceValues;
  /** SHA-256 of their RFC 8785 form. */
  readonly referenceValuesDigest: Digest;
  /** Policies before reference values: nothing may be releasable under Trustee's own policies in between. */
  readonly requests: readonly AdminRequest[];
  /** Paths below /kbs/v0/resource/, sorted. */
  readonly resources: readonly string[];
  /** What is weaker than it could be, or not known yet; never silent. */
  readonly warnings: readonly string[];
}

export interface CompiledKeyBroker extends CompiledBrokerPolicies {
  readonly configs: BrokerConfigs;
}

/**
 * The signer's policy, its releases and the settings → everything that Trustee is told. Pure: the same input gives the same
 * bytes. Throws KBS_POLICY_HAS_TEE, KBS_NO_RELEASE, RELEASE_IMAGE_UNKNOWN, RELEASE_REVOKED,
 * SIGNER_RELEASE_WITHOUT_MEASUREMENTS.
 */
export function compile(
  policy: TrustPolicy,
  releases: readonly SignerRelease[],
  settings: BrokerSettings,
): CompiledKeyBroker {
  return { ...compilePolicies(policy, releases, settings), configs: brokerConfigs(settings, settings.resources) };
}

/** `compile` without the broker's own configuration, for a broker that somebody else runs. Pure; throws the same. */
export function compilePolicies(
  policy: TrustPolicy,
  releases: readonly SignerRelease[],
  { tee, resources }: BrokerRules,
): CompiledBrokerPolicies {
  const warnings: string[] = [];
  if (policy.tee !== undefined) throw policyWithTee(policy);
  if (releases.length === 0) throw noRelease(policy);
  const measured = releases.map((release) => measurementsOf(policy, release, warnings));
  if (tee.platforms.length === 0) {
    warnings.push(
      "platforms is empty: the platform is unbound, and a quote that was forged with a key taken out of any Intel machine is believed.",
    );
  }
  const referenceValues: ReferenceValues = {
    mr_td: sorted(tee.mrtd),
    rtmr_0: sorted(tee.rtmr0),
    rtmr_1: sorted(measured.map(({ rtmr1 }) => rtmr1)),
    rtmr_2: sorted(measured.map(({ rtmr2 }) => rtmr2)),
    rtmr_1_2: sorted(measured.map(({ rtmr1, rtmr2 }) => `${rtmr1}:${rtmr2}`)),
  };
  const attestation = attestationPolicy(tee);
  const resource = resourcePolicy(resources);
  const values = canonicalBytes(referenceValues);
  return {
    attestationPolicyId,
    attestationPolicy: attestation,
    attestationPolicyDigest: digestOf(attestation),
    resourcePolicy: resource,
    resourcePolicyDigest: digestOf(resource),
    referenceValues,
    referenceValuesDigest: digestOf(values),
    requests: [
      {
        name: "attestation-policy",
        path: "/kbs/v0/attestation-policy",
        body: JSON.stringify({ type: "rego", policy_id: attestationPolicyId, policy: base64Url(attestation) }),
      },
      {
        name: "resource-policy",
        path: "/kbs/v0/resource-policy",
        body: JSON.stringify({ policy: base64Url(resource) }),
      },
      {
        name: "reference-value",
        path: "/kbs/v0/reference-value",
        // The extractor "sample" is RVPS's plain list of names and values; it is unsigned, so only the administrator may
        // post. RVPS decodes padded base64 here, and unpadded base64url above.
        body: JSON.stringify({
          version: "0.1.0",
          type: "sample",
          payload: Buffer.from(values).toString("base64"),
        }),
      },
    ],
    resources: resources.map(resourcePath).toSorted(),
    warnings,
  };
}

const sorted = (values: readonly string[]): string[] => [...new Set(values)].toSorted();
const base64Url = (text: string): string => Buffer.from(text, "utf8").toString("base64url");

function measurementsOf(
  policy: TrustPolicy,
  release: SignerRelease,
  warnings: string[],
): { rtmr1: string; rtmr2: string } {
  const name = `${release.repository}@${release.digest}`;
  const known = policy.images.some(
    ({ repository, mirrors }) => repository === release.repository || mirrors.includes(release.repository),
  );
  if (!known) {
    throw refused("RELEASE_IMAGE_UNKNOWN", `${name} is of no image that policy ${policy.name} names.`, {
      remedy: "Name its repository in the signer's policy, or give the release of the signer's image.",
    });
  }
  if (policy.revoked.includes(release.digest)) {
    throw refused("RELEASE_REVOKED", `${name} is revoked by policy ${policy.name}.`, {
      remedy: "Name another release of the signer.",
    });
  }
  if (release.measurements === "planned") {
    warnings.push(
      `${name} was only planned: its measurements are placeholders, and so are the reference values of this preview.`,
    );
    return { rtmr1: "placeholder-rtmr1", rtmr2: "placeholder-rtmr2" };
  }
  if (release.measurements === undefined) {
    throw refused("SIGNER_RELEASE_WITHOUT_MEASUREMENTS", `The manifest of ${name} has no measurements.`, {
      remedy: "Give a release of the signer's disk image: its manifest has `disk` and `measurements`.",
    });
  }
  return release.measurements;
}

function refused(code: string, message: string, { remedy }: { remedy: string }): Failure {
  return new Failure({ code, kind: "refused", message, remedy });
}

function policyWithTee(policy: TrustPolicy): Failure {
  return refused("KBS_POLICY_HAS_TEE", `Policy ${policy.name} of the signer's release asks for a TEE itself.`, {
    remedy: "Give the signer a policy of its own without `tee`: no release vouches for its own signer.",
  });
}

function noRelease(policy: TrustPolicy): Failure {
  return refused("KBS_NO_RELEASE", `No release of the signer was given for policy ${policy.name}.`, {
    remedy: "Give at least the release that the signer runs.",
  });
}
