import { bundleFromJSON } from "@sigstore/bundle";
import type { Bundle } from "@sigstore/bundle";
import { reasonOf } from "../failure.ts";
import { payloadType as inTotoPayload } from "../intoto/statement.ts";
import { describeJsonProblem, parseStrictJson } from "../json/strict-json.ts";
import type { JsonValue } from "../json/strict-json.ts";
import { sha256Hex } from "../oci/digest.ts";
import { safeParse } from "../safe-parse.ts";
import { proven, refuse } from "../verify/finding.ts";
import type { Checked } from "../verify/finding.ts";
import { decodeBase64 } from "./base64.ts";
import { bundleMediaTypes, bundleSchema, maxBundleBytes } from "./bundle-schema.ts";
import type { BundleDocument } from "./bundle-schema.ts";
import type { RefusalCode } from "./library-verdict.ts";

/**
 * Reads a Sigstore bundle (protobuf-specs, sigstore_bundle.proto, its JSON form) strictly: known media types, no
 * unknown or duplicate keys, canonical base64, bounded numbers of everything. The library's own reader accepts any
 * `v<digit>.<digit>`, ignores unknown keys and decodes base64 leniently, so that a changed bundle could still pass.
 */

/** A bundle whose form is right; nothing in it is believed yet. */
export interface ReadBundle {
  /** `bundle sha256:…`: what findings about it name. */
  readonly name: string;
  readonly bundle: Bundle;
}

/** A bundle that carries its signer's certificate. */
export interface CertificateBundle extends ReadBundle {
  /** DER of the signer's certificate. */
  readonly leaf: Buffer<ArrayBuffer>;
}

/** Reads a bundle's bytes; refuses with BUNDLE_INVALID, BUNDLE_MEDIA_TYPE, BUNDLE_KEY_NOT_CERTIFICATE or STATEMENT_PAYLOAD_TYPE. */
export function readBundle(input: Uint8Array): Checked<CertificateBundle> {
  const { name, invalid, document } = readDocument(input);
  if (!document.ok) return document;
  const { certificate, x509CertificateChain: chain, publicKey } = document.proof.verificationMaterial;
  if (publicKey !== undefined || (certificate === undefined && chain === undefined)) {
    const found = publicKey === undefined ? "no certificate" : "a public key or a hint to one";
    return invalid(found, "BUNDLE_KEY_NOT_CERTIFICATE", "the signer's certificate");
  }
  if (certificate !== undefined && chain !== undefined) return invalid("two certificates");
  const bundle = libraryBundle(document.proof, invalid);
  if (!bundle.ok) return bundle;
  const leaf = decodeBase64(certificate?.rawBytes ?? chain?.certificates[0]?.rawBytes ?? "");
  if (leaf === undefined || leaf.length === 0) return invalid("an empty certificate");
  return proven({ name, bundle: bundle.proof, leaf });
}

/**
 * Reads a bundle that was signed with a key at hand. What it says of the key is a hint that nobody signed, so it is not
 * compared; a certificate in it is refused with BUNDLE_CERTIFICATE_NOT_KEY, and else the codes are those of readBundle.
 */
export function readKeyedBundle(input: Uint8Array): Checked<ReadBundle> {
  const { name, invalid, document } = readDocument(input);
  if (!document.ok) return document;
  const { certificate, x509CertificateChain: chain, publicKey } = document.proof.verificationMaterial;
  if (certificate !== undefined || chain !== undefined)
    return invalid("a certificate", "BUNDLE_CERTIFICATE_NOT_KEY", "a bundle that was signed with the given key");
  if (publicKey === undefined) return invalid("neither a certificate nor a public key's hint");
  if (Object.keys(publicKey).some((key) => key !== "hint") || !isShortText(publicKey["hint"] ?? ""))
    return invalid("a public key that is not a hint");
  const bundle = libraryBundle(document.proof, invalid);
  return bundle.ok ? proven({ name, bundle: bundle.proof }) : bundle;
}

function isShortText(value: unknown): boolean {
  return typeof value === "string" && value.length <= 1024;
}

type Invalid = (found: string, code?: RefusalCode, expected?: string) => Checked<never>;

interface Reading {
  readonly name: string;
  readonly invalid: Invalid;
  readonly document: Checked<BundleDocument>;
}

function readDocument(input: Uint8Array): Reading {
  const name = `bundle sha256:${sha256Hex(input)}`;
  const invalid: Invalid = (found, code = "BUNDLE_INVALID", expected = "a Sigstore bundle") =>
    refuse(code, {
      subject: name,
      expected,
      found,
      remedy: "Sign again with a current Sigstore client, and attach what it writes unchanged.",
    });
  return { name, invalid, document: parseDocument(input, invalid) };
}

function parseDocument(input: Uint8Array, invalid: Invalid): Checked<BundleDocument> {
  if (input.length > maxBundleBytes)
    return invalid(`${input.length} bytes`, "BUNDLE_INVALID", `at most ${maxBundleBytes} bytes`);
  const json = parseStrictJson(input, { maxBytes: maxBundleBytes, maxDepth: 16 });
  if (!json.ok) return invalid(describeJsonProblem(json.problem));
  const value = withoutNulls(json.value);
  const mediaType = mediaTypeOf(value);
  if (!bundleMediaTypes.some((known) => known === mediaType)) {
    return invalid(String(mediaType).slice(0, 200), "BUNDLE_MEDIA_TYPE", `one of ${bundleMediaTypes.join(", ")}`);
  }
  const parsed = safeParse(bundleSchema, value);
  if (parsed.success) return proven(parsed.data);
  const issues = parsed.error.issues.slice(0, 5);
  return invalid(issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
}

/** proto3's JSON mapping: null stands for a field that is not set. Some clients write it for every such field. */
function withoutNulls(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => withoutNulls(item));
  if (typeof value !== "object" || value === null) return value;
  const set = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(set.map(([key, field]) => [key, withoutNulls(field)]));
}

function mediaTypeOf(value: JsonValue): unknown {
  return typeof value === "object" && value !== null && "mediaType" in value ? value.mediaType : undefined;
}

function libraryBundle(document: BundleDocument, invalid: Invalid): Checked<Bundle> {
  const { dsseEnvelope, messageSignature } = document;
  if ((dsseEnvelope === undefined) === (messageSignature === undefined))
    return invalid("not exactly one of dsseEnvelope and messageSignature");
  if (dsseEnvelope !== undefined && dsseEnvelope.payloadType !== inTotoPayload)
    return invalid(JSON.stringify(dsseEnvelope.payloadType), "STATEMENT_PAYLOAD_TYPE", inTotoPayload);
  try {
    return proven(bundleFromJSON(withoutUnsignedProofs(document)));
  } catch (error) {
    return invalid(reasonOf(error));
  }
}

/**
 * Bundles of v0.1 were written with a proof of inclusion but no checkpoint that signs its root (sigstore-python 1.x, as in
 * CPython's releases). There the log's promise is what counts, which v0.1 requires, and the proof is left out. From v0.2 on
 * the checkpoint is required, and the library refuses a bundle without.
 */
function withoutUnsignedProofs(document: BundleDocument): unknown {
  const { tlogEntries, ...material } = document.verificationMaterial;
  if (document.mediaType !== bundleMediaTypes[0] || tlogEntries === undefined) return document;
  const entries = tlogEntries.map(({ inclusionProof: proof, ...entry }) =>
    proof?.checkpoint === undefined ? entry : { ...entry, inclusionProof: proof },
  );
  return { ...document, verificationMaterial: { ...material, tlogEntries: entries } };
}
