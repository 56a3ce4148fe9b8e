import { createPublicKey, sign, verify } from "node:crypto";
import { z } from "zod";
import { preAuthenticationEncoding } from "../../src/core/intoto/pre-authentication-encoding.ts";
import { canonicalBytes } from "../../src/core/json/canonical-json.ts";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import { failed, json, notFound } from "./answers.ts";
import type { Service, ServiceAnswer } from "./answers.ts";
import type { AppendOnlyLog } from "./append-only-log.ts";
import type { KeyPair } from "./authority-material.ts";
import type { CheckpointSigner } from "./checkpoint.ts";
import { hashLeaf } from "./merkle-tree.ts";

const envelopeSchema = z.object({
  payload: z.base64(),
  payloadType: z.string(),
  signatures: z.array(z.object({ sig: z.base64(), keyid: z.string().optional() })).length(1),
});

const proposalSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("dsse"),
    apiVersion: z.literal("0.0.1"),
    spec: z.object({ proposedContent: z.object({ envelope: z.string(), verifiers: z.array(z.base64()).length(1) }) }),
  }),
  z.object({
    kind: z.literal("hashedrekord"),
    apiVersion: z.literal("0.0.1"),
    spec: z.object({
      data: z.object({ hash: z.object({ algorithm: z.literal("sha256"), value: z.string().regex(/^[0-9a-f]{64}$/) }) }),
      signature: z.object({ content: z.base64(), publicKey: z.object({ content: z.base64() }) }),
    }),
  }),
]);

/** Refused proposals, with a message for the client. */
class Rejected extends Error {}

/** The canonical body that Rekor stores for a proposal (rekor pkg/types/dsse, hashedrekord), after checking the signature where it can. */
function canonicalBody(proposal: z.infer<typeof proposalSchema>): Uint8Array {
  if (proposal.kind === "hashedrekord") return canonicalBytes(proposal);
  const { envelope: text, verifiers } = proposal.spec.proposedContent;
  const envelope = envelopeSchema.parse(JSON.parse(text));
  const [signature] = envelope.signatures;
  const [verifier] = verifiers;
  if (signature === undefined || verifier === undefined)
    throw new Rejected("an envelope needs one signature and one verifier");
  const payload = Buffer.from(envelope.payload, "base64");
  // PEM of a certificate, or of a public key: Rekor takes both.
  const key = createPublicKey(Buffer.from(verifier, "base64"));
  if (
    !verify(
      "sha256",
      preAuthenticationEncoding(envelope.payloadType, payload),
      key,
      Buffer.from(signature.sig, "base64"),
    )
  ) {
    throw new Rejected("the envelope's signature is not by the verifier's key");
  }
  return canonicalBytes({
    apiVersion: "0.0.1",
    kind: "dsse",
    spec: {
      envelopeHash: { algorithm: "sha256", value: sha256Hex(text) },
      payloadHash: { algorithm: "sha256", value: sha256Hex(payload) },
      signatures: [{ signature: signature.sig, verifier }],
    },
  });
}

/** Signed entry timestamp (rekor pkg/api/entries.go): over the RFC 8785 form of the entry without its proofs. */
function signEntry(body: Uint8Array, time: number, index: number, logId: Buffer, key: KeyPair): string {
  const entry = {
    body: Buffer.from(body).toString("base64"),
    integratedTime: time,
    logID: logId.toString("hex"),
    logIndex: index,
  };
  return sign("sha256", canonicalBytes(entry), key.privateKey).toString("base64");
}

/** Rekor v1's API, as far as clients use it: entries with promise, proof and checkpoint; the log's state and key. */
export function rekorV1Service(
  log: AppendOnlyLog,
  key: KeyPair,
  signer: CheckpointSigner,
  treeId: string,
  now: () => Date,
): Service {
  const uuidOf = (leafHash: string): string => BigInt(treeId).toString(16).padStart(16, "0") + leafHash;

  const entry = (index: number): Record<string, unknown> => {
    const record = log.record(index);
    if (record === undefined) throw new RangeError(`no entry ${index}`);
    const size = log.tree.size;
    const root = log.tree.root();
    return {
      [uuidOf(log.tree.leafHash(index).toString("hex"))]: {
        body: Buffer.from(record.body).toString("base64"),
        integratedTime: record.time,
        logID: signer.logId.toString("hex"),
        logIndex: index,
        verification: {
          inclusionProof: {
            checkpoint: signer.checkpoint(size, root),
            hashes: log.tree.inclusionProof(index).map((hash) => hash.toString("hex")),
            logIndex: index,
            rootHash: root.toString("hex"),
            treeSize: size,
          },
          signedEntryTimestamp: signEntry(record.body, record.time, index, signer.logId, key),
        },
      },
    };
  };

  const create = (body: Buffer): ServiceAnswer => {
    let canonical: Uint8Array;
    try {
      canonical = canonicalBody(proposalSchema.parse(JSON.parse(body.toString("utf8"))));
    } catch (error) {
      return failed(
        400,
        `the proposed entry is not valid: ${error instanceof Rejected ? error.message : "it is malformed, or of a kind that this log does not take"}`,
      );
    }
    const leafHash = hashLeaf(canonical).toString("hex");
    const etag = uuidOf(leafHash);
    const location = `/api/v1/log/entries/${etag}`;
    if (log.find(leafHash) !== undefined)
      return json(409, { code: 409, message: "an equivalent entry already exists" }, location);
    const made = entry(log.append({ body: canonical, time: Math.floor(now().getTime() / 1000) }));
    // sigstore-go (cosign) finds the entry in the answer by this header.
    return { ...json(201, made, location), etag };
  };

  return ({ method, path, query, body }) => {
    if (method === "POST" && path === "/api/v1/log/entries") return create(body);
    if (method !== "GET") return notFound;
    if (path === "/api/v1/log/publicKey")
      return { status: 200, type: "text/plain", body: key.publicKey.export({ format: "pem", type: "spki" }) };
    if (path === "/api/v1/log") {
      const root = log.tree.root();
      return json(200, {
        rootHash: root.toString("hex"),
        signedTreeHead: signer.checkpoint(log.tree.size, root),
        treeID: treeId,
        treeSize: log.tree.size,
      });
    }
    if (path === "/api/v1/log/entries") {
      const index = Number(query.get("logIndex") ?? Number.NaN);
      return log.record(index) === undefined ? notFound : json(200, entry(index));
    }
    const index = log.find(/^\/api\/v1\/log\/entries\/(?:[0-9a-f]{16})?([0-9a-f]{64})$/.exec(path)?.[1] ?? "");
    return index === undefined ? notFound : json(200, entry(index));
  };
}
