import { buildProvenance } from "../../src/core/intoto/build-provenance.ts";
import { predicateTypes } from "../../src/core/intoto/statement.ts";
import { canonicalBytes } from "../../src/core/json/canonical-json.ts";
import { digestOf } from "../../src/core/oci/digest.ts";
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

/** The provenance of one platform, by the workflow that the certificate will name. */
function provenance(input: SampleReleaseInput, platform: string): object {
  const { source, workflow, attribute, lock, invocation } = input;
  const { repository, commit, ref } = source;
  return buildProvenance({
    ...{ repository, commit, ref, attribute, platform },
    lock: { path: lock.path, digest: digestOf(lock.bytes) },
    builderId: `${repository}/${workflow}@${ref}`,
    ...(invocation === undefined ? {} : { invocationId: invocation }),
  });
}
