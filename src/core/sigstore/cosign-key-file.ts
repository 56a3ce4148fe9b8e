import { scryptSync } from "node:crypto";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { z } from "zod";
import { parseStrictJson } from "../json/strict-json.ts";
import { safeParse } from "../safe-parse.ts";
import { decodeBase64 } from "./base64.ts";

/**
 * cosign's private key files: a PEM block whose content is JSON of go-securesystemslib (encrypted/encrypted.go), a PKCS#8
 * key under NaCl's secret box with a key derived by scrypt.
 */
export const cosignKeyLabels = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"] as const;

const bytes = (length: number) =>
  z.string().refine((text) => decodeBase64(text)?.length === length, `must be ${length} bytes in base64`);
// Only the three costs that cosign knows: another would let a changed file take all memory.
const costs = [32_768, 65_536, 131_072];

const fileSchema = z.strictObject({
  kdf: z.strictObject({
    name: z.literal("scrypt"),
    params: z.strictObject({
      N: z.int().refine((cost) => costs.includes(cost), `must be ${costs.join(", ")}`),
      r: z.literal(8),
      p: z.literal(1),
    }),
    salt: bytes(32),
  }),
  cipher: z.strictObject({ name: z.literal("nacl/secretbox"), nonce: bytes(24) }),
  ciphertext: z
    .string()
    .max(64 * 1024)
    .refine((text) => decodeBase64(text) !== undefined),
});

/** The PKCS#8 DER of the block's content; `malformed` when it is none of cosign's, `wrong` when the passphrase is. */
export function decryptCosignKey(content: Uint8Array, passphrase: string): Uint8Array | "malformed" | "wrong" {
  const json = parseStrictJson(content, { maxBytes: 128 * 1024, maxDepth: 8 });
  const file = safeParse(fileSchema, json.ok ? json.value : undefined);
  if (!file.success) return "malformed";
  const { kdf, cipher, ciphertext } = file.data;
  const [salt, nonce, sealed] = [kdf.salt, cipher.nonce, ciphertext].map((text) => Buffer.from(text, "base64"));
  if (salt === undefined || nonce === undefined || sealed === undefined) return "malformed";
  const { N, r, p } = kdf.params;
  // scrypt takes 128 · N · r bytes, twice what Node allows unless told.
  const key = scryptSync(passphrase, salt, 32, { N, r, p, maxmem: 256 * N * r });
  try {
    return xsalsa20poly1305(key, nonce).decrypt(sealed);
  } catch {
    return "wrong";
  }
}
