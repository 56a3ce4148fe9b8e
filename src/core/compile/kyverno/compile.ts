import { isDigest } from "../../oci/digest.ts";
import { predicateTypes } from "../../intoto/statement.ts";
import type { TrustPolicy } from "../../policy/trust-policy.ts";
import { callerWeaknesses, engineIdentities } from "../engine-input/identities.ts";
import type { EngineIdentity } from "../engine-input/identities.ts";
import type { EnginePlacement, Weakness } from "../engine-input/placement.ts";
import { provenanceWeaknesses } from "../engine-input/provenance.ts";
import { rootFacts } from "../engine-input/roots.ts";
import type { EngineRoots, RootFacts } from "../engine-input/roots.ts";
import { namespaceSelector } from "../namespace-scope.ts";
import {
  attested,
  attestorName,
  imageReferences,
  imagesChanged,
  imageVariables,
  manifestHolds,
  notRevoked,
  pinned,
  provenanceHolds,
} from "./expressions.ts";
import type { CosignAttestor, ImageValidatingPolicyObject, RegistryProvider } from "./objects.ts";

export interface KyvernoPlacement extends EnginePlacement {
  /** For registries that nobody may read without: names of Secrets in Kyverno's namespace, and credential providers. */
  readonly credentials?: { readonly secrets?: readonly string[]; readonly providers?: readonly RegistryProvider[] };
}

export interface KyvernoPolicies {
  readonly policies: readonly [ImageValidatingPolicyObject];
  readonly weaknesses: readonly Weakness[];
}

/** Kubernetes allows a webhook 30 seconds; two statements from a slow registry can take more than the default of ten. */
const timeoutSeconds = 30;

/**
 * TrustPolicy → one ImageValidatingPolicy for all images. One, as two in one request share image data, and Kyverno 1.19.1 waits
 * for ever where the second asks for an image after the first was looked at twice (README.md, traps).
 * Pure. Throws ENGINE_SIGNERS_REVOKED, ENGINE_SEES_NOTHING, ENGINE_ROOT_MISMATCH, ENGINE_ROOT_INVALID.
 */
export function compile(policy: TrustPolicy, roots: EngineRoots, placement: KyvernoPlacement): KyvernoPolicies {
  const kinds = engineIdentities(policy);
  const facts = rootFacts(policy, roots);
  const provenance = placement.indexProvenance === true ? kinds.provenance : [];
  const used = [...kinds.signature, ...kinds.manifest, ...provenance];
  const identities = [...new Map(used.map((identity) => [identity.name, identity])).values()];
  const enforce = placement.rollout === "enforce";
  const object: ImageValidatingPolicyObject = {
    apiVersion: "policies.kyverno.io/v1",
    kind: "ImageValidatingPolicy",
    metadata: {
      name: placement.name,
      labels: { "app.kubernetes.io/managed-by": "neko-trust", "app.kubernetes.io/part-of": placement.name },
      annotations: { "neko-trust/policy": policy.name },
    },
    spec: {
      failurePolicy: enforce ? "Fail" : "Ignore",
      validationActions: enforce ? ["Deny"] : ["Warn", "Audit"],
      webhookConfiguration: { timeoutSeconds },
      evaluation: { background: { enabled: false } },
      matchConstraints: {
        // Two resources: with pods alone Kyverno would make policies for Deployments and others from this one.
        resourceRules: [
          {
            apiGroups: [""],
            apiVersions: ["v1"],
            operations: ["CREATE", "UPDATE"],
            resources: ["pods", "pods/ephemeralcontainers"],
            scope: "Namespaced",
          },
        ],
        namespaceSelector: namespaceSelector(placement.scope),
      },
      matchConditions: [{ name: "images-changed", expression: imagesChanged }],
      matchImageReferences: imageReferences(policy),
      validationConfigurations: { mutateDigest: false, verifyDigest: true, required: true },
      ...credentialsOf(placement),
      variables: kinds.manifest.length > 0 ? imageVariables(policy) : [],
      attestors: identities.map((identity) => attestor(identity, facts, roots)),
      attestations: [
        { name: "signature", intoto: { type: predicateTypes.signature } },
        { name: "manifest", intoto: { type: predicateTypes.release } },
        { name: "provenance", intoto: { type: predicateTypes.provenance } },
      ].filter(({ name }) => (name === "provenance" ? provenance : kinds[name as "signature"]).length > 0),
      validations: validations(policy, { ...kinds, provenance }),
    },
  };
  return { policies: [object], weaknesses: [...callerWeaknesses(policy), ...provenanceWeaknesses(policy, placement)] };
}

function attestor(identity: EngineIdentity, facts: RootFacts, roots: EngineRoots): CosignAttestor {
  const { issuer, subject } = identity;
  return {
    name: attestorName(identity),
    cosign: {
      // One identity per attestor: cosign takes no two for bundles.
      keyless: {
        identities: [
          "exact" in subject ? { issuer, subject: subject.exact } : { issuer, subjectRegExp: subject.pattern },
        ],
      },
      ctlog: {
        url: facts.rekorUrl,
        // With a chain here, Kyverno asks for a trusted time stamp besides the log entry; entries of Rekor v2 have no time of their own.
        ...(facts.timestampChain === undefined ? {} : { tsaCertChain: facts.timestampChain }),
      },
      trustedRoot: { value: facts.json },
      ...(roots.kind === "private" ? { tuf: { mirror: roots.tuf.mirror, root: { data: roots.tuf.root } } } : {}),
    },
  };
}

function credentialsOf({ credentials }: KyvernoPlacement): Pick<ImageValidatingPolicyObject["spec"], "credentials"> {
  const { secrets = [], providers = [] } = credentials ?? {};
  if (secrets.length === 0 && providers.length === 0) return {};
  return {
    credentials: {
      ...(secrets.length === 0 ? {} : { secrets: secrets.toSorted() }),
      ...(providers.length === 0 ? {} : { providers: providers.toSorted() }),
    },
  };
}

type Validations = ImageValidatingPolicyObject["spec"]["validations"];

/** In the order that they are judged in; Kyverno stops at the first that fails. */
function validations(
  policy: TrustPolicy,
  kinds: Readonly<Record<"signature" | "manifest" | "provenance", readonly EngineIdentity[]>>,
): Validations {
  const digests = policy.revoked.filter(isDigest).toSorted();
  const by = (identities: readonly EngineIdentity[]): string =>
    [...new Set(identities.map(({ signer }) => signer))].join(" or ");
  const todo = 'See why with "npx neko-trust verify-image <image>".';
  const say = (expression: string, message: string): Validations[number] => ({ expression, message });
  return [
    say(pinned, "An image is not pinned by digest. Write it as registry/path@sha256:<64 hex digits>, without a tag."),
    ...(digests.length === 0 ? [] : [say(notRevoked(digests), "An image is revoked. Deploy a release that is not.")]),
    ...(kinds.signature.length === 0
      ? []
      : [say(attested("signature", kinds.signature), `An image is not signed by ${by(kinds.signature)}. ${todo}`)]),
    ...(kinds.manifest.length === 0
      ? []
      : [
          say(
            manifestHolds(kinds.manifest),
            `An image has no release manifest by ${by(kinds.manifest)} for its repository and digest. ${todo}`,
          ),
        ]),
    ...(kinds.provenance.length === 0
      ? []
      : [
          say(
            provenanceHolds(kinds.provenance, policy),
            `An image has no provenance by ${by(kinds.provenance)} that names a listed builder and source. ${todo}`,
          ),
        ]),
  ];
}
