import { predicateTypes } from "../../intoto/statement.ts";
import { isDigest, sha256Hex } from "../../oci/digest.ts";
import type { TrustPolicy } from "../../policy/trust-policy.ts";
import { callerWeaknesses, engineIdentities } from "../engine-input/identities.ts";
import type { EngineIdentity } from "../engine-input/identities.ts";
import type { EnginePlacement, Weakness } from "../engine-input/placement.ts";
import { provenanceWeaknesses } from "../engine-input/provenance.ts";
import { rootFacts } from "../engine-input/roots.ts";
import type { EngineRoots, RootFacts } from "../engine-input/roots.ts";
import type { Authority, ClusterImagePolicyObject, KeylessAuthority, SigstoreKeysEntry } from "./objects.ts";

/** Namespaces are judged that have this label, unless the controller was installed with another selector. */
export const includeLabel = { "policy.sigstore.dev/include": "true" } as const;

/** The scope is the controller's, not a policy's: the namespace selector of its webhook. */
export type PolicyControllerPlacement = Omit<EnginePlacement, "scope">;

export interface PolicyControllerPolicies {
  /** All that match an image must pass; within one, any authority will do. */
  readonly policies: readonly ClusterImagePolicyObject[];
  /** Private roots only: has to be in the controller's namespace before it starts. */
  readonly sigstoreKeys: SigstoreKeysEntry | undefined;
  readonly weaknesses: readonly Weakness[];
}

type Attestation = KeylessAuthority["attestations"][number];

/**
 * TrustPolicy → ClusterImagePolicies: one for signatures, one per image for manifests (and provenance), as each kind needs any of
 * its signers and all kinds are needed; one that refuses revoked digests; and one that lets third parties' digests pass.
 * Pure. Throws ENGINE_SIGNERS_REVOKED, ENGINE_SEES_NOTHING, ENGINE_ROOT_MISMATCH, ENGINE_ROOT_INVALID.
 */
export function compile(
  policy: TrustPolicy,
  roots: EngineRoots,
  now: Date,
  placement: PolicyControllerPlacement,
): PolicyControllerPolicies {
  const kinds = engineIdentities(policy);
  const facts = rootFacts(policy, roots);
  const { name } = placement;
  const trustRootRef = roots.kind === "private" ? name : undefined;
  const object = (
    suffix: string,
    globs: readonly string[],
    authorities: Authority[],
    mode: "warn" | "enforce" = placement.rollout,
  ): ClusterImagePolicyObject[] =>
    globs.length === 0 || authorities.length === 0
      ? []
      : [
          {
            apiVersion: "policy.sigstore.dev/v1beta1",
            kind: "ClusterImagePolicy",
            metadata: {
              name: `${name}-${suffix}`,
              labels: { "app.kubernetes.io/managed-by": "neko-trust", "app.kubernetes.io/part-of": name },
              annotations: { "neko-trust/policy": policy.name },
            },
            spec: { mode, images: globs.toSorted().map((glob) => ({ glob })), authorities },
          },
        ];
  const signed = (identities: readonly EngineIdentity[], attestation: (identity: EngineIdentity) => Attestation) =>
    identities.map((identity) => authority(identity, facts, trustRootRef, attestation(identity)));
  const repositories = policy.images.flatMap(({ repository, mirrors }) => [repository, ...mirrors]);
  const any = (repository: string): string => `${resolved(repository)}@sha256:*`;

  const signatures = object(
    "signature",
    repositories.map(any),
    signed(kinds.signature, () => ({ name: "signature", predicateType: predicateTypes.signature })),
  );
  const manifests = policy.images.flatMap((image) =>
    object(
      // Named by the repository, so that another image in the list renames none.
      `manifest-${sha256Hex(image.repository).slice(0, 10)}`,
      [image.repository, ...image.mirrors].map(any),
      signed(kinds.manifest, ({ repository }) => manifestAttestation(image.name, repository)),
    ),
  );
  const provenance = object(
    "provenance",
    repositories.map(any),
    placement.indexProvenance === true ? signed(kinds.provenance, () => provenanceAttestation(policy)) : [],
  );
  const message = "This digest is revoked by the trust policy; deploy a release that is not.";
  const revoked = object(
    "revoked",
    policy.revoked.filter(isDigest).flatMap((digest) => repositories.map((place) => `${resolved(place)}@${digest}`)),
    [{ name: "revoked", static: { action: "fail", message } }],
  );
  const waived = policy.thirdParty
    .filter(({ expires }) => Date.parse(expires) > now.getTime())
    .flatMap(({ repository, digests }) =>
      digests.filter((digest) => !policy.revoked.includes(digest)).map((digest) => `${resolved(repository)}@${digest}`),
    );
  const thirdParty = object("third-party", [...new Set(waived)], [{ name: "waived", static: { action: "pass" } }]);
  return {
    policies: [...signatures, ...manifests, ...provenance, ...revoked, ...thirdParty],
    sigstoreKeys:
      trustRootRef === undefined
        ? undefined
        : { configMap: "config-sigstore-keys", key: trustRootRef, value: facts.json },
    weaknesses: [...callerWeaknesses(policy), ...provenanceWeaknesses(policy, placement)],
  };
}

function authority(
  identity: EngineIdentity,
  facts: RootFacts,
  trustRootRef: string | undefined,
  attestation: Attestation,
): KeylessAuthority {
  const { name, issuer, subject } = identity;
  const root = trustRootRef === undefined ? {} : { trustRootRef };
  return {
    name,
    // A signature of cosign 3 is a bundle; without an attestation the bundle format always fails.
    signatureFormat: "bundle",
    keyless: {
      ...root,
      url: facts.fulcioUrl,
      // One identity per authority: cosign takes no two for bundles.
      identities: [
        "exact" in subject ? { issuer, subject: subject.exact } : { issuer, subjectRegExp: subject.pattern },
      ],
    },
    // No rfc3161timestamp: with bundles it switches the transparency log off.
    ctlog: { ...root, url: facts.rekorUrl },
    attestations: [attestation],
  };
}

/** What a statement has to say, in CUE. JSON is CUE, and CUE's structs are open: fields that are not named may be there. */
function cue(statement: Readonly<Record<string, unknown>>): { type: "cue"; data: string } {
  return { type: "cue", data: JSON.stringify(statement) };
}

function manifestAttestation(name: string, repository: string): Attestation {
  return {
    name: "manifest",
    predicateType: predicateTypes.release,
    policy: cue({ predicateType: predicateTypes.release, predicate: { name, flake: { repository } } }),
  };
}

function provenanceAttestation(policy: TrustPolicy): Attestation {
  const { builderIds, buildTypes } = policy.provenance;
  const oneOf = (texts: readonly string[]): string =>
    texts
      .toSorted()
      .map((text) => JSON.stringify(text))
      .join(" | ");
  const builders = builderIds.map((id) => `^${id.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&")}(@[!-~]+)?$`);
  const data =
    `predicateType: ${JSON.stringify(predicateTypes.provenance)}\n` +
    `predicate: buildDefinition: buildType: ${oneOf(buildTypes)}\n` +
    `predicate: runDetails: builder: id: ${builders.map((pattern) => `=~${JSON.stringify(pattern)}`).join(" | ")}\n`;
  return { name: "provenance", predicateType: predicateTypes.provenance, policy: { type: "cue", data } };
}

/** The controller compares what a reference resolves to: docker.io is index.docker.io there. */
function resolved(repository: string): string {
  return repository.startsWith("docker.io/") ? `index.${repository}` : repository;
}
