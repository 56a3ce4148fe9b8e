import { attestedDocument } from "../../lab/tdx/attested-document.ts";
import type { AttestedBasis, AttestedChange } from "../../lab/tdx/attested-document.ts";
import { labMachine } from "../../lab/tdx/lab-machine.ts";
import { createTdxPki } from "../../lab/tdx/pki.ts";
import type { TdxPki } from "../../lab/tdx/pki.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import { mediaTypes } from "../../src/core/oci/formats.ts";
import { buildReferrer } from "../../src/core/oci/referrer-builder.ts";
import { policyDigest } from "../../src/core/policy/policy-digest.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import type { VerifiedRelease } from "../../src/core/release/verified-release.ts";
import { evidenceAttachment, writeEvidenceDocument } from "../../src/core/tdx/evidence-document.ts";
import type { TdxEvidenceDocument } from "../../src/core/tdx/evidence-document.ts";
import type { Evidence, ReferrerEvidence, TeeEvidence } from "../../src/core/verify/evidence.ts";
import { proven } from "../../src/core/verify/finding.ts";
import { withReferrers } from "./evidence-changes.ts";
import { sampleDigest } from "./policies.ts";
import { sampleReleaseData, sampleVerifiedRelease } from "./releases.ts";
import type { ReleaseLab } from "./release-lab.ts";

const minute = 60_000;
const day = 24 * 60 * minute;

export type TeeChange = AttestedChange;

/** Everything around a release lab that attested signatures need. */
export interface TeeLab {
  /** When signatures are verified: some hours after the lab's start. */
  readonly now: Date;
  readonly pki: TdxPki;
  /** The policy that the signer verified under. */
  readonly signerPolicy: TrustPolicy;
  readonly signerRelease: Digest;
  readonly signer: VerifiedRelease;
  /** The release lab's policy with a `tee` that the good signature meets; `changes` replaces fields of `tee`. */
  policy(changes?: Readonly<Record<string, unknown>>): TrustPolicy;
  document(change?: TeeChange): TdxEvidenceDocument;
  /** A signature as a referrer of the index. */
  signed(change?: TeeChange): ReferrerEvidence;
  /** The release lab's evidence with these signatures beside all others, and what verifies them. */
  evidence(signatures: readonly ReferrerEvidence[], tee?: Partial<TeeEvidence>): Evidence;
}

export function teeLabOf(lab: ReleaseLab): TeeLab {
  // Later than the lab's start, so that its authority was there at all times that tests stamp.
  const now = lab.now.getTime() + 180 * minute;
  const pki = createTdxPki({ now: new Date(now - 400 * day) });
  const machine = labMachine();
  const { mrtd, rtmr0, rtmr1, rtmr2 } = machine.measurements;
  const signerPolicy = lab.policy;
  const signerRelease = sampleDigest("5");
  const { manifest } = sampleReleaseData(signerRelease);
  const measurements = { model: "neko-lab", rtmr1, rtmr2 };
  const signer = sampleVerifiedRelease(signerRelease, { manifest: { ...manifest, measurements } });
  const basis: AttestedBasis = {
    pki,
    machine,
    authority: lab.sigstore.server.instance.material.tsa,
    subject: lab.evidence.digest,
    policy: policyDigest(signerPolicy),
    now: new Date(now),
  };
  const document = (change?: TeeChange): TdxEvidenceDocument => attestedDocument(basis, change);

  return {
    now: new Date(now),
    pki,
    signerPolicy,
    signerRelease,
    signer,
    policy: (changes = {}) =>
      lab.policyWith({
        tee: {
          signerRelease,
          mrtd: [mrtd],
          rtmr0: [rtmr0],
          policyDigests: [policyDigest(signerPolicy).slice("sha256:".length)],
          platforms: [pki.platform.ppid],
          statuses: ["UpToDate"],
          advisoriesAllowed: [],
          minEvaluation: 20,
          revoked: [],
          ...changes,
        },
      }),
    document,
    signed: (change) => evidenceReferrer(lab, writeEvidenceDocument(document(change))),
    evidence: (signatures, tee = {}) => ({
      ...withReferrers(lab.evidence, lab.evidence.digest, (list) => [...list, ...signatures]),
      tee: { signer: proven(signer), quoteRoot: pki.root.certificate, ...tee },
    }),
  };
}

/** An evidence document's bytes as a referrer of the release's index. */
export function evidenceReferrer(
  lab: ReleaseLab,
  bytes: Uint8Array,
  subject = lab.evidence.digest,
  annotations: Readonly<Record<string, string>> = {},
): ReferrerEvidence {
  const size = lab.release.index.index.bytes.length;
  const attachment = evidenceAttachment(bytes);
  const built = buildReferrer(
    { mediaType: mediaTypes.index, digest: subject, size },
    { ...attachment, annotations: { ...attachment.annotations, ...annotations } },
  );
  return {
    digest: built.descriptor.digest,
    manifest: { kind: "found", value: built.manifest },
    bundle: { kind: "absent" },
    tdxEvidence: { kind: "found", value: bytes },
  };
}
