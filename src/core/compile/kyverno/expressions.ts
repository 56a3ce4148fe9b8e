import type { TrustPolicy } from "../../policy/trust-policy.ts";
import type { EngineIdentity } from "../engine-input/identities.ts";
import { imagesOf, pinnedPattern } from "../validating-admission-policy/expressions.ts";

/** The CEL of an ImageValidatingPolicy. Everything is compared as a whole: no glob, no pattern that isn't anchored. */

/** All policy images of a pod. Kyverno has taken out those that matchImageReferences don't name. */
export const judgedImages =
  "(images.?containers.orValue([]) + images.?initContainers.orValue([]) + images.?ephemeralContainers.orValue([]))";

/** A CEL string literal. JSON's escapes are CEL's; what JSON leaves as it is, CEL takes as it is. */
export function literal(text: string): string {
  return JSON.stringify(text);
}

function list(texts: readonly string[]): string {
  return `[${texts.map(literal).join(", ")}]`;
}

/** One per image: exactly its repositories, with any tag or digest. A glob's `*` would cross slashes in Kyverno. */
export function imageReferences(policy: TrustPolicy): { expression: string }[] {
  return policy.images.map(({ repository, mirrors }) => ({
    expression: [repository, ...mirrors.toSorted()]
      .map(
        (name) =>
          `ref == ${literal(name)} || ref.startsWith(${literal(`${name}:`)}) || ref.startsWith(${literal(`${name}@`)})`,
      )
      .join(" || "),
  }));
}

/**
 * An update that leaves the images as they are is never judged, as in the baseline. By the operation, as Kyverno's oldObject is
 * an empty map, not null, where there is none.
 */
export const imagesChanged =
  `request.?operation.orValue("CREATE") != "UPDATE" || ` +
  `(${imagesOf("object.spec")}) != (${imagesOf("oldObject.spec")})`;

/** Repository → the product's name and the platforms that a manifest for it has to have. */
export function imageVariables(policy: TrustPolicy): { name: string; expression: string }[] {
  const entries = policy.images
    .flatMap(({ name, repository, mirrors, platforms }) =>
      [repository, ...mirrors].map((place) => ({ place, name, platforms: platforms.toSorted() })),
    )
    .sort((left, right) => (left.place < right.place ? -1 : 1));
  const map = (value: (entry: (typeof entries)[number]) => string): string =>
    `{${entries.map((entry) => `${literal(entry.place)}: ${value(entry)}`).join(", ")}}`;
  return [
    { name: "products", expression: map(({ name }) => literal(name)) },
    { name: "platforms", expression: map(({ platforms }) => list(platforms)) },
  ];
}

export const pinned = `${judgedImages}.all(i, i.matches(${literal(pinnedPattern)}))`;

export function notRevoked(digests: readonly string[]): string {
  return `${judgedImages}.all(i, !(i.split("@")[1] in ${list(digests)}))`;
}

/** At least one of the identities made a statement of the type about every image. */
export function attested(attestation: string, identities: readonly EngineIdentity[]): string {
  const attestors = identities.map((identity) => `attestors.${attestorName(identity)}`).join(", ");
  return `${judgedImages}.all(i, verifyAttestationSignatures(i, attestations.${attestation}, [${attestors}]) > 0)`;
}

/**
 * As `attested`, and what the statement says holds. Each identity is asked alone: of several statements of one type
 * Kyverno keeps one, and it must be this identity's that is looked at.
 */
function attestedWith(
  attestation: string,
  identities: readonly EngineIdentity[],
  holds: (identity: EngineIdentity) => string,
): string {
  const each = identities.map(
    (identity) =>
      `(verifyAttestationSignatures(i, attestations.${attestation}, [attestors.${attestorName(identity)}]) > 0 && ` +
      `[extractPayload(i, attestations.${attestation}).predicate].all(p, ${holds(identity)}))`,
  );
  return `${judgedImages}.all(i, ${each.join(" || ")})`;
}

/** The manifest is this image's: its digest, product, platforms, and the repository that its signer signs for. */
export function manifestHolds(identities: readonly EngineIdentity[]): string {
  return attestedWith("manifest", identities, ({ repository }) =>
    [
      'p.digest == i.split("@")[1]',
      'p.name == variables.products[i.split("@")[0]]',
      'p.platforms.map(e, e.platform) == variables.platforms[i.split("@")[0]]',
      `p.flake.repository == ${literal(repository)}`,
    ].join(" && "),
  );
}

/** Provenance on the index: by a listed builder, of a listed type, from the repository that its signer signs for. */
export function provenanceHolds(identities: readonly EngineIdentity[], policy: TrustPolicy): string {
  const { builderIds, buildTypes } = policy.provenance;
  return attestedWith("provenance", identities, ({ repository }) =>
    [
      `p.runDetails.builder.id.split("@")[0] in ${list(builderIds.toSorted())}`,
      `p.buildDefinition.buildType in ${list(buildTypes.toSorted())}`,
      `p.buildDefinition.resolvedDependencies.exists(d, has(d.uri) && d.uri.startsWith(${literal(`git+${repository}@`)}))`,
    ].join(" && "),
  );
}

/** Ids have dashes, CEL identifiers don't; no id has an underscore, so that names stay distinct. */
export function attestorName(identity: EngineIdentity): string {
  return `signer_${identity.name.replaceAll("-", "_")}`;
}
