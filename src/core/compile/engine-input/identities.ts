import { Failure } from "../../failure.ts";
import type { Signer, TrustPolicy } from "../../policy/trust-policy.ts";
import type { Weakness } from "./placement.ts";

/** One certificate identity, as Fulcio writes it: exact, or anchored at both ends. */
export interface EngineIdentity {
  /** The signer's id in the policy. */
  readonly signer: string;
  /** Unique among all identities of a policy: `release-0`. */
  readonly name: string;
  readonly issuer: string;
  readonly subject: { readonly exact: string } | { readonly pattern: string };
  /** `https://github.com/owner/name`: whose releases it signs. */
  readonly repository: string;
}

/** Of the kinds that `require` names, those that an engine can look for on an index. */
export type EngineKind = "signature" | "manifest" | "provenance";

/**
 * Who may sign each kind. Revoked signers are left out, and whoever has the same identity as one. A kind that nobody has to sign
 * is an empty list. Throws ENGINE_SIGNERS_REVOKED when all signers of a kind are revoked, ENGINE_SEES_NOTHING when the
 * policy demands neither signature nor manifest.
 */
export function engineIdentities(policy: TrustPolicy): Readonly<Record<EngineKind, readonly EngineIdentity[]>> {
  const revoked = new Set(
    policy.signers
      .filter(({ id }) => policy.revoked.includes(id))
      .flatMap(identitiesOf)
      .map(identityKey),
  );
  const trusted = (kind: EngineKind): readonly EngineIdentity[] => {
    const ids = policy.require[kind];
    const identities = policy.signers
      .filter(({ id }) => ids.includes(id))
      .flatMap(identitiesOf)
      .filter((identity) => !revoked.has(identityKey(identity)));
    if (ids.length > 0 && identities.length === 0) throw allRevoked(policy, kind);
    return identities;
  };
  const kinds = { signature: trusted("signature"), manifest: trusted("manifest"), provenance: trusted("provenance") };
  if (kinds.signature.length === 0 && kinds.manifest.length === 0) throw seesNothing(policy);
  return kinds;
}

/** Signers whose certificate's subject does not say which repository called the workflow. */
export function callerWeaknesses(policy: TrustPolicy): Weakness[] {
  return policy.signers
    .filter(({ signerWorkflow }) => "sha" in signerWorkflow)
    .map(({ id, signerWorkflow: { repository, path } }) => ({
      code: "ANY_CALLER",
      message:
        `The certificates of signer "${id}" name the reusable workflow ${repository}/${path}, and an engine sees no more: ` +
        "whoever may call it could sign. Only the list of verified digests tells the callers apart.",
    }));
}

function identityKey({ issuer, subject }: EngineIdentity): string {
  return JSON.stringify([issuer, subject]);
}

function identitiesOf(signer: Signer): EngineIdentity[] {
  const { id, issuer, repository, signerWorkflow } = signer;
  const workflow = `https://github.com/${signerWorkflow.repository}/${signerWorkflow.path}`;
  const subjects =
    "sha" in signerWorkflow
      ? [{ exact: `${workflow}@${signerWorkflow.sha}` }]
      : signerWorkflow.ref === "source"
        ? signer.refs.map((ref) => subjectOf(workflow, ref))
        : [{ exact: `${workflow}@${signerWorkflow.ref}` }];
  return subjects.map((subject, index) => ({
    signer: id,
    name: `${id}-${index}`,
    issuer,
    subject,
    repository: `https://github.com/${repository}`,
  }));
}

/**
 * A ref pattern has at most one `*`, at its end: the rest of one path segment, at least one character, printable ASCII without
 * a slash (as refMatches of check-identity.ts). Both ends are anchored: Go's `$` without flags is the end of the text alone.
 */
function subjectOf(workflow: string, ref: string): EngineIdentity["subject"] {
  if (!ref.endsWith("*")) return { exact: `${workflow}@${ref}` };
  return { pattern: `^${escapePattern(`${workflow}@${ref.slice(0, -1)}`)}[!-.0-~]+$` };
}

/** Every character that means something in RE2, escaped. */
function escapePattern(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
}

function allRevoked(policy: TrustPolicy, kind: EngineKind): Failure {
  return new Failure({
    code: "ENGINE_SIGNERS_REVOKED",
    kind: "refused",
    message: `Every signer that policy "${policy.name}" lists for ${kind} is revoked: no image could be admitted.`,
    remedy: `Add a signer that is trusted to require.${kind}.`,
  });
}

function seesNothing(policy: TrustPolicy): Failure {
  return new Failure({
    code: "ENGINE_SEES_NOTHING",
    kind: "refused",
    message: `Policy "${policy.name}" requires neither a signature nor a manifest, so an engine would check nothing.`,
    remedy: "Name a signer in require.signature or require.manifest, or leave the engine out.",
  });
}
