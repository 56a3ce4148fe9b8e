import { X509Certificate } from "@sigstore/core";
import { readBundle } from "./bundle-format.ts";
import { readCertificateClaims } from "./certificate-claims.ts";
import type { CertificateClaims } from "./contract.ts";
import type { TokenIdentity } from "./identity-token.ts";

/**
 * Where a fresh bundle's certificate does not say what the token said, or undefined. What is told to the user, and what
 * provenance is made of, comes from the token: nothing may be attached that the certificate contradicts.
 */
export function identityDifference(bundle: Uint8Array, identity: TokenIdentity): string | undefined {
  const read = readBundle(bundle);
  if (!read.ok) return read.findings[0].found;
  const claims = readCertificateClaims(X509Certificate.parse(read.proof.leaf), read.proof.name);
  if (!claims.ok) return claims.findings[0].found;
  const other = comparedValues(identity, claims.proof).find(([expected, found]) => expected !== found);
  return other === undefined ? undefined : `"${other[1] ?? "nothing"}" in place of "${other[0]}"`;
}

function comparedValues(
  { issuer, subject, certain, workflow }: TokenIdentity,
  claims: CertificateClaims,
): (readonly [string, string | undefined])[] {
  const pairs: (readonly [string, string | undefined])[] = [[issuer, claims.issuer]];
  if (certain) pairs.push([subject, claims.subjectAlternativeName]);
  if (workflow !== undefined) {
    pairs.push(
      [workflow.builderId, claims.buildSignerUri],
      [workflow.repository, claims.sourceRepositoryUri],
      [workflow.ref, claims.sourceRepositoryRef],
      [workflow.commit, claims.sourceRepositoryDigest],
      [workflow.invocationId, claims.runInvocationUri],
    );
  }
  return pairs;
}
