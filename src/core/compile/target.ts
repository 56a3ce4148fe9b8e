import { Failure } from "../failure.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import type { KyvernoPlacement } from "./kyverno/compile.ts";
import type { EngineRoots, TufRepository } from "./engine-input/roots.ts";
import type { BrokerRules, SignerRelease } from "./key-broker/compile.ts";
import type { SupportTable } from "./requirement.ts";
import type { Placement } from "./validating-admission-policy/compile.ts";
import type { ImageRelease } from "./validating-admission-policy/image-list.ts";

/** All that any target needs; each takes what it asks for in `needs`. */
export interface TargetInput {
  readonly policy: TrustPolicy;
  /** Digests of verified releases. */
  readonly releases: readonly ImageRelease[];
  readonly now: Date;
  readonly placement: Placement & Pick<KyvernoPlacement, "indexProvenance" | "credentials">;
  /** The bytes that the policy pins. */
  readonly trustedRoot?: Uint8Array;
  /** Where engines fetch the root of an instance of one's own; public-good Sigstore unless given. */
  readonly tuf?: TufRepository;
  /** For the key broker: `policy` is its signer's, and these are the signer's releases and who gets what. */
  readonly broker?: BrokerRules & { readonly releases: readonly SignerRelease[] };
}

/** What came out: documents in the order that they are applied in, and what a reader has to know. */
export interface TargetOutput {
  readonly documents: readonly object[];
  /** One sentence each: what is left out, or checked less strictly than the policy says. */
  readonly notes: readonly string[];
}

/** Something that a TrustPolicy is compiled for. */
export interface CompileTarget {
  /** As people call it: a heading in tables. */
  readonly title: string;
  /** One line: what comes out. */
  readonly summary: string;
  /** `admission`: objects for a cluster, with a placement; policy/cluster has an example of each. */
  readonly kind: "admission" | "configuration";
  /** The folder below src/core/compile that has its README.md. */
  readonly folder: string;
  /** What it can't do without: a list of verified releases, the trusted root, the signer's releases and the broker's rules. */
  readonly needs: readonly ("releases" | "root" | "broker")[];
  readonly support: SupportTable;
  /** Pure. Throws what the target's own compile throws. */
  readonly compile: (input: TargetInput) => TargetOutput;
}

/** The root, as the engines' compilers take it. Throws COMPILE_ROOT_MISSING (usage). */
export function rootsOf({ trustedRoot, tuf }: TargetInput): EngineRoots {
  if (trustedRoot === undefined) {
    throw new Failure({
      code: "COMPILE_ROOT_MISSING",
      kind: "usage",
      message: "This target writes the trusted root into its objects, and none was given.",
      remedy: "Name a stack with --stack, or give the trusted_root.json that the policy pins with --trusted-root.",
    });
  }
  return tuf === undefined ? { kind: "public-good", trustedRoot } : { kind: "private", trustedRoot, tuf };
}
