import { sendRequest } from "../../adapters/web/request.ts";
import { approvalPlace, policyDigestVariable, verifiesNothing } from "../../config/approved-policies.ts";
import { digestOfPolicies } from "../../config/digest-of-policies.ts";
import type { StackConfig } from "../../config/stack-config.ts";
import { couldNotAsk, missing, ok } from "../../core/check-result.ts";
import type { CheckResult } from "../../core/check-result.ts";
import { approvalObject, approvedDigestIn, longestApproval } from "../../core/policy/published-approval.ts";
import { accessToken, googleApi } from "../google-token.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const title = "approved policies";

/**
 * Whether the published approval of the stack's environment can be read with the caller's own credentials, and whether it is
 * for the policies that the stack's file has now. Changes nothing.
 */
export async function examineApproval(
  config: StackConfig,
  stack: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<CheckResult> {
  const { approvals, policy } = config;
  if (approvals === undefined) {
    const nothing = verifiesNothing(config) && config.admissionPolicies === undefined;
    const says = nothing ? "the stack lets nothing in" : `the stack names none: ${policyDigestVariable} alone denies`;
    return ok(title, says);
  }
  const { bucket } = approvals;
  const place = approvalPlace(bucket, policy.environment);
  if (bucket.includes("placeholder")) return missing(title, `${place} is a placeholder`, `make init STACK=${stack}`);
  const token = await accessToken(environment, signal);
  if (token.kind !== "found") return { ...token.check, name: title };
  // gcloud's own variable names the API with its version, and the others' without.
  const api = googleApi("storage", environment).replace(/\/storage\/v1$/, "");
  const object = encodeURIComponent(approvalObject(policy.environment));
  const answer = await sendRequest({
    method: "GET",
    url: `${api}/storage/v1/b/${encodeURIComponent(bucket)}/o/${object}?alt=media`,
    headers: { authorization: `Bearer ${token.token}` },
    maxBytes: longestApproval,
    timeoutMilliseconds: 20_000,
    retries: 1,
    signal,
  });
  const again = "Try again where storage.googleapis.com can be reached.";
  if (answer.kind === "failed") return couldNotAsk(title, `${place}: ${answer.detail}`, again);
  // Who may not list is told 403 also where there is nothing: the two can't be told apart from here.
  if ([401, 403, 404].includes(answer.status)) {
    const says = `${place} is not there, or not for these credentials (HTTP ${answer.status})`;
    return missing(title, says, "pulumi up --stack platform publishes it, and lets CI's identities read it.");
  }
  if (answer.status !== 200) return couldNotAsk(title, `${place}: Google answered ${answer.status}`, again);
  const approved = approvedDigestIn(Buffer.from(answer.body).toString("utf8"), policy.environment);
  if (!approved.ok) return missing(title, `${place}: ${approved.why}`, "pulumi up --stack platform");
  const own = digestOfPolicies(config);
  if (approved.digest === own) return ok(title, `${place} approves ${own}, which is what the stack's file has`);
  const remedy = `If the change is meant: neko-trust policy digest ${stack} into the platform stack's file, then pulumi up --stack platform`;
  return missing(title, `${place} approves ${approved.digest}; the stack's file has ${own}`, remedy);
}
