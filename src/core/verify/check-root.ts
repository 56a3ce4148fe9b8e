import { isInFuture } from "../clock-skew.ts";
import { sha256Hex } from "../oci/digest.ts";
import { rootAgeLimit } from "../policy/root-age-limit.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import { labOrganization, readTrustedRoot } from "../sigstore/trusted-root.ts";
import type { TrustedRootMaterial } from "../sigstore/trusted-root.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked } from "./finding.ts";

/** Rule 2: the trusted root is the one that the policy pins, young enough, and no lab root outside `local`. */
export function checkRoot(bytes: Uint8Array, policy: TrustPolicy, now: Date): Checked<TrustedRootMaterial> {
  const pinned = policy.roots.sigstore;
  const found = sha256Hex(bytes);
  if (found !== pinned.sha256) {
    return refuse("ROOT_DIGEST_MISMATCH", {
      subject: "trusted_root.json",
      expected: `sha256 ${pinned.sha256} (roots.sigstore.sha256)`,
      found: `sha256 ${found}`,
      remedy: "Restore the pinned file, or review the new root and update roots.sigstore in the policy.",
    });
  }
  const root = readTrustedRoot(bytes);
  if (!root.ok) return root;
  const checks: Checked<null>[] = [];
  if (isInFuture(new Date(pinned.fetched), now)) {
    checks.push(
      refuse("ROOT_TOO_OLD", {
        subject: "trusted_root.json",
        expected: `fetched before ${now.toISOString()}`,
        found: `fetched ${pinned.fetched}`,
        remedy: "Correct roots.sigstore.fetched in the policy: a date in the future would let the root age for ever.",
      }),
    );
  }
  if (!(now <= rootAgeLimit(policy))) {
    checks.push(
      refuse("ROOT_TOO_OLD", {
        subject: "trusted_root.json",
        expected: `fetched at most ${pinned.maxAge} ago`,
        found: `fetched ${pinned.fetched}`,
        remedy: "Fetch the root over TUF again, review its key windows, and update roots.sigstore in the policy.",
      }),
    );
  }
  if (root.proof.lab && policy.environment !== "local") {
    checks.push(
      refuse("ROOT_LOCAL_OUTSIDE_LOCAL", {
        subject: "trusted_root.json",
        expected: `a root for environment "${policy.environment}"`,
        found: `a lab root (O=${labOrganization})`,
        remedy: "Name the real Sigstore root: lab roots are accepted in environment local only.",
      }),
    );
  }
  const failed = all(checks);
  return failed.ok ? proven(root.proof) : failed;
}
