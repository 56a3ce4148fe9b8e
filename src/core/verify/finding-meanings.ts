import type { FindingCode } from "./finding.ts";
import type { FindingMeaning } from "./finding-meaning.ts";
import { ruleSixToEightMeanings } from "./rebuild-and-freshness-meanings.ts";
import { ruleSevenMeanings } from "./tee-meanings.ts";

export type { FindingMeaning };

const attachAgain = "Attach the statement again with the trusted workflow.";
const releaseAgain = "Make and sign the release again with the trusted workflow.";
const reviewSigner =
  "Find out who signed. Only if that identity should be trusted, review it and add it to the policy.";

/** Every code explained: a new code does not compile until it has its lines here. */
export const findingMeanings: Readonly<Record<FindingCode, FindingMeaning>> = {
  IMAGE_NOT_IN_POLICY: {
    meaning: "The policy names no image with this repository, neither as repository nor as mirror.",
    remedy: "Use a repository that the policy names, or review the image and add it to images.",
  },
  DIGEST_MISMATCH: {
    meaning: "The bytes that were served do not have the digest that they were asked for.",
    remedy: "Do not use this copy. Find out who changed it: the registry, a mirror or a proxy.",
  },
  INDEX_INVALID: {
    meaning:
      "The image index is not an OCI image index as releases have it (nested, with URLs, or of another media type).",
    remedy: "Refer to the release's index, and build it as an OCI image index of plain image manifests.",
  },
  PLATFORM_SET_MISMATCH: {
    meaning: "The index does not hold exactly the platforms that the policy declares, each once.",
    remedy: "Build every declared platform, or review the platforms in the policy.",
  },
  PLATFORM_MANIFEST_INVALID: {
    meaning: "A platform's manifest in the index is not a valid OCI image manifest.",
    remedy: "Build and push that platform again.",
  },
  NAR_HASH_MISMATCH: {
    meaning:
      "The NAR hash or size, recomputed from the registry's blobs, is not the one that the release manifest names.",
    remedy: "Do not use this release: the image in the registry is not the Nix artifact that the manifest speaks of.",
  },
  ROOT_DIGEST_MISMATCH: {
    meaning: "trusted_root.json is not the file that the policy pins.",
    remedy: "Restore the pinned file, or review the new root and update roots.sigstore in the policy.",
  },
  ROOT_INVALID: {
    meaning: "trusted_root.json is not a valid Sigstore trusted root.",
    remedy: "Fetch it over TUF again, and pin its digest.",
  },
  ROOT_TOO_OLD: {
    meaning:
      "The trusted root was fetched longer ago than roots.sigstore.maxAge allows, so a revoked key could still be in it.",
    remedy: "Fetch it over TUF again, review its keys, and update roots.sigstore in the policy.",
  },
  ROOT_KEY_WITHOUT_START: {
    meaning: "A log's key in the trusted root has no start of validity, so it would be trusted for all times.",
    remedy: "Use a trusted root that gives each key a start.",
  },
  ROOT_LOCAL_OUTSIDE_LOCAL: {
    meaning: "The trusted root is the lab's (O=NEKO-LAB-NOT-FOR-PRODUCTION), and the environment is not local.",
    remedy: "Name the real Sigstore root. Lab roots count in environment local only.",
  },
  BUNDLE_INVALID: {
    meaning: "The attached document is not a well-formed Sigstore bundle.",
    remedy: attachAgain,
  },
  BUNDLE_MEDIA_TYPE: {
    meaning: "The bundle is of a version that is not read here.",
    remedy: "Sign with a client that writes Sigstore bundles v0.3.",
  },
  BUNDLE_KEY_NOT_CERTIFICATE: {
    meaning: "The bundle was signed with a bare key, which says nothing about who signed.",
    remedy: "Sign with a certificate of Fulcio (keyless).",
  },
  BUNDLE_CERTIFICATE_NOT_KEY: {
    meaning: "A public key was given to verify with, but the bundle was signed with a certificate.",
    remedy: "Name the certificate's identity and issuer instead of a key.",
  },
  BUNDLE_SIGNATURE_INVALID: {
    meaning: "The signature does not fit the content and the signer's key.",
    remedy: "Do not use this release: its statement was changed. Attach the original statement again.",
  },
  BUNDLE_CERTIFICATE_INVALID: {
    meaning:
      "The certificate does not lead to an authority of the trusted root, or lacks proof of certificate transparency.",
    remedy: "Check that the policy pins the root of the instance that signed; sign again if it does.",
  },
  BUNDLE_LOG_INVALID: {
    meaning:
      "The transparency log's entry is missing, is not about this content, or is not signed by a log of the trusted root.",
    remedy: "Sign again with the log that the trusted root names.",
  },
  BUNDLE_TIME_INVALID: {
    meaning: "No trusted time shows that the signature was made while the certificate was valid, and before now.",
    remedy: "Sign again with a time-stamp authority or log that the trusted root names; check this machine's clock.",
  },
  BUNDLE_THRESHOLD: {
    meaning: "Fewer distinct logs or time-stamp authorities vouch for the signature than the policy demands.",
    remedy: "Sign with as many logs and authorities as the policy's roots demand, or review these numbers.",
  },
  IDENTITY_ISSUER_MISMATCH: {
    meaning: "The certificate's identity comes from another issuer than the signer's.",
    remedy: reviewSigner,
  },
  IDENTITY_SUBJECT_MISMATCH: {
    meaning: "The certificate names another workflow than the signer's, or the same workflow at another ref or commit.",
    remedy: reviewSigner,
  },
  IDENTITY_EXTENSION_MISMATCH: {
    meaning:
      "One of the certificate's extensions (repository, owner, runner, caller, environment) is not the signer's.",
    remedy: reviewSigner,
  },
  IDENTITY_REF_NOT_ALLOWED: {
    meaning: "The workflow ran for a branch or tag that the signer's refs do not list.",
    remedy: "Release from an allowed ref, or review the signer's refs.",
  },
  IDENTITY_TRIGGER_NOT_ALLOWED: {
    meaning: "The workflow was started by an event that the signer's triggers do not list.",
    remedy: "Release with an allowed trigger. Never allow an event that runs a stranger's code.",
  },
  STATEMENT_PAYLOAD_TYPE: {
    meaning: "What was signed is not an in-toto statement.",
    remedy: "Attach in-toto statements in DSSE envelopes.",
  },
  STATEMENT_INVALID: {
    meaning: "The signed content is not a valid in-toto statement.",
    remedy: attachAgain,
  },
  STATEMENT_SUBJECT_MISMATCH: {
    meaning: "The statement is about something else than the image that it is attached to.",
    remedy: "Attach the statement to the image that it is about.",
  },
  STATEMENT_PREDICATE_TYPE: {
    meaning: "The statement's predicate type is not the one that this kind of statement has.",
    remedy: attachAgain,
  },
  STATEMENT_MISSING: {
    meaning: "No valid statement of a required kind by a listed signer was found.",
    remedy: "Make the missing statement in the trusted workflow, or use a release that has it.",
  },
  LEGACY_SIGNATURE_NOT_ALLOWED: {
    meaning:
      "The image has a signature of cosign's older form (the tag sha256-….sig) and none of today's; the policy does not allow it.",
    remedy: "Sign the image again with a current client; allow the old form (legacySignatures) only after a review.",
  },
  LEGACY_SIGNATURE_INVALID: {
    meaning: "A signature of cosign's older form is malformed, or is not about this image.",
    remedy: "Sign the image again with a current client.",
  },
  MANIFEST_INVALID: {
    meaning: "The release manifest does not follow its schema.",
    remedy: "Publish the manifest again; schemas/release-manifest.v1.schema.json describes it.",
  },
  MANIFEST_SCHEMA_VERSION: {
    meaning: "The release manifest is of a schema version that this program does not know.",
    remedy: "Use a version of neko-trust that knows it.",
  },
  MANIFEST_OTHER_IMAGE: {
    meaning: "The release manifest is about another image index.",
    remedy: "Attach the manifest of this release.",
  },
  MANIFEST_PLATFORM_MISMATCH: {
    meaning: "The manifest's platforms or their digests are not those of the index.",
    remedy: releaseAgain,
  },
  MANIFEST_EQUIVOCATION: {
    meaning: "Two different valid manifests exist for one image: one of them is false.",
    remedy: "Use neither. Find out why two were signed, and make a new release.",
  },
  MANIFEST_INCOMPLETE: {
    meaning: "The manifest lacks a derivation or closure, which only environment local may leave out.",
    remedy: "Build the release with Nix and publish its manifest with publish-manifest.",
  },
  MANIFEST_DISK_MISMATCH: {
    meaning: "The disk that a signer's manifest names is not the one layer of its image, or it lacks what it measures.",
    remedy: "Deploy no such signer. Publish its release again from .#signer-image with measure-signer's answer.",
  },
  MANIFEST_TAG_VERSION_MISMATCH: {
    meaning: 'The release was signed for a tag that is not "v" and the manifest\'s version.',
    remedy: "Tag the release with its version, and sign it again.",
  },
  PROVENANCE_INVALID: {
    meaning: "The provenance is not SLSA provenance v1.",
    remedy: "Attach the provenance again with attest-image.",
  },
  PROVENANCE_BUILDER_NOT_ALLOWED: {
    meaning: "The provenance names a builder that the policy's builderIds do not list.",
    remedy: "Build with a listed builder, or review the builder and add it.",
  },
  PROVENANCE_BUILDER_MISMATCH: {
    meaning: "The provenance names another builder than the certificate that signed it.",
    remedy: "Do not use this release: its provenance does not tell the truth about who built it.",
  },
  PROVENANCE_BUILD_TYPE_NOT_ALLOWED: {
    meaning: "The build type is not one of the policy's buildTypes.",
    remedy: "Build as the policy demands, or review the build type and add it.",
  },
  PROVENANCE_PARAMETER_UNKNOWN: {
    meaning: "The build took a parameter that the policy does not list.",
    remedy: "Build without it, or review it and add a rule to provenance.externalParameters.",
  },
  PROVENANCE_PARAMETER_MISMATCH: {
    meaning: "A build parameter is missing, or has a value that the policy does not allow.",
    remedy: "Build with the allowed value, or review the rule in provenance.externalParameters.",
  },
  PROVENANCE_SOURCE_MISMATCH: {
    meaning: "The provenance names another source or run than the certificate.",
    remedy: "Do not use this release: its provenance does not tell the truth about its source.",
  },
  SBOM_INVALID: {
    meaning: "The SBOM is not a document of the format that its type names.",
    remedy: "Make the SBOM again with sbomnix and attach it.",
  },
  SBOM_EMPTY: {
    meaning: "The SBOM lists no package.",
    remedy: "Make the SBOM again: an empty one tells nothing.",
  },
  SBOM_FORMAT_NOT_ALLOWED: {
    meaning: "The SBOM's format is not one of the policy's sbom.formats.",
    remedy: "Attach an SBOM in an allowed format.",
  },
  SBOM_DIGEST_MISMATCH: {
    meaning: "The SBOM is not the one that the release manifest names.",
    remedy: "Attach the SBOM that the manifest names.",
  },
  SBOM_CLOSURE_MISMATCH: {
    meaning: "The SBOM does not list exactly the store paths and NAR hashes of the release's closure.",
    remedy: "Make the SBOM and the manifest from the same build.",
  },
  ...ruleSixToEightMeanings,
  ...ruleSevenMeanings,
  REGISTRY_UNAUTHORIZED: {
    meaning: "The registry wants credentials, so nothing is known about what it holds.",
    remedy: "Log in to the registry, and try again.",
  },
  REGISTRY_FORBIDDEN: {
    meaning: "The registry refuses these credentials, so nothing is known about what it holds.",
    remedy: "Ask the owner of the repository for read access.",
  },
  REGISTRY_THROTTLED: {
    meaning: "The registry asks to slow down, so nothing is known about what it holds.",
    remedy: "Wait, and try again; log in if the limit is for anonymous use.",
  },
  REGISTRY_BROKEN: {
    meaning: "The registry could not be reached, failed, or contradicted itself.",
    remedy: "Check the network and the registry's state, and try again.",
  },
  REGISTRY_TOO_LARGE: {
    meaning: "An answer has more bytes or entries than are read here.",
    remedy: "Find out why it is so large. Remove referrers that do not belong to the release.",
  },
  POLICY_UNSUPPORTED: {
    meaning: "The policy demands something that this version can't enforce yet. It refuses rather than ignore it.",
    remedy: "Use a version that enforces it, or remove the demand after a review.",
  },
  SKIPPED: {
    meaning: "A check could not run, as what it needs was refused.",
    remedy: "Mend what it needs first, then verify again.",
  },
};
