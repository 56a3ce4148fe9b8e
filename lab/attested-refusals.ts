import type { RegistryClient } from "../src/adapters/registry/client.ts";
import { Failure } from "../src/core/failure.ts";
import { digestOf } from "../src/core/oci/digest.ts";
import type { Digest } from "../src/core/oci/digest.ts";
import { mediaTypes } from "../src/core/oci/formats.ts";
import { buildReferrer } from "../src/core/oci/referrer-builder.ts";
import { policyDigest } from "../src/core/policy/policy-digest.ts";
import { evidenceAttachment, writeEvidenceDocument } from "../src/core/tdx/evidence-document.ts";
import type { TdxEvidenceDocument } from "../src/core/tdx/evidence-document.ts";
import type { Evidence, ReferrerEvidence } from "../src/core/verify/evidence.ts";
import type { FindingCode } from "../src/core/verify/finding.ts";
import { verifyRelease } from "../src/core/verify/verify-release.ts";
import { collectEvidence } from "../src/operations/collect-evidence.ts";
import type { LabAttested } from "./attested-signature.ts";
import type { LabContext } from "./context.ts";
import { placesOf } from "./places.ts";
import type { PublishedSample } from "./publish-sample.ts";
import { otherDisk } from "./sample-release/signer-product.ts";
import { loadOrCreateMaterial } from "./sigstore/authority-material.ts";
import { attestedDocument } from "./tdx/attested-document.ts";
import type { AttestedBasis } from "./tdx/attested-document.ts";
import { labMachine } from "./tdx/lab-machine.ts";

const minute = 60_000;

/** What came of one attempt to have something accepted as an attested signature. */
export interface AttestedRefusal {
  readonly attempt: string;
  /** Codes of what refuted it. */
  readonly codes: readonly FindingCode[];
}

interface Attempt {
  readonly attempt: string;
  readonly expected: FindingCode;
  readonly evidence: Evidence;
  /** Another demand than the lab's, where that is the attempt. */
  readonly signerRelease?: Digest;
  /** Milliseconds from now at which it is verified; at once unless given. */
  readonly after?: number;
}

/** What is in the registry, and what of it must be refused. */
export interface ForgedImages {
  readonly sample: PublishedSample;
  /** The copy of the sample with one byte changed. */
  readonly tampered: Digest;
  /** The application's release that names measurements of its own (publishVouching). */
  readonly ownMachine: PublishedSample;
}

/**
 * What an attacker could put beside the image in place of the good signature, each verified like that one. Nothing of it
 * reaches the registry. Throws ATTESTED_NOT_REFUSED when one is accepted, or refused for another reason than its own.
 */
export async function tryAttestedForgeries(
  context: LabContext,
  client: RegistryClient,
  images: ForgedImages,
  lab: LabAttested,
): Promise<AttestedRefusal[]> {
  const now = context.now();
  const refusals: AttestedRefusal[] = [];
  for (const attempt of await attemptsOf(context, client, images, lab)) {
    const { tee } = lab.policy;
    const { signerRelease, after = 0 } = attempt;
    const policy =
      signerRelease === undefined || tee === undefined ? lab.policy : { ...lab.policy, tee: { ...tee, signerRelease } };
    const result = verifyRelease({ ...attempt.evidence, tee: lab.tee }, policy, new Date(now.getTime() + after));
    const codes = result.ok
      ? []
      : result.findings.filter(({ severity }) => severity === "refuse").map(({ code }) => code);
    // By its own code alone: what is refused for something else as well shows nothing of this.
    const distinct = [...new Set(codes)];
    if (distinct.length !== 1 || distinct[0] !== attempt.expected) throw notRefused(attempt, distinct);
    refusals.push({ attempt: attempt.attempt, codes: distinct });
  }
  return refusals;
}

