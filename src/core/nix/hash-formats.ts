import { Failure } from "../failure.ts";

/**
 * The ways in which Nix writes one SHA-256: SRI (`sha256-` and base64, W3C Subresource Integrity), 64 hex digits, and
 * Nix's own base 32 (Nix manual, "Store Path Specification"). Only SHA-256 is read: releases use nothing else.
 */
export type SriSha256 = `sha256-${string}`;

/** 32 characters without e, o, t and u, so that no word appears by accident (Dolstra 2006, section 5.1). */
const alphabet = "0123456789abcdfghijklmnpqrsvwxyz";
const values = new Map(Array.from(alphabet, (character, value) => [character, value]));

const sha256Bytes = 32;
const sriPattern = /^sha256-[A-Za-z0-9+/]{43}=$/;
const hexPattern = /^[0-9a-f]{64}$/;

export function sriOfSha256(digest: Uint8Array): SriSha256 {
  requireSha256(digest);
  return `sha256-${Buffer.from(digest).toString("base64")}`;
}

/** The 32 bytes of an SRI hash; throws NIX_HASH_INVALID unless it is a canonical SHA-256. */
export function sha256OfSri(sri: string): Uint8Array {
  if (sriPattern.test(sri)) {
    const bytes = Buffer.from(sri.slice("sha256-".length), "base64");
    // 43 characters hold 258 bits: the last two must be zero, else two spellings would mean one hash.
    if (sriOfSha256(bytes) === sri) return bytes;
  }
  throw invalid(sri, "an SRI hash: sha256- and 44 characters of base64");
}

export function hexOfSri(sri: string): string {
  return Buffer.from(sha256OfSri(sri)).toString("hex");
}

export function sriOfHex(hex: string): SriSha256 {
  if (!hexPattern.test(hex)) throw invalid(hex, "64 lower-case hex digits");
  return sriOfSha256(Buffer.from(hex, "hex"));
}

/** `sha256:` and 52 characters of base 32, stripped of the prefix: the form of .narinfo files and `nix-hash`. */
export function nixBase32OfSri(sri: string): string {
  return encodeNixBase32(sha256OfSri(sri));
}

export function sriOfNixBase32(text: string): SriSha256 {
  const bytes = decodeNixBase32(text, sha256Bytes);
  if (bytes === undefined) throw invalid(text, "52 characters of Nix's base 32");
  return sriOfSha256(bytes);
}

/** Nix's base 32: the least significant five bits of the last byte come last, so digits run from the end. */
export function encodeNixBase32(bytes: Uint8Array): string {
  const length = Math.ceil((bytes.length * 8) / 5);
  let text = "";
  for (let digit = length - 1; digit >= 0; digit--) {
    const bit = digit * 5;
    const index = bit >> 3;
    const pair = (bytes[index] ?? 0) | ((bytes[index + 1] ?? 0) << 8);
    text += alphabet.charAt((pair >> (bit & 7)) & 31);
  }
  return text;
}

/** `size` bytes, or undefined when the text has another length, another alphabet, or bits that fit in no byte. */
export function decodeNixBase32(text: string, size: number): Uint8Array | undefined {
  if (text.length !== Math.ceil((size * 8) / 5)) return undefined;
  const bytes = new Uint8Array(size);
  for (let position = 0; position < text.length; position++) {
    const value = values.get(text.charAt(text.length - 1 - position));
    if (value === undefined) return undefined;
    const bit = position * 5;
    const index = bit >> 3;
    const shifted = value << (bit & 7);
    bytes[index] = (bytes[index] ?? 0) | (shifted & 255);
    const carry = shifted >> 8;
    if (index + 1 < size) bytes[index + 1] = carry;
    else if (carry !== 0) return undefined;
  }
  return bytes;
}

function requireSha256(digest: Uint8Array): void {
  if (digest.length !== sha256Bytes) throw new RangeError(`a SHA-256 has 32 bytes, not ${digest.length}`);
}

function invalid(found: string, expected: string): Failure {
  return new Failure({
    code: "NIX_HASH_INVALID",
    kind: "refused",
    message: `${JSON.stringify(found.slice(0, 100))} is not ${expected}.`,
    remedy: "Give the hash as Nix prints it, for example by `nix hash path`.",
  });
}
