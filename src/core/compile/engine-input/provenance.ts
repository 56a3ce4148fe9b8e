import type { TrustPolicy } from "../../policy/trust-policy.ts";
import type { EnginePlacement, Weakness } from "./placement.ts";

/** That provenance is required and an engine doesn't look for it, as it hangs on the platforms' manifests. */
export function provenanceWeaknesses(
  policy: TrustPolicy,
  placement: Pick<EnginePlacement, "indexProvenance">,
): Weakness[] {
  if (policy.require.provenance.length === 0 || placement.indexProvenance === true) return [];
  const message =
    "Provenance is attached to the platforms' manifests, and an engine looks at the index only: it is checked by " +
    "verifyRelease before a digest gets into the list, and not again by the engine.";
  return [{ code: "PROVENANCE_NOT_ON_INDEX", message }];
}
