import type { Signer } from "../../policy/trust-policy.ts";
import { celString, celStrings } from "./cel.ts";

/** Who a token of GitHub Actions has to be of: a signer's rules without the name of the source repository. */
export type Caller = Omit<Signer, "id" | "repository">;

/**
 * The condition that a token's claims must meet: the rules of verify/check-identity.ts, said in CEL. A claim that is
 * missing makes the evaluation fail, and the token is refused. Neither `sub` nor the repository's name is read: since
 * July 2026 the subject of new repositories has ids in it, of older ones it has none, and a name can be taken over.
 */
export function conditionOf(caller: Caller): string {
  const { signerWorkflow: signer, callerWorkflow } = caller;
  const signerPath = `${signer.repository}/${signer.path}@`;
  const callerPath = `${callerWorkflow.repository}/${callerWorkflow.path}@`;
  return [
    `assertion.repository_owner_id == ${celString(caller.ownerId)}`,
    `assertion.repository_id == ${celString(caller.repositoryId)}`,
    ...("sha" in signer
      ? [
          `assertion.job_workflow_ref == ${celString(signerPath + signer.sha)}`,
          `assertion.job_workflow_sha == ${celString(signer.sha)}`,
        ]
      : signer.ref === "source"
        ? [`assertion.job_workflow_ref == ${celString(signerPath)} + assertion.ref`]
        : [`assertion.job_workflow_ref == ${celString(signerPath + signer.ref)}`]),
    `assertion.workflow_ref == ${celString(callerPath)} + assertion.ref`,
    refCondition(caller.refs),
    `assertion.event_name in ${celStrings(caller.triggers)}`,
    `assertion.runner_environment == ${celString(caller.runner)}`,
    caller.environment === undefined
      ? "!has(assertion.environment)"
      : `assertion.environment == ${celString(caller.environment)}`,
  ].join(" && ");
}

function refCondition(refs: readonly string[]): string {
  const alternatives = refs.toSorted().map((pattern) => {
    if (!pattern.endsWith("*")) return `assertion.ref == ${celString(pattern)}`;
    return startingWith(pattern.slice(0, -1));
  });
  const [only] = alternatives;
  return alternatives.length === 1 && only !== undefined ? only : `(${alternatives.join(" || ")})`;
}

/**
 * A ref that goes on after the prefix, in printable ASCII and without a further slash. The slashes are counted by a
 * pattern that no setting's text enters: a text can't be read as a regular expression.
 */
function startingWith(prefix: string): string {
  const slashes = prefix.split("/").length - 1;
  const segment = "[!-.0-~]+";
  return (
    `(assertion.ref.startsWith(${celString(prefix)}) && assertion.ref != ${celString(prefix)} && ` +
    `assertion.ref.matches('^${segment}(/${segment}){${slashes}}$'))`
  );
}
