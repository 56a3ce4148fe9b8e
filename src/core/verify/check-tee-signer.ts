import { X509Certificate } from "node:crypto";
import { reasonOf } from "../failure.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import type { ReleaseManifest } from "../release/manifest.ts";
import { assertVerified } from "../release/verified-release.ts";
import type { ReleaseData } from "../release/verified-release.ts";
import { labOrganization } from "../sigstore/trusted-root.ts";
import { intelTrust } from "../tdx/intel-root.ts";
import type { QuoteTrust } from "../tdx/contract.ts";
import type { Evidence } from "./evidence.ts";
import { proven, refuse } from "./finding.ts";
import type { Checked } from "./finding.ts";

/** What the machine that signs has to have measured, as its own verified release says. */
export type SignerMeasurements = NonNullable<ReleaseManifest["measurements"]>;

const remedy =
  "Name the signer's image with its policy (signerRelease in the stack, or --signer-image and --signer-policy): it is verified first.";

/**
 * The measurements of the release that `tee.signerRelease` names. It has to be proven in this process, under a policy of the
 * same environment that has no `tee` itself and (save in a lab) demands independent rebuilds, and it can't be the release
 * that is being verified: no release vouches for its own signer.
 */
export function checkTeeSigner(
  { digest, tee }: Pick<Evidence, "digest" | "tee">,
  demand: NonNullable<TrustPolicy["tee"]>,
  environment: TrustPolicy["environment"],
): Checked<SignerMeasurements> {
  // One build would decide alone what a machine has to measure; a lab has nobody who could build it again.
  const needsRebuilds = environment !== "local";
  const quorum = needsRebuilds ? " and with a quorum of rebuilds" : "";
  const refused = (found: string): Checked<never> =>
    refuse("TEE_SIGNER_RELEASE", {
      subject: `signer release ${demand.signerRelease}`,
      expected: `that release, verified under a policy for ${environment} without tee${quorum}, with measurements`,
      found,
      remedy,
    });
  if (demand.signerRelease === digest) return refused("the release itself, which can't vouch for its own signer");
  if (tee === undefined) return refused("no verified release of the signer");
  if (!tee.signer.ok) {
    // The registry's silence about the signer refutes nothing (rule 9).
    const refusals = tee.signer.findings.filter(({ severity }) => severity === "refuse");
    if (refusals.length > 0 && refusals.every(({ code }) => code.startsWith("REGISTRY_"))) return tee.signer;
    return refused(`a release that does not verify: ${[...new Set(refusals.map(({ code }) => code))].join(", ")}`);
  }
  let signer: ReleaseData;
  try {
    signer = assertVerified(tee.signer.proof);
  } catch (error) {
    return refused(reasonOf(error));
  }
  if (signer.digest !== demand.signerRelease) return refused(`the release ${signer.digest}`);
  if (signer.tee !== undefined) return refused("a release that was verified by means of another signer's");
  if (signer.environment !== environment) return refused(`a release verified for ${signer.environment}`);
  const unattended = signer.manifest.platforms.filter(
    ({ digest: of }) => !signer.rebuilds.some((one) => one.digest === of && one.demanded >= 1),
  );
  if (needsRebuilds && unattended.length > 0) {
    const platforms = unattended.map(({ platform }) => platform).join(", ");
    return refused(`a release of whose ${platforms} its policy demands no independent rebuild (rebuilds.perPlatform)`);
  }
  const { measurements } = signer.manifest;
  return measurements === undefined ? refused("a release whose manifest has no measurements") : proven(measurements);
}

/**
 * Whom quotes have to end at: Intel's root. In environment local a lab may name the root of its simulated platform, which
 * has to say that it is one.
 */
export function checkQuoteRoot(
  root: Uint8Array | undefined,
  environment: TrustPolicy["environment"],
): Checked<QuoteTrust> {
  if (root === undefined) return proven(intelTrust);
  const refused = (found: string): Checked<never> =>
    refuse("TEE_ROOT_NOT_ALLOWED", {
      subject: "the root of quotes",
      expected: environment === "local" ? `Intel's root, or a lab's (O=${labOrganization})` : "Intel's root",
      found,
      remedy: "Leave --quote-root out: only the simulated platform of a lab has a root of its own.",
    });
  if (environment !== "local") return refused(`another one, for environment "${environment}"`);
  try {
    const certificate = new X509Certificate(root);
    const organizations = certificate.subject.split("\n").filter((line) => line === `O=${labOrganization}`);
    if (organizations.length !== 1) return refused("a certificate that does not say that it is a lab's");
    return proven({ rootSpki: certificate.publicKey.export({ format: "der", type: "spki" }) });
  } catch {
    return refused("no certificate");
  }
}
