import { parseStrictJson } from "../json/strict-json.ts";

/** A statement of Intel's as its service sends it: the exact text that is signed, and the signature over it. */
export interface SignedAnswer {
  readonly text: string;
  /** r ‖ s, 64 bytes. */
  readonly signature: Uint8Array;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Takes `{"<member>":{…},"signature":"<128 hex digits>"}` apart (Intel PCS API v4). The text is cut out, never written anew:
 * the signature is over its bytes. Undefined: the answer is something else.
 */
export function splitSignedAnswer(body: Uint8Array, member: "tcbInfo" | "enclaveIdentity"): SignedAnswer | undefined {
  // Duplicate keys, which two readers would read differently, are refused here.
  if (!parseStrictJson(body, { maxDepth: 16 }).ok) return undefined;
  const whole = new RegExp(
    `^\\s*\\{\\s*"${member}"\\s*:\\s*(\\{.*\\})\\s*,\\s*"signature"\\s*:\\s*"([0-9a-fA-F]{128})"\\s*\\}\\s*$`,
    "s",
  ).exec(utf8.decode(body));
  const [, text, signature] = whole ?? [];
  if (text === undefined || signature === undefined) return undefined;
  // Else the braces belong to two members, with others between them.
  if (!parseStrictJson(Buffer.from(text, "utf8"), { maxDepth: 16 }).ok) return undefined;
  return { text, signature: Buffer.from(signature, "hex") };
}
