/** Error codes of the OCI distribution-spec v1.1 ("Error Codes"), and those that large registries add. */
const knownCodes: ReadonlySet<string> = new Set([
  "BLOB_UNKNOWN",
  "BLOB_UPLOAD_INVALID",
  "BLOB_UPLOAD_UNKNOWN",
  "DIGEST_INVALID",
  "MANIFEST_BLOB_UNKNOWN",
  "MANIFEST_INVALID",
  "MANIFEST_UNKNOWN",
  "NAME_INVALID",
  "NAME_UNKNOWN",
  "SIZE_INVALID",
  "UNAUTHORIZED",
  "DENIED",
  "UNSUPPORTED",
  "TOOMANYREQUESTS",
  "METHOD_UNKNOWN",
  "QUOTA_EXCEEDED",
  "TAG_INVALID",
]);

/**
 * The code of a registry's error body, when it is one that is known. Nothing else of an error body is ever repeated: a
 * hostile registry could echo what it was sent, tokens included.
 */
export function registryErrorCode(body: Uint8Array): string | undefined {
  try {
    const value = JSON.parse(Buffer.from(body).toString("utf8")) as { errors?: { code?: unknown }[] } | null;
    const code = value?.errors?.[0]?.code;
    return typeof code === "string" && knownCodes.has(code) ? code : undefined;
  } catch {
    return undefined;
  }
}
