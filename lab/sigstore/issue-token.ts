import { sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { z } from "zod";
import { labNames } from "./names.ts";

/**
 * Identity tokens of the lab: GitHub's claims (docs.github.com, "OpenID Connect reference"), under the lab's own
 * issuer, so that nothing signed in the lab can look like GitHub's. Who holds the issuer's private key (mode 0600, in
 * the lab's state) can be any workflow; nobody else can.
 */

const text = z.string().min(1).max(1024);

/** The claims that the lab's Fulcio writes into a certificate. */
export const workflowClaimsSchema = z.object({
  sub: text,
  repository: text,
  repository_id: text,
  repository_owner: text,
  repository_owner_id: text,
  repository_visibility: text,
  ref: text,
  sha: text,
  event_name: text,
  workflow: text,
  workflow_ref: text,
  workflow_sha: text,
  job_workflow_ref: text,
  job_workflow_sha: text,
  runner_environment: text,
  run_id: text,
  run_attempt: text,
  environment: text.optional(),
});
export type WorkflowClaims = z.infer<typeof workflowClaimsSchema>;

const registeredClaims = z.object({
  iss: z.literal(labNames.issuer),
  aud: z.literal("sigstore"),
  iat: z.number(),
  nbf: z.number(),
  exp: z.number(),
});

/** What a run of a workflow is, in few words. */
export interface WorkflowRun {
  /** `owner/name` */
  readonly repository: string;
  readonly repositoryId: string;
  readonly ownerId: string;
  /** `refs/tags/v1.2.3` */
  readonly ref: string;
  /** Commit, 40 hex digits. */
  readonly sha: string;
  /** `.github/workflows/release.yml`: the workflow that was triggered. */
  readonly workflowPath: string;
  readonly trigger: string;
  readonly runner?: "github-hosted" | "self-hosted";
  readonly environment?: string;
  readonly runId?: string;
  readonly runAttempt?: string;
  /** A reusable workflow that does the signing, when it is another one: `owner/name/path@ref`, and its commit. */
  readonly signer?: { readonly workflowRef: string; readonly sha: string };
}

/** All claims of a run, as GitHub's issuer would fill them in. */
export function workflowClaims(run: WorkflowRun): WorkflowClaims {
  const workflowRef = `${run.repository}/${run.workflowPath}@${run.ref}`;
  const context = run.environment === undefined ? `ref:${run.ref}` : `environment:${run.environment}`;
  return {
    sub: `repo:${run.repository}:${context}`,
    repository: run.repository,
    repository_id: run.repositoryId,
    repository_owner: run.repository.split("/")[0] ?? "",
    repository_owner_id: run.ownerId,
    repository_visibility: "public",
    ref: run.ref,
    sha: run.sha,
    event_name: run.trigger,
    workflow: run.workflowPath.split("/").at(-1) ?? run.workflowPath,
    workflow_ref: workflowRef,
    workflow_sha: run.sha,
    job_workflow_ref: run.signer?.workflowRef ?? workflowRef,
    job_workflow_sha: run.signer?.sha ?? run.sha,
    runner_environment: run.runner ?? "github-hosted",
    run_id: run.runId ?? "1",
    run_attempt: run.runAttempt ?? "1",
    ...(run.environment === undefined ? {} : { environment: run.environment }),
  };
}

/** Subject alternative name of the certificate that these claims get: what a policy or cosign names as identity. */
export function identityOf(claims: WorkflowClaims): { readonly issuer: string; readonly subject: string } {
  return { issuer: labNames.issuer, subject: `https://github.com/${claims.job_workflow_ref}` };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** A JSON Web Token, ES256, for the audience `sigstore`, good for five minutes from `now`. */
export function issueToken(issuerKey: KeyObject, claims: WorkflowClaims, now: Date = new Date()): string {
  const issued = Math.floor(now.getTime() / 1000);
  const registered = { iss: labNames.issuer, aud: "sigstore", iat: issued, nbf: issued - 5, exp: issued + 300 };
  const signed = `${encode({ alg: "ES256", typ: "JWT" })}.${encode({ ...claims, ...registered })}`;
  const signature = sign("sha256", Buffer.from(signed), { key: issuerKey, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

/**
 * The claims of a token that the lab's issuer signed for Sigstore and that is valid now; else a reason, which never
 * quotes the token.
 */
export function verifyToken(
  token: string,
  issuerPublicKey: KeyObject,
  now: Date,
): { readonly claims: WorkflowClaims } | { readonly reason: string } {
  const [header, payload, signature, ...more] = token.length > 16384 ? [] : token.split(".");
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0)
    return { reason: "the token is not a signed JSON Web Token" };
  // The algorithm is the issuer's, not the token's choice: "none" and HMAC with the public key are old attacks.
  const bytes = Buffer.from(signature, "base64url");
  const key = { key: issuerPublicKey, dsaEncoding: "ieee-p1363" } as const;
  if (bytes.length !== 64 || !verify("sha256", Buffer.from(`${header}.${payload}`), key, bytes))
    return { reason: "the token is not signed by the lab's issuer" };
  const content = parseJson(payload);
  const registered = registeredClaims.safeParse(content);
  if (!registered.success) return { reason: "the token's issuer, audience or times are not what Sigstore takes" };
  const seconds = now.getTime() / 1000;
  if (seconds < registered.data.nbf || seconds >= registered.data.exp) return { reason: "the token is not valid now" };
  const claims = workflowClaimsSchema.safeParse(content);
  if (!claims.success)
    return {
      reason: `the token lacks claims of a workflow: ${claims.error.issues.map((issue) => issue.path.join(".")).join(", ")}`,
    };
  return { claims: claims.data };
}

function parseJson(base64url: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64url, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}
