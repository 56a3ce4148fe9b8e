import type { Placement } from "../validating-admission-policy/compile.ts";

/** Where and how an engine's policies are put into one cluster; the same contract as the baseline's. */
export interface EnginePlacement extends Pick<Placement, "name" | "rollout" | "scope"> {
  /**
   * Our releases carry provenance on the platforms' manifests, and these engines look only at what hangs on the digest that
   * a pod names, the index. Set it when every release has provenance on the index, too: then it is demanded.
   */
  readonly indexProvenance?: boolean;
}

/** Something that the policy says and that the compiled objects check less strictly; told, never silent. */
export interface Weakness {
  readonly code: "ANY_CALLER" | "PROVENANCE_NOT_ON_INDEX";
  /** One sentence: what the engine does not see. */
  readonly message: string;
}
