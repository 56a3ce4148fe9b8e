import { Failure } from "../../core/failure.ts";
import type { TrustPolicy } from "../../core/policy/trust-policy.ts";
import { checkRoot } from "../../core/verify/check-root.ts";

/**
 * A signer's root is the one that its policy pins, and can be read: with another one it would be attested, and refuse every image.
 * One that is too old is no reason to stop: each image says so, and the machine stays attested. Throws what rule 2 finds else, the
 * first of it as code and remedy: ROOT_DIGEST_MISMATCH, ROOT_INVALID, ROOT_KEY_WITHOUT_START, ROOT_LOCAL_OUTSIDE_LOCAL (usage).
 */
export function requireSignerRoot(policy: TrustPolicy, trustedRoot: Uint8Array, now: Date): void {
  const checked = checkRoot(trustedRoot, policy, now);
  if (checked.ok) return;
  const [first, ...others] = checked.findings.filter(({ code }) => code !== "ROOT_TOO_OLD");
  if (first === undefined) return;
  const { code, expected, found, remedy } = first;
  throw new Failure({
    code,
    kind: "usage",
    message: `The trusted root is none to sign by under policy "${policy.name}": expected ${expected}; found ${found}.`,
    remedy,
    details: others.map((other) => `${other.code}: expected ${other.expected}; found ${other.found}`),
  });
}
