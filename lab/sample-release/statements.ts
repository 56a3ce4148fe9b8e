import { buildTypes, predicateTypes } from "../../src/core/intoto/statement.ts";
import { canonicalBytes } from "../../src/core/json/canonical-json.ts";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import type { ReleaseManifest } from "../../src/core/release/manifest.ts";
import type { SampleReleaseInput } from "./sample-input.ts";

/** One in-toto statement, ready to be signed and attached to its subject. */
export interface SampleStatement {
  readonly kind: "signature" | "manifest" | "provenance" | "sbom";
  /** The index (signature, manifest) or a platform's image manifest (provenance, SBOM). */
  readonly subject: Digest;
  readonly predicateType: string;
  readonly statement: object;
  /** The statement as RFC 8785 bytes: the payload to sign. */
  readonly payload: Uint8Array;
}

/** All statements of a release: what `require` of a policy can name, each for its subject. */
export function statementsOf(
  input: SampleReleaseInput,
  manifest: ReleaseManifest,
  sboms: ReadonlyMap<string, object>,
): SampleStatement[] {
  const make = (
    kind: SampleStatement["kind"],
    subject: Digest,
    predicateType: string,
    predicate: unknown,
  ): SampleStatement => {
    const digest = { sha256: subject.slice("sha256:".length) };
    const statement = {
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: input.repositoryName, digest }],
      predicateType,
      predicate,
    };
    return { kind, subject, predicateType, statement, payload: canonicalBytes(statement) };
  };
  return [
    make("signature", manifest.digest, predicateTypes.signature, {}),
    make("manifest", manifest.digest, predicateTypes.release, manifest),
    ...manifest.platforms.flatMap(({ platform, digest }) => [
      make("provenance", digest, predicateTypes.provenance, provenance(input, platform)),
      make("sbom", digest, predicateTypes.spdx23, sboms.get(platform)),
    ]),
  ];
}

/** SLSA provenance v1 (slsa.dev/spec/v1.2/build-provenance) of one platform. */
function provenance(input: SampleReleaseInput, platform: string): object {
  const { repository, commit, ref } = input.source;
  return {
    buildDefinition: {
      buildType: buildTypes.nixOci,
      externalParameters: { flake: { repository, commit }, attribute: input.attribute, platform },
      resolvedDependencies: [
        { uri: `git+${repository}@${ref}`, digest: { gitCommit: commit } },
        {
          name: input.lock.path,
          uri: `git+${repository}@${ref}#${input.lock.path}`,
          digest: { sha256: sha256Hex(input.lock.bytes) },
        },
      ],
    },
    runDetails: {
      builder: { id: `${repository}/${input.workflow}@${ref}` },
      ...(input.invocation === undefined ? {} : { metadata: { invocationId: input.invocation } }),
    },
  };
}
