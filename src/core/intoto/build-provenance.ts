import type { Digest } from "../oci/digest.ts";
import { buildTypes } from "./statement.ts";

/** What a build of one platform was made from and by, in the words of the certificate that will sign it. */
export interface BuildFacts {
  /** `https://github.com/owner/name`: the flake's repository, which the certificate names too (.12). */
  readonly repository: string;
  /** Full ref (.14): `refs/tags/v1.0.0`. */
  readonly ref: string;
  /** 40 hex digits (.13). */
  readonly commit: string;
  /** The flake's attribute that was built. */
  readonly attribute: string;
  /** `linux/amd64` */
  readonly platform: string;
  /** The file that pins the build's inputs. */
  readonly lock: { readonly path: string; readonly digest: Digest };
  /** The workflow with its ref (.9). */
  readonly builderId: string;
  /** The run (.21), when the certificate will name it. */
  readonly invocationId?: string;
}

/**
 * SLSA provenance v1 (slsa.dev/spec/v1.2/build-provenance) of build type `…/nix-oci/v1`. It has no times: nothing
 * could verify them, and the signature's own time is trusted.
 */
export function buildProvenance(facts: BuildFacts) {
  const { repository, ref, commit, attribute, platform, lock, builderId, invocationId } = facts;
  const source = `git+${repository}@${ref}`;
  return {
    buildDefinition: {
      buildType: buildTypes.nixOci,
      externalParameters: { flake: { repository, commit }, attribute, platform },
      resolvedDependencies: [
        { uri: source, digest: { gitCommit: commit } },
        {
          name: lock.path,
          uri: `${source}#${lock.path}`,
          digest: { sha256: lock.digest.slice("sha256:".length) },
        },
      ],
    },
    runDetails: {
      builder: { id: builderId },
      ...(invocationId === undefined ? {} : { metadata: { invocationId } }),
    },
  };
}
