import { createPublicKey, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { z } from "zod";
import { failed, json, notFound } from "./answers.ts";
import type { Service } from "./answers.ts";
import type { AppendOnlyLog } from "./append-only-log.ts";
import type { AuthorityMaterial } from "./authority-material.ts";
import { encodeToBeSigned, extensions, issueCertificate, newSerial, spkiOf, toPem } from "./certificates.ts";
import type { CertificateRequest } from "./certificates.ts";
import { promiseCertificate } from "./ct-log.ts";
import { wholeSecond } from "./der.ts";
import { fulcioExtensions } from "./fulcio-extensions.ts";
import { identityOf, verifyToken } from "./issue-token.ts";
import type { WorkflowClaims } from "./issue-token.ts";

const requestSchema = z.object({
  credentials: z.object({ oidcIdentityToken: z.string() }).optional(),
  publicKeyRequest: z.object({
    publicKey: z.object({ algorithm: z.string().optional(), content: z.string() }),
    proofOfPossession: z.base64(),
  }),
});

const tenMinutes = 600_000;
const sctList = "1.3.6.1.4.1.11129.2.4.2";

/** Issues a signing certificate of ten minutes for verified claims; the chain, leaf first, DER. */
export function issueSigningCertificate(
  material: AuthorityMaterial,
  ctLog: AppendOnlyLog,
  publicKey: KeyObject,
  claims: WorkflowClaims,
  now: Date,
): readonly Uint8Array[] {
  const notBefore = wholeSecond(now);
  const request: CertificateRequest = {
    issuer: material.fulcio.issuer,
    subject: undefined,
    publicKey,
    notBefore,
    notAfter: new Date(notBefore.getTime() + tenMinutes),
    extensions: [
      extensions.digitalSignature,
      extensions.codeSigning,
      extensions.uri(identityOf(claims).subject),
      ...fulcioExtensions(claims),
    ],
  };
  const serial = newSerial();
  const toBeSigned = encodeToBeSigned(request, serial);
  const promise = promiseCertificate(ctLog, material.keys.ctLog, spkiOf(request.issuer.publicKey), toBeSigned, now);
  const leaf = issueCertificate(
    { ...request, extensions: [...request.extensions, { id: sctList, value: promise }] },
    serial,
  );
  return [leaf, ...material.fulcio.chain];
}

/** Fulcio's v2 API, as far as clients use it: signingCert and trustBundle (fulcio openapi). */
export function fulcioService(material: AuthorityMaterial, ctLog: AppendOnlyLog, now: () => Date): Service {
  return ({ method, path, body, authorization }) => {
    if (method === "GET" && path === "/api/v2/trustBundle") {
      return json(200, { chains: [{ certificates: material.fulcio.chain.map(toPem) }] });
    }
    if (method !== "POST" || path !== "/api/v2/signingCert") return notFound;
    const request = requestSchema.safeParse(parseJson(body));
    // sigstore-js puts the token into the body, sigstore-go (cosign) into the header; Fulcio takes both.
    const given = request.data?.credentials?.oidcIdentityToken ?? /^Bearer (\S+)$/.exec(authorization)?.[1];
    if (!request.success || given === undefined)
      return failed(400, "The request must hold an identity token and a public key with proof of possession.");
    const token = verifyToken(given, material.keys.issuer.publicKey, now());
    if ("reason" in token) return failed(401, `There was an error processing the identity token: ${token.reason}.`);
    const { publicKey, proofOfPossession } = request.data.publicKeyRequest;
    const key = signingKey(publicKey.content);
    if (key === undefined) return failed(400, "The public key must be an ECDSA P-256 key in PEM.");
    // Fulcio's challenge is the token's subject.
    if (!verify("sha256", Buffer.from(token.claims.sub), key, Buffer.from(proofOfPossession, "base64"))) {
      return failed(400, "The signature supplied in the request could not be verified.");
    }
    const certificates = issueSigningCertificate(material, ctLog, key, token.claims, now()).map(toPem);
    return json(200, { signedCertificateEmbeddedSct: { chain: { certificates } } });
  };
}

function signingKey(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyDetails?.namedCurve === "prime256v1" ? key : undefined;
  } catch {
    return undefined;
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
