import { X509Certificate, createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { z } from "zod";
import { canonicalBytes } from "../../src/core/json/canonical-json.ts";
import { failed, json, notFound } from "./answers.ts";
import type { Service, ServiceAnswer } from "./answers.ts";
import type { AppendOnlyLog } from "./append-only-log.ts";
import type { CheckpointSigner } from "./checkpoint.ts";

/**
 * Rekor v2 (rekor-tiles v2.3) takes hashedrekord requests only; its dsse requests are deprecated and gone from the
 * server. For an envelope, the digest is that of its pre-authentication encoding.
 */
const verifierSchema = z.union([
  z.object({ keyDetails: z.literal("PKIX_ECDSA_P256_SHA_256"), x509Certificate: z.object({ rawBytes: z.base64() }) }),
  z.object({ keyDetails: z.literal("PKIX_ECDSA_P256_SHA_256"), publicKey: z.object({ rawBytes: z.base64() }) }),
]);

const requestSchema = z.object({
  hashedRekordRequestV002: z.object({
    digest: z.base64(),
    signature: z.object({
      content: z.base64(),
      verifier: verifierSchema,
    }),
  }),
});
type HashedRekord = z.infer<typeof requestSchema>["hashedRekordRequestV002"];

function keyOf(verifier: z.infer<typeof verifierSchema>): KeyObject {
  if ("x509Certificate" in verifier) {
    return new X509Certificate(Buffer.from(verifier.x509Certificate.rawBytes, "base64")).publicKey;
  }
  return createPublicKey({ key: Buffer.from(verifier.publicKey.rawBytes, "base64"), format: "der", type: "spki" });
}

function signatureHolds({ digest, signature }: HashedRekord): boolean {
  try {
    const jwk = keyOf(signature.verifier).export({ format: "jwk" });
    const point = Buffer.concat([
      Buffer.of(4),
      Buffer.from(jwk.x ?? "", "base64url"),
      Buffer.from(jwk.y ?? "", "base64url"),
    ]);
    const options = { prehash: false, format: "der", lowS: false } as const;
    return p256.verify(Buffer.from(signature.content, "base64"), Buffer.from(digest, "base64"), point, options);
  } catch {
    return false;
  }
}

/** Adds a canonical body and answers as Rekor v2 does: a TransparencyLogEntry with proof and checkpoint, without a time. */
export function appendToRekorV2(
  log: AppendOnlyLog,
  signer: CheckpointSigner,
  kind: string,
  body: Uint8Array,
  now: Date,
): Record<string, unknown> {
  const index = log.append({ body, time: Math.floor(now.getTime() / 1000) });
  const size = log.tree.size;
  const root = log.tree.root();
  return {
    logIndex: String(index),
    logId: { keyId: signer.logId.toString("base64") },
    kindVersion: { kind, version: "0.0.2" },
    integratedTime: "0",
    inclusionPromise: null,
    inclusionProof: {
      logIndex: String(index),
      rootHash: root.toString("base64"),
      treeSize: String(size),
      hashes: log.tree.inclusionProof(index).map((hash) => hash.toString("base64")),
      checkpoint: { envelope: signer.checkpoint(size, root) },
    },
    canonicalizedBody: Buffer.from(body).toString("base64"),
  };
}

/** Rekor v2's write API and its checkpoint. */
export function rekorV2Service(log: AppendOnlyLog, signer: CheckpointSigner, now: () => Date): Service {
  const create = (text: string): ServiceAnswer => {
    const request = requestSchema.safeParse(parseJson(text));
    if (!request.success)
      return failed(400, "this log takes hashedRekordRequestV002 with a P-256 certificate or key only");
    const record = request.data.hashedRekordRequestV002;
    if (Buffer.from(record.digest, "base64").length !== 32 || !signatureHolds(record)) {
      return failed(400, "the signature is not one of the digest by the verifier's key");
    }
    const body = canonicalBytes({
      apiVersion: "0.0.2",
      kind: "hashedrekord",
      spec: {
        hashedRekordV002: { data: { algorithm: "SHA2_256", digest: record.digest }, signature: record.signature },
      },
    });
    return json(201, appendToRekorV2(log, signer, "hashedrekord", body, now()));
  };
  return ({ method, path, body }) => {
    if (method === "POST" && path === "/api/v2/log/entries") return create(body.toString("utf8"));
    if (method === "GET" && path === "/api/v2/checkpoint") {
      return { status: 200, type: "text/plain", body: signer.checkpoint(log.tree.size, log.tree.root()) };
    }
    return notFound;
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
