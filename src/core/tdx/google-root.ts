/**
 * Google's root for launch endorsements: the certificate "GCE-cc-tcb-root_1", RSA, of Google's Certificate Authority Service
 * (google/gce-tcb-verifier, gcetcbendorsement/lib/presentation.go, DefaultRootURL). Its bytes are fetched or given; what makes them the root is their digest.
 */
export const googleRootUrl = "https://pki.goog/cloud_integrity/GCE-cc-tcb-root_1.crt";

/**
 * SHA-256 of that certificate's DER. Public verifiers of these endorsements embed the certificate and test for this digest: two in
 * Rust, with Google's endorsement of a machine of October 2026, and one in Go, over Google's own library, with one of 2024. A
 * renewed root is another certificate: it is refused until it is pinned here, or named by who calls.
 */
export const googleRootSha256 = "e876bc6978bf4f3da445f98a0a82363c8c0bae5a1fc033c6df65846a6cb0f18c";
