import type { Extension } from "./certificates.ts";
import { utf8String } from "./der.ts";
import type { WorkflowClaims } from "./issue-token.ts";
import { labNames } from "./names.ts";

const arc = "1.3.6.1.4.1.57264.1";
const gitHub = "https://github.com";

/** Fulcio's extensions for a workflow (fulcio docs/oid-info.md): .1 to .6 raw strings, from .8 on UTF8String. */
export function fulcioExtensions(claims: WorkflowClaims): Extension[] {
  const raw: Record<number, string> = {
    1: labNames.issuer,
    2: claims.event_name,
    3: claims.sha,
    4: claims.workflow,
    5: claims.repository,
    6: claims.ref,
  };
  const encoded: Record<number, string | undefined> = {
    8: labNames.issuer,
    9: `${gitHub}/${claims.job_workflow_ref}`,
    10: claims.job_workflow_sha,
    11: claims.runner_environment,
    12: `${gitHub}/${claims.repository}`,
    13: claims.sha,
    14: claims.ref,
    15: claims.repository_id,
    16: `${gitHub}/${claims.repository_owner}`,
    17: claims.repository_owner_id,
    18: `${gitHub}/${claims.workflow_ref}`,
    19: claims.workflow_sha,
    20: claims.event_name,
    21: `${gitHub}/${claims.repository}/actions/runs/${claims.run_id}/attempts/${claims.run_attempt}`,
    22: claims.repository_visibility,
    23: claims.environment,
    24: claims.sub,
  };
  return [
    ...Object.entries(raw).map(([number, value]) => ({ id: `${arc}.${number}`, value: Buffer.from(value, "utf8") })),
    ...Object.entries(encoded).flatMap(([number, value]) =>
      value === undefined ? [] : [{ id: `${arc}.${number}`, value: utf8String(value) }],
    ),
  ];
}
