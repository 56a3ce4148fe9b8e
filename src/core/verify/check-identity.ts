import type { Signer } from "../policy/trust-policy.ts";
import type { CertificateClaims } from "../sigstore/contract.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked, FindingCode } from "./finding.ts";

/** The ref, when it fully matches one of the patterns: exact, or with one `*` at the end for the rest of a segment. */
export function refMatches(ref: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    if (!pattern.endsWith("*")) return ref === pattern;
    const prefix = pattern.slice(0, -1);
    return ref.startsWith(prefix) && ref.length > prefix.length && !ref.slice(prefix.length).includes("/");
  });
}

/** `https://github.com/<workflow>@<ref or sha>`: what a signer's subject alternative name has to be. */
export function expectedSubject(signer: Signer, sourceRef: string): string {
  const { signerWorkflow } = signer;
  const at =
    "sha" in signerWorkflow ? signerWorkflow.sha : signerWorkflow.ref === "source" ? sourceRef : signerWorkflow.ref;
  return `https://github.com/${signerWorkflow.repository}/${signerWorkflow.path}@${at}`;
}

interface Comparison {
  readonly what: string;
  readonly code: FindingCode;
  readonly expected: string;
  readonly found: string | undefined;
  readonly holds: boolean;
}

/**
 * Rule 3: the certificate is this signer's. Every field that the policy names is compared, exactly; a certificate
 * without the extension is refused. An e-mail identity never matches, as the subject must be the workflow's URI.
 * Numbers in parentheses are Fulcio's extensions 1.3.6.1.4.1.57264.1.N.
 */
export function checkIdentity(claims: CertificateClaims, signer: Signer, subject: string): Checked<CertificateClaims> {
  const extension = (what: string, expected: string, found: string | undefined): Comparison => ({
    what,
    code: "IDENTITY_EXTENSION_MISMATCH",
    expected,
    found,
    holds: found === expected,
  });
  const ref = claims.sourceRepositoryRef;
  const uri = expectedSubject(signer, ref ?? "");
  const caller = `https://github.com/${signer.callerWorkflow.repository}/${signer.callerWorkflow.path}@${ref ?? ""}`;
  const trigger = claims.buildTrigger;
  const comparisons: Comparison[] = [
    { ...extension("issuer (.8)", signer.issuer, claims.issuer), code: "IDENTITY_ISSUER_MISMATCH" },
    { ...extension("subject alternative name", uri, claims.subjectAlternativeName), code: "IDENTITY_SUBJECT_MISMATCH" },
    extension("signer workflow (.9)", uri, claims.buildSignerUri),
    extension("runner environment (.11)", signer.runner, claims.runnerEnvironment),
    extension("source repository (.12)", `https://github.com/${signer.repository}`, claims.sourceRepositoryUri),
    extension("source repository id (.15)", signer.repositoryId, claims.sourceRepositoryId),
    extension("source owner id (.17)", signer.ownerId, claims.sourceRepositoryOwnerId),
    extension("calling workflow (.18)", caller, claims.buildConfigUri),
    {
      what: "source ref (.14)",
      code: "IDENTITY_REF_NOT_ALLOWED",
      expected: signer.refs.join(" or "),
      found: ref,
      // Git allows separators and look-alikes in refs; a policy names none that is not printable ASCII.
      holds: ref !== undefined && /^[\x21-\x7e]+$/.test(ref) && refMatches(ref, signer.refs),
    },
    {
      what: "trigger (.20)",
      code: "IDENTITY_TRIGGER_NOT_ALLOWED",
      expected: signer.triggers.join(" or "),
      found: trigger,
      holds: signer.triggers.some((allowed) => allowed === trigger),
    },
    {
      ...extension("deployment environment (.23)", signer.environment ?? "none", claims.deploymentEnvironment),
      holds: claims.deploymentEnvironment === signer.environment,
    },
  ];
  if ("sha" in signer.signerWorkflow) {
    comparisons.push(extension("signer workflow commit (.10)", signer.signerWorkflow.sha, claims.buildSignerDigest));
  }
  const failures = comparisons.filter((comparison) => !comparison.holds);
  const checked = all(
    failures.map((failure) =>
      refuse(failure.code as Exclude<FindingCode, "SKIPPED">, {
        subject,
        expected: `${failure.what} of signer "${signer.id}": ${failure.expected}`,
        found: failure.found ?? "absent",
        remedy: "If this signer should be trusted, review it and add it to the policy; otherwise find out who signed.",
      }),
    ),
  );
  return checked.ok ? proven(claims) : checked;
}
