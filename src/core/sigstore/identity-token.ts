import { decodeJwt } from "jose/jwt/decode";
import { z } from "zod";
import { isInFuture } from "../clock-skew.ts";
import { Failure } from "../failure.ts";
import { safeParse } from "../safe-parse.ts";

/** A run of a workflow, as GitHub's token tells it and Fulcio writes it into the certificate (fulcio docs/oid-info.md). */
export interface WorkflowIdentity {
  /** `https://github.com/owner/name` (.12). */
  readonly repository: string;
  /** Full ref (.14). */
  readonly ref: string;
  /** Commit, 40 hex digits (.13). */
  readonly commit: string;
  /** `https://github.com/owner/name/path@ref` of the workflow that signs (.9): the provenance's builder. */
  readonly builderId: string;
  /** `https://github.com/owner/name/actions/runs/<id>/attempts/<n>` (.21). */
  readonly invocationId: string;
}

/** What an identity token says of its holder. Nothing of it is verified: Fulcio does that. */
export interface TokenIdentity {
  readonly issuer: string;
  /** What the certificate will name, where that follows from the token; else the token's subject. */
  readonly subject: string;
  /** Whether `subject` must be the certificate's alternative name. */
  readonly certain: boolean;
  readonly workflow?: WorkflowIdentity;
  readonly expires: Date;
}

const text = z.string().min(1).max(2048);
const registeredSchema = z.looseObject({
  iss: text,
  sub: text,
  aud: z.union([text, z.array(text)]),
  exp: z.number(),
  nbf: z.number().optional(),
  email: text.optional(),
  email_verified: z.boolean().optional(),
});

const digits = z.string().regex(/^[0-9]{1,20}$/);
const workflowSchema = z.looseObject({
  repository: z.string().regex(/^[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+$/),
  ref: text,
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  job_workflow_ref: text,
  run_id: digits,
  run_attempt: digits,
});

const audience = "sigstore";
const gitHub = "https://github.com";
const freshToken = "Fetch a new one for the audience sigstore; it is not shown here, as it is a secret.";

function tokenFailure(code: string, message: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy: freshToken });
}

/** The claims, or undefined. What the library throws quotes no claim, and is dropped all the same. */
function claimsOf(token: string): unknown {
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}

/**
 * Reads the claims of a token before it is sent anywhere. Throws IDENTITY_TOKEN_INVALID (no JWT, or without the claims
 * that Fulcio needs), IDENTITY_TOKEN_AUDIENCE (meant for another service, which must not see it used here),
 * IDENTITY_TOKEN_EXPIRED or IDENTITY_TOKEN_NOT_YET_VALID. No message holds any part of the token.
 */
export function readIdentityToken(token: string, now: Date): TokenIdentity {
  const three = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(token) && token.length <= 32_768;
  const parsed = safeParse(registeredSchema, three ? claimsOf(token) : undefined);
  if (!parsed.success) {
    const blank = token.trim() === "";
    throw tokenFailure(
      "IDENTITY_TOKEN_INVALID",
      blank
        ? "The identity token is empty."
        : "The identity token is not a signed JSON Web Token with issuer, subject, audience and expiry.",
    );
  }
  const { iss: issuer, aud, exp, nbf } = parsed.data;
  const audiences = typeof aud === "string" ? [aud] : aud;
  if (audiences.length !== 1 || audiences[0] !== audience) {
    throw tokenFailure("IDENTITY_TOKEN_AUDIENCE", "The identity token is for another audience than sigstore.");
  }
  const expires = new Date(exp * 1000);
  if (!(expires.getTime() > now.getTime())) {
    throw tokenFailure("IDENTITY_TOKEN_EXPIRED", "The identity token has expired.");
  }
  if (nbf !== undefined && isInFuture(new Date(nbf * 1000), now)) {
    throw tokenFailure("IDENTITY_TOKEN_NOT_YET_VALID", "The identity token is not valid yet; compare the clocks.");
  }
  return { issuer, ...subjectOf(parsed.data), expires };
}

function subjectOf(claims: z.infer<typeof registeredSchema>): Pick<TokenIdentity, "subject" | "certain" | "workflow"> {
  const run = safeParse(workflowSchema, claims);
  if (run.success) {
    const { repository, ref, sha, job_workflow_ref: signer, run_id: id, run_attempt: attempt } = run.data;
    const builderId = `${gitHub}/${signer}`;
    const invocationId = `${gitHub}/${repository}/actions/runs/${id}/attempts/${attempt}`;
    const workflow = { repository: `${gitHub}/${repository}`, ref, commit: sha, builderId, invocationId };
    return { subject: builderId, certain: true, workflow };
  }
  if (claims.email !== undefined && claims.email_verified === true) return { subject: claims.email, certain: true };
  // How Fulcio turns the subject into a name depends on the issuer (URI, SPIFFE, user name): the certificate will tell.
  return { subject: claims.sub, certain: false };
}
