import { createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { flattenedDecrypt } from "jose/jwe/flattened/decrypt";
import { z } from "zod";
import { parseStrictJson } from "../json/strict-json.ts";
import { safeParse } from "../safe-parse.ts";
import { decodeBase64Url } from "./base64url.ts";
import { kbsRefused } from "./kbs-failure.ts";
import { teePublicKey } from "./tee-key.ts";
import type { TeePublicKey } from "./tee-key.ts";

/**
 * A resource as KBS sends it: one flattened JWE (RFC 7516, section 7.2.2) with everything in the protected header, and no `aad`
 * (kbs/src/jwe/mod.rs). Nothing else is taken: which algorithms there are is not the sender's choice.
 */
const contentEncryption = "A256GCM";

const ivBytes = 12;
const tagBytes = 16;
/** A key of 32 bytes as AES Key Wrap makes it (RFC 3394). */
const wrappedKeyBytes = 40;

const responseSchema = z.strictObject({
  protected: z.string().min(1).max(4096),
  encrypted_key: z.string().min(1).max(2048),
  iv: z.string(),
  ciphertext: z.string(),
  tag: z.string(),
});
type ResourceResponse = z.infer<typeof responseSchema>;

const text = z.string().max(2048);
const ephemeralSchema = z.strictObject({ kty: z.literal("EC"), crv: text, x: text, y: text });

/**
 * The resource's bytes, decrypted with the private half of the key that was attested. Throws KBS_RESPONSE_MALFORMED,
 * KBS_RESPONSE_ALGORITHM (another algorithm than this key's, or another content encryption), KBS_RESPONSE_EPHEMERAL_KEY,
 * KBS_RESPONSE_DECRYPTION. No message quotes the response.
 */
export async function decryptResource(bytes: Uint8Array, privateKey: KeyObject): Promise<Uint8Array> {
  const response = readResponse(bytes);
  const key = teePublicKey(privateKey);
  checkHeader(response, key);
  checkSizes(response);
  try {
    const { plaintext } = await flattenedDecrypt(response, privateKey, {
      keyManagementAlgorithms: [key.alg],
      contentEncryptionAlgorithms: [contentEncryption],
    });
    return plaintext;
  } catch {
    // What the library says tells wrong key and changed bytes apart no better.
    throw kbsRefused(
      "KBS_RESPONSE_DECRYPTION",
      "The resource does not decrypt with the key that was attested: it is encrypted to another key, or was changed.",
      "Ask again; if it stays, somebody stands between this machine and the key broker.",
    );
  }
}

function readResponse(bytes: Uint8Array): ResourceResponse {
  const json = parseStrictJson(bytes, { maxDepth: 4 });
  const parsed = safeParse(responseSchema, json.ok ? json.value : undefined);
  if (!parsed.success) throw malformed("a flattened JWE of protected, encrypted_key, iv, ciphertext and tag");
  return parsed.data;
}

/** Sizes of A256GCM; asked after the algorithms, so that another one is told as such. */
function checkSizes({ iv, tag, ciphertext }: ResourceResponse): void {
  if (decodeBase64Url(iv)?.length !== ivBytes) throw malformed(`an iv of ${ivBytes} bytes`);
  if (decodeBase64Url(tag)?.length !== tagBytes) throw malformed(`a tag of ${tagBytes} bytes`);
  if (decodeBase64Url(ciphertext) === undefined) throw malformed("a ciphertext in base64url");
}

function checkHeader(response: ResourceResponse, key: TeePublicKey): void {
  const encoded = decodeBase64Url(response.protected);
  const json = encoded === undefined ? undefined : parseStrictJson(encoded, { maxDepth: 4 });
  const fields = z.record(z.string(), z.unknown());
  const header = safeParse(fields, json?.ok === true ? json.value : undefined);
  if (!header.success) throw malformed("a protected header");
  const { alg, enc, epk, ...more } = header.data;
  if (alg !== key.alg || enc !== contentEncryption) {
    throw kbsRefused(
      "KBS_RESPONSE_ALGORITHM",
      `The resource is not encrypted by ${key.alg} and ${contentEncryption}, which is all that this key is for.`,
      "Do not weaken the client: ask who runs the key broker.",
    );
  }
  // `zip`, `crit`, `apu`, `apv` and all that is yet to be invented: KBS writes none, and each changes what is decrypted.
  if (Object.keys(more).length > 0) throw malformed("a protected header of alg, enc and epk alone");
  const wrapped = decodeBase64Url(response.encrypted_key);
  if (wrapped === undefined) throw malformed("an encrypted_key in base64url");
  if (key.kty === "RSA") {
    if (epk !== undefined) throw malformed("a protected header of alg and enc alone");
    return;
  }
  if (wrapped.length !== wrappedKeyBytes) throw malformed(`an encrypted_key of ${wrappedKeyBytes} bytes`);
  if (!isOnCurve(epk, key.crv)) {
    throw kbsRefused(
      "KBS_RESPONSE_EPHEMERAL_KEY",
      `The resource's ephemeral key is no point on ${key.crv}: a secret would be derived that tells of this machine's key.`,
      "Somebody attacks, or the key broker is broken: ask who runs it.",
    );
  }
}

/** An invalid curve attack offers points of other curves; the system's library refuses them when it imports the key. */
function isOnCurve(epk: unknown, crv: string): boolean {
  const parsed = safeParse(ephemeralSchema, epk);
  if (!parsed.success || parsed.data.crv !== crv) return false;
  try {
    const { x, y } = createPublicKey({ key: parsed.data, format: "jwk" }).export({ format: "jwk" });
    return x === parsed.data.x && y === parsed.data.y;
  } catch {
    return false;
  }
}

function malformed(expected: string): Error {
  return kbsRefused(
    "KBS_RESPONSE_MALFORMED",
    `The key broker's answer to the request for a resource has not ${expected}.`,
    "Check that the address is that of Trustee's KBS, and its version.",
  );
}
