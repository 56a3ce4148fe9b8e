import { z } from "zod";
import type { DigestAlgorithm } from "../intoto/match-subject.ts";
import { parseStatement } from "../intoto/parse-statement.ts";
import { parseStrictJson } from "../json/strict-json.ts";
import { safeParse } from "../safe-parse.ts";
import { decodeBase64 } from "./base64.ts";
import { maxBundleBytes } from "./bundle-schema.ts";

const claimSchema = z.looseObject({
  dsseEnvelope: z.looseObject({ payload: z.string() }).nullish(),
  messageSignature: z
    .looseObject({ messageDigest: z.looseObject({ algorithm: z.union([z.string(), z.number()]) }) })
    .nullish(),
});
const messageAlgorithms: Readonly<Record<string, DigestAlgorithm>> = {
  SHA2_384: "sha384",
  2: "sha384",
  SHA2_512: "sha512",
  3: "sha512",
};

/**
 * By which algorithms a bundle, not verified yet, says that its artifact was hashed: what is worth computing of a large
 * one. Nothing is believed: a digest that is not computed matches nothing. SHA-256 is always among them, for messages.
 */
export function claimedDigests(bundle: Uint8Array): ReadonlySet<DigestAlgorithm> {
  const claimed = new Set<DigestAlgorithm>(["sha256"]);
  const json = parseStrictJson(bundle, { maxBytes: maxBundleBytes, maxDepth: 16 });
  const claim = json.ok ? safeParse(claimSchema, json.value) : undefined;
  if (claim?.success !== true) return claimed;
  const { dsseEnvelope, messageSignature } = claim.data;
  const named = String(messageSignature?.messageDigest.algorithm);
  const algorithm = Object.hasOwn(messageAlgorithms, named) ? messageAlgorithms[named] : undefined;
  if (algorithm !== undefined) claimed.add(algorithm);
  const payload = decodeBase64(dsseEnvelope?.payload ?? "");
  const statement = payload === undefined ? undefined : parseStatement(payload, "");
  for (const { digest } of statement?.ok === true ? statement.proof.subject : []) {
    if (Object.hasOwn(digest, "sha384")) claimed.add("sha384");
    if (Object.hasOwn(digest, "sha512")) claimed.add("sha512");
  }
  return claimed;
}
