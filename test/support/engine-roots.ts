import { readFileSync } from "node:fs";
import type { EngineRoots } from "../../src/core/compile/engine-input/roots.ts";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import { casesPolicy } from "./admission.ts";

/** trusted_root.json of public-good Sigstore, as the checkout has it. */
export const publicGoodRoot: Uint8Array = readFileSync(new URL("../../stacks/roots/public-good.json", import.meta.url));

export const publicGoodRoots: EngineRoots = { kind: "public-good", trustedRoot: publicGoodRoot };

/** The same root, as one's own instance would give it. */
export const privateRoots: EngineRoots = {
  kind: "private",
  trustedRoot: publicGoodRoot,
  tuf: { mirror: "https://tuf.example", root: "e30=" },
};

/** The policy of the cases, which pins that root; digest 6 is revoked. */
export function enginePolicy(changes: Readonly<Record<string, unknown>> = {}): TrustPolicy {
  const sigstore = { sha256: sha256Hex(publicGoodRoot), fetched: "2026-11-01T00:00:00Z", maxAge: "90d" };
  return casesPolicy({
    roots: { sigstore, tlog: 1, ct: 1, tsa: 1 },
    revoked: [`sha256:${"6".repeat(64)}`],
    ...changes,
  });
}
