import { bundleToJSON } from "@sigstore/bundle";
import { FulcioSigner, MessageSignatureBundleBuilder, RekorWitness, TSAWitness } from "@sigstore/sign";
import { z } from "zod";
import { legacySignatureAnnotations } from "../../src/core/sigstore/legacy-signature.ts";
import { digestOf } from "../../src/core/oci/digest.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import type { Evidence, LegacySignatureEvidence } from "../../src/core/verify/evidence.ts";
import { workflowClaims } from "../../lab/sigstore/issue-token.ts";
import type { WorkflowRun } from "../../lab/sigstore/issue-token.ts";
import { labRun } from "./release-lab.ts";
import type { ReleaseLab } from "./release-lab.ts";

/** What the older form is made of, as the library writes it into a bundle. */
const bundleSchema = z.object({
  messageSignature: z.object({ signature: z.string() }),
  verificationMaterial: z.object({
    x509CertificateChain: z.object({ certificates: z.tuple([z.object({ rawBytes: z.string() })]) }),
    tlogEntries: z.tuple([
      z.object({
        logIndex: z.string(),
        logId: z.object({ keyId: z.string() }),
        integratedTime: z.string(),
        inclusionPromise: z.object({ signedEntryTimestamp: z.string() }),
        canonicalizedBody: z.string(),
      }),
    ]),
    timestampVerificationData: z.object({
      rfc3161Timestamps: z.tuple([z.object({ signedTimestamp: z.string() })]),
    }),
  }),
});

/** What cosign signs in its older form (cosign, specs/SIGNATURE_SPEC.md). */
export function legacyPayload(digest: Digest, changes: Readonly<Record<string, unknown>> = {}): Uint8Array {
  const critical = {
    identity: { "docker-reference": "ghcr.io/m1k1o/neko/base" },
    image: { "docker-manifest-digest": digest },
    type: "cosign container image signature",
    ...changes,
  };
  return Buffer.from(JSON.stringify({ critical, optional: null }));
}

/** A keyless signature of cosign's older form over a payload, by the lab's run. */
export async function legacySignature(
  lab: ReleaseLab,
  payload: Uint8Array,
  run: Partial<WorkflowRun> = {},
): Promise<LegacySignatureEvidence> {
  const { server } = lab.sigstore;
  const token = lab.sigstore.token(workflowClaims({ ...labRun, ...run }));
  const builder = new MessageSignatureBundleBuilder({
    signer: new FulcioSigner({
      fulcioBaseURL: server.urls.fulcio,
      retry: 2,
      identityProvider: { getToken: () => Promise.resolve(token) },
    }),
    witnesses: [
      new RekorWitness({ rekorBaseURL: server.urls.rekorV1, majorApiVersion: 1, entryType: "intoto" }),
      new TSAWitness({ tsaBaseURL: server.urls.tsa }),
    ],
  });
  const bundle = bundleSchema.parse(bundleToJSON(await builder.create({ data: Buffer.from(payload) })));
  const { x509CertificateChain, tlogEntries, timestampVerificationData } = bundle.verificationMaterial;
  const der = x509CertificateChain.certificates[0].rawBytes;
  const [entry] = tlogEntries;
  const [stamp] = timestampVerificationData.rfc3161Timestamps;
  const lines = der.match(/.{1,64}/g) ?? [];
  return {
    digest: digestOf(payload),
    payload: { kind: "found", value: payload },
    annotations: {
      [legacySignatureAnnotations.signature]: bundle.messageSignature.signature,
      [legacySignatureAnnotations.certificate]: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
      [legacySignatureAnnotations.bundle]: JSON.stringify({
        SignedEntryTimestamp: entry.inclusionPromise.signedEntryTimestamp,
        Payload: {
          body: entry.canonicalizedBody,
          integratedTime: Number(entry.integratedTime),
          logIndex: Number(entry.logIndex),
          logID: Buffer.from(entry.logId.keyId, "base64").toString("hex"),
        },
      }),
      [legacySignatureAnnotations.timestamp]: JSON.stringify({ SignedRFC3161Timestamp: stamp.signedTimestamp }),
    },
  };
}

/** Evidence without today's signature, and with older ones. */
export function withLegacySignatures(lab: ReleaseLab, signatures: readonly LegacySignatureEvidence[]): Evidence {
  return { ...lab.without("signature"), legacySignatures: { kind: "found", value: signatures } };
}
