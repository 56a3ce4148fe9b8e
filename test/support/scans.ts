import type { ScanPredicate } from "../../src/core/intoto/scan-predicate.ts";
import { predicateTypes } from "../../src/core/intoto/statement.ts";
import { writeStatement } from "../../src/core/intoto/write-statement.ts";
import type { Evidence, ReferrerEvidence } from "../../src/core/verify/evidence.ts";
import { workflowClaims } from "../../lab/sigstore/issue-token.ts";
import type { WorkflowRun } from "../../lab/sigstore/issue-token.ts";
import { withReferrers } from "./evidence-changes.ts";
import { labRun, referrerOf } from "./release-lab.ts";
import type { PlatformName, ReleaseLab } from "./release-lab.ts";

export type Vulnerability = ScanPredicate["vulnerabilities"][number];

/** How a scan differs from a clean one of now. */
export interface ScanChange {
  readonly predicate?: Partial<ScanPredicate> & Readonly<Record<string, unknown>>;
  readonly run?: Partial<WorkflowRun>;
}

/** A clean scan of a platform, made now. */
export function cleanScan(lab: ReleaseLab, platform: PlatformName): ScanPredicate {
  const entry = lab.release.manifest.platforms.find((candidate) => candidate.platform === platform);
  if (entry === undefined) throw new Error(`the sample has no ${platform}`);
  const now = new Date().toISOString();
  return {
    schema: 1,
    scanner: { name: "grype", version: "0.99.0" },
    database: { updated: now },
    finished: now,
    sbom: entry.sbom,
    vulnerabilities: [],
  };
}

/** A signed scan statement of a platform, as a referrer of it. */
export async function scanStatement(
  lab: ReleaseLab,
  platform: PlatformName,
  { predicate, run }: ScanChange = {},
): Promise<ReferrerEvidence> {
  const subject = lab.subject("sbom", platform);
  const statement = writeStatement({
    subject: [{ name: "scan", digest: { sha256: subject.slice("sha256:".length) } }],
    predicateType: predicateTypes.scan,
    predicate: { ...cleanScan(lab, platform), ...predicate },
  });
  return referrerOf(
    lab.release,
    subject,
    await lab.sigstore.sign(statement, { claims: workflowClaims({ ...labRun, ...run }) }),
  );
}

/** Evidence with more referrers of a platform. */
export function withScans(
  lab: ReleaseLab,
  evidence: Evidence,
  platform: PlatformName,
  scans: readonly ReferrerEvidence[],
): Evidence {
  return withReferrers(evidence, lab.subject("sbom", platform), (list) => [...list, ...scans]);
}