async function attemptsOf(
  context: LabContext,
  client: RegistryClient,
  { sample, tampered, ownMachine }: ForgedImages,
  { pki, trustedRoot, signerPolicy }: LabAttested,
): Promise<Attempt[]> {
  const now = context.now();
  const { repository, digest } = sample;
  const good = await collectEvidence(client, { repository, digest, trustedRoot });
  const changed = await collectEvidence(client, { repository, digest: tampered, trustedRoot });
  const basis: AttestedBasis = {
    pki,
    machine: labMachine(),
    authority: loadOrCreateMaterial(placesOf(context.directories).sigstore, { now }).tsa,
    subject: digest,
    policy: policyDigest(signerPolicy),
    now,
  };
  // Seconds, not minutes ago: the lab's authority may be younger.
  const fresh = { challengedAgo: 0, stampedAgo: [0] } as const;
  const make = (change: Parameters<typeof attestedDocument>[1]): TdxEvidenceDocument =>
    attestedDocument(basis, { ...fresh, ...change });
  const one = make({});
  const two = make({});
  const beside = (document: TdxEvidenceDocument): Evidence => withSignature(good, document, sample);
  const other = labMachine(otherDisk);
  const booted = { eventLog: other.eventLog, report: other.measurements };
  // Signed by the application's signer, its manifest names exactly this machine: it is the machine that the quote is of.
  const vouching = await collectEvidence(client, {
    repository: ownMachine.repository,
    digest: ownMachine.digest,
    trustedRoot,
  });
  const vouchedFor = withSignature(vouching, make({ ...booted, subject: ownMachine.digest }), ownMachine);
  const rolledBack = (document: Record<string, unknown>): Record<string, unknown> => {
    return { ...document, tcbEvaluationDataNumber: 19 };
  };
  return [
    { attempt: "one byte of the image changed", expected: "STATEMENT_SUBJECT_MISMATCH", evidence: changed },
    {
      attempt: "a machine with debug on",
      expected: "TEE_TD_REFUSED",
      evidence: beside(make({ report: { tdAttributes: "0100001000000000" } })),
    },
    {
      attempt: "another payload under a valid quote",
      expected: "TEE_BINDING_MISMATCH",
      evidence: beside(make({ bound: { payload: two.payload } })),
    },
    {
      attempt: "the quote of another signature of the same image",
      expected: "TEE_TIME_INVALID",
      evidence: beside({ ...one, quote: two.quote }),
    },
    {
      attempt: "a replayed quote: of a challenge of 20 minutes before",
      expected: "TEE_TIME_WINDOW",
      // Later, not an older challenge: the lab's authority may be younger than that.
      evidence: beside(make({ stampedAgo: [-20] })),
      after: 21 * minute,
    },
    {
      attempt: "expired collateral",
      expected: "TEE_QUOTE_REFUSED",
      evidence: beside(make({ collateralAgo: 31 * 24 * 60 })),
    },
    {
      attempt: "rolled-back collateral",
      expected: "TEE_EVALUATION_TOO_OLD",
      evidence: beside(make({ collateral: { tcbInfo: rolledBack } })),
    },
    {
      attempt: "a machine that booted another disk",
      expected: "TEE_MEASUREMENT_MISMATCH",
      evidence: beside(make(booted)),
    },
    {
      attempt: "a release whose own signed manifest has the measurements of that machine",
      expected: "TEE_MEASUREMENT_MISMATCH",
      evidence: vouchedFor,
    },
    {
      attempt: "that release, named by the policy as its own signer's",
      expected: "TEE_SIGNER_RELEASE",
      evidence: vouchedFor,
      signerRelease: ownMachine.digest,
    },
  ];
}

/** The evidence with one attested signature in the place of all that are there. */
function withSignature(
  evidence: Evidence,
  document: TdxEvidenceDocument,
  { digest, layout }: PublishedSample,
): Evidence {
  const bytes = writeEvidenceDocument(document);
  const size = layout.get(`blobs/sha256/${digest.slice("sha256:".length)}`)?.length ?? 0;
  const built = buildReferrer({ mediaType: mediaTypes.index, digest, size }, evidenceAttachment(bytes));
  const referrer: ReferrerEvidence = {
    digest: digestOf(built.manifest),
    manifest: { kind: "found", value: built.manifest },
    bundle: { kind: "absent" },
    tdxEvidence: { kind: "found", value: bytes },
  };
  const listed = evidence.referrers.get(digest);
  const others = listed?.kind === "found" ? listed.value.filter(({ tdxEvidence }) => tdxEvidence === undefined) : [];
  return {
    ...evidence,
    referrers: new Map([...evidence.referrers, [digest, { kind: "found", value: [...others, referrer] }]]),
  };
}

function notRefused({ attempt, expected }: Attempt, codes: readonly FindingCode[]): Failure {
  return new Failure({
    code: "ATTESTED_NOT_REFUSED",
    kind: "refused",
    message: `"${attempt}" was not refused as ${expected}, but ${codes.length === 0 ? "accepted" : `as ${codes.join(", ")}`}.`,
    remedy: "Do not rely on this version: please report it.",
  });
}
