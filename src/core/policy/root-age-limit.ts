import { durationMilliseconds } from "../duration.ts";
import type { TrustPolicy } from "./trust-policy.ts";

/** Until when the policy takes its trusted root: `roots.sigstore.fetched` and `maxAge` after it. Later it is ROOT_TOO_OLD. */
export function rootAgeLimit({ roots }: Pick<TrustPolicy, "roots">): Date {
  const { fetched, maxAge } = roots.sigstore;
  return new Date(Date.parse(fetched) + durationMilliseconds(maxAge));
}
