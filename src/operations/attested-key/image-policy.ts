import { existsSync } from "node:fs";
import type { Digest } from "../../core/oci/digest.ts";
import { policyDigest } from "../../core/policy/policy-digest.ts";
import { readPolicyFile } from "../read-policy-file.ts";

/** Where the signer's image has its policy (nix/modules/signer.nix). */
export const imagePolicyPath = "/etc/neko-trust/policy.yaml";

export interface ImagePolicy {
  readonly path: string;
  readonly name: string;
  /** What `tee.policyDigests` lists, there without `sha256:`. */
  readonly digest: Digest;
}

/** The policy that this machine verifies under; undefined where none is named and the image has none. Throws as readPolicyFile. */
export function readImagePolicy(path?: string, fallback = imagePolicyPath): ImagePolicy | undefined {
  const named = path ?? (existsSync(fallback) ? fallback : undefined);
  if (named === undefined) return undefined;
  const policy = readPolicyFile(named);
  return { path: named, name: policy.name, digest: policyDigest(policy) };
}
