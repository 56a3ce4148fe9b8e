import type { Finding } from "../../core/verify/finding.ts";
import { isUnavailable } from "../../operations/verify-releases.ts";
import { drawFindings } from "../../report/chain-tree.ts";

/** How an image is told that its evidence does not prove, `repository@digest`. */
export function refusedHead(resolved: string, policy: string): string {
  return `✗ refused under policy "${policy}": ${resolved}`;
}

/** How an image is told of which nothing is known, as its evidence could not be read. */
export function unreadHead(resolved: string): string {
  return `✗ not verified: the evidence for ${resolved} can't be read`;
}

/** The fitting one of both, and the findings below it. */
export function refusedLines(resolved: string, policy: string, findings: readonly Finding[]): string[] {
  const head = isUnavailable(findings) ? unreadHead(resolved) : refusedHead(resolved, policy);
  return [head, ...drawFindings(findings)];
}
