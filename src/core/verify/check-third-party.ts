import { formatDigestReference } from "../release/reference.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import type { Evidence } from "./evidence.ts";
import { refuse } from "./finding.ts";
import type { Checked } from "./finding.ts";

/**
 * Rule 8, images of others. A waiver lets an image run that nobody proves anything about, so it never verifies: the
 * finding says whether the waiver covers it. Undefined when the policy has no waiver for the repository.
 */
export function checkThirdParty(
  { repository, digest }: Pick<Evidence, "repository" | "digest">,
  policy: TrustPolicy,
  now: Date,
): Checked<never> | undefined {
  const waivers = policy.thirdParty.filter((entry) => entry.repository === repository);
  if (waivers.length === 0) return undefined;
  const subject = formatDigestReference(repository, digest);
  // As the admission rules have it: what is revoked is waived by nothing.
  if (policy.revoked.includes(digest)) {
    return refuse("REVOKED", {
      subject,
      expected: "no digest that the policy revoked",
      found: digest,
      remedy: "Use another digest of this image: this one was revoked in the policy.",
    });
  }
  const covering = waivers.filter(({ digests }) => digests.includes(digest));
  const [first] = covering;
  if (first === undefined) {
    return refuse("THIRD_PARTY_DIGEST_NOT_LISTED", {
      subject,
      expected: waivers.flatMap(({ digests }) => digests).join(" or "),
      found: digest,
      remedy: "Use a digest that thirdParty lists, or review this one and add it.",
    });
  }
  const current = covering.find(({ expires }) => now.getTime() < Date.parse(expires));
  if (current === undefined) {
    return refuse("THIRD_PARTY_EXPIRED", {
      subject,
      expected: "a waiver that has not ended",
      found: `ended ${first.expires}`,
      remedy: "Review the image again, and set a new date in thirdParty.",
    });
  }
  return refuse("THIRD_PARTY_NOT_VERIFIED", {
    subject,
    expected: "a proof",
    found: `a waiver until ${current.expires}, for ${current.namespaces.join(", ")}: ${current.reason}`,
    remedy: "Accept it with --accept-waivers where a waiver is enough: nothing was verified.",
  });
}
