import { join } from "node:path";
import type { TestContext } from "node:test";
import { workflowClaims } from "../../lab/sigstore/issue-token.ts";
import type { WorkflowClaims, WorkflowRun } from "../../lab/sigstore/issue-token.ts";
import { signingConfigNames } from "../../lab/sigstore/signing-config-file.ts";
import type { Evidence } from "../../src/core/verify/evidence.ts";
import { labRun } from "./release-lab.ts";
import type { ReleaseLab } from "./release-lab.ts";
import { serveRelease } from "./release-registry.ts";
import type { ReleaseRegistry } from "./release-registry.ts";
import type { LabSigstore } from "./sigstore-lab.ts";

/** A registry that holds the lab's release, with nothing attached to it. */
export function serveUnsigned(
  t: TestContext,
  lab: ReleaseLab,
  options: Omit<NonNullable<Parameters<typeof serveRelease>[2]>, "evidence"> = {},
): Promise<ReleaseRegistry> {
  const bare: Evidence = { ...lab.evidence, referrers: new Map() };
  return serveRelease(t, lab, { ...options, evidence: bare });
}

/** A token of the run that stack local trusts. */
export function labToken(
  sigstore: LabSigstore,
  run: Partial<WorkflowRun> = {},
  claims: Partial<WorkflowClaims> = {},
): string {
  return sigstore.token({ ...workflowClaims({ ...labRun, ...run }), ...claims });
}

/** What `--signing-config` takes for the lab. */
export function signingConfig(sigstore: LabSigstore, log: "rekorV1" | "rekorV2" = "rekorV1"): string {
  return join(sigstore.stateDirectory, signingConfigNames[log]);
}
