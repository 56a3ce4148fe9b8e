import { Failure } from "../../core/failure.ts";
import { repositoriesOf } from "../../core/policy/policy-repositories.ts";
import type { TrustPolicy } from "../../core/policy/trust-policy.ts";

/**
 * For what is sent a credential: the repository is one that the measured policy names. A machine's metadata is anybody's who
 * may write it, and would else say which registry gets to see the credential. Throws ATTESTED_REPOSITORY_UNLISTED (usage).
 */
export function requireListed(policy: TrustPolicy, repository: string): void {
  const listed = repositoriesOf(policy);
  if (listed.includes(repository)) return;
  throw new Failure({
    code: "ATTESTED_REPOSITORY_UNLISTED",
    kind: "usage",
    message: `The policy "${policy.name}" names no repository "${repository}": nothing of it would be signed, and its registry gets no credential.`,
    remedy: `Name one of the policy's images or their mirrors: ${listed.slice(0, 10).join(", ")}.`,
  });
}
