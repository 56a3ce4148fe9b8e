import { predicateTypes } from "../../src/core/intoto/statement.ts";
import { rebuildPredicate } from "../../src/core/intoto/rebuild-predicate.ts";
import type { RebuildFacts } from "../../src/core/intoto/rebuild-predicate.ts";
import { writeStatement } from "../../src/core/intoto/write-statement.ts";
import type { Answer } from "../../src/core/oci/answer.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import type { Rebuilder } from "../../src/core/policy/trust-policy.ts";
import type { Evidence, ReferrerEvidence } from "../../src/core/verify/evidence.ts";
import { labNames } from "../../lab/sigstore/names.ts";
import { identityOf, workflowClaims } from "../../lab/sigstore/issue-token.ts";
import type { WorkflowRun } from "../../lab/sigstore/issue-token.ts";
import { withValues } from "./documents.ts";
import { referrerOf } from "./release-lab.ts";
import type { PlatformName, ReleaseLab } from "./release-lab.ts";

const workflowPath = ".github/workflows/rebuild.yml";
const ref = "refs/heads/main";

/** An organization that rebuilds, by its name and number: repository `<name>/rebuilds` of owner `<number>`. */
export interface RebuildRun {
  readonly name: string;
  readonly number: number;
  readonly operator?: string;
  readonly runner?: "github-hosted" | "self-hosted";
  readonly location?: string;
}

/** A run of that organization's rebuild workflow. */
export function rebuildRun({ name, number, runner = "github-hosted" }: RebuildRun): WorkflowRun {
  return {
    repository: `${name}/rebuilds`,
    repositoryId: String(number * 10),
    ownerId: String(number),
    ref,
    sha: "a".repeat(40),
    workflowPath,
    trigger: "schedule",
    runner,
  };
}

/** What a policy says of it. */
export function rebuilderOf(run: RebuildRun): Rebuilder {
  const { name, number, operator = name, runner = "github-hosted" } = run;
  const repository = `${name}/rebuilds`;
  return {
    id: name,
    operator,
    location: run.location ?? `ghcr.io/${repository}`,
    identity: {
      issuer: labNames.issuer,
      repository,
      repositoryId: String(number * 10),
      ownerId: String(number),
      signerWorkflow: { repository, path: workflowPath, ref: "source" },
      callerWorkflow: { repository, path: workflowPath },
      refs: [ref],
      triggers: ["schedule"],
      runner,
    },
  };
}

/** What a good rebuild of a platform finds. */
export function goodRebuild(lab: ReleaseLab, run: RebuildRun, platform: PlatformName): RebuildFacts {
  const { manifest } = lab.release;
  const entry = manifest.platforms.find((candidate) => candidate.platform === platform);
  if (entry === undefined) throw new Error(`the sample has no ${platform}`);
  const storeHash = "0".repeat(32);
  return {
    flake: manifest.flake,
    source: manifest.source,
    attribute: "sample-image",
    platform,
    derivation: entry.derivation ?? `/nix/store/${storeHash}-sample-image.drv`,
    digest: entry.digest,
    storePath: entry.storePath,
    narHash: entry.narHash,
    nix: { version: "2.34.1", system: platform === "linux/amd64" ? "x86_64-linux" : "aarch64-linux" },
    substituters: ["https://cache.nixos.org"],
    substituted: [],
    builderId: identityOf(workflowClaims(rebuildRun(run))).subject,
  };
}

/** How a rebuild statement differs from a good one. */
export interface RebuildChange {
  readonly facts?: Partial<RebuildFacts>;
  /** Dotted paths of the predicate. */
  readonly predicate?: Readonly<Record<string, unknown>>;
  /** The run that signs, when it isn't the rebuilder's. */
  readonly run?: Partial<WorkflowRun>;
}

/** One signed rebuild statement of a platform, as a referrer of it. */
export async function rebuildStatement(
  lab: ReleaseLab,
  run: RebuildRun,
  platform: PlatformName,
  change: RebuildChange = {},
): Promise<ReferrerEvidence> {
  const subject = lab.subject("sbom", platform);
  const predicate = rebuildPredicate({ ...goodRebuild(lab, run, platform), ...change.facts });
  const statement = writeStatement({
    subject: [{ name: "rebuild", digest: { sha256: subject.slice("sha256:".length) } }],
    predicateType: predicateTypes.provenance,
    predicate: withValues(predicate, change.predicate ?? {}),
  });
  const claims = workflowClaims({ ...rebuildRun(run), ...change.run });
  return referrerOf(lab.release, subject, await lab.sigstore.sign(statement, { claims }));
}

/** Per rebuilder and platform: what its location lists. */
export type Published = Readonly<Record<string, Partial<Record<PlatformName, readonly ReferrerEvidence[]>>>>;

/** Evidence with what rebuilders published; a platform that is left out has no referrers there. */
export function withRebuilds(lab: ReleaseLab, published: Published): Evidence {
  const platforms = ["linux/amd64", "linux/arm64"] as const;
  const rebuilds = new Map(
    Object.entries(published).map(([id, byPlatform]) => [
      id,
      new Map<Digest, Answer<readonly ReferrerEvidence[]>>(
        platforms.map((platform) => [
          lab.subject("sbom", platform),
          { kind: "found", value: byPlatform[platform] ?? [] },
        ]),
      ),
    ]),
  );
  return { ...lab.evidence, rebuilds };
}

/** Good rebuilds of both platforms by one rebuilder. */
export async function goodRebuilds(lab: ReleaseLab, run: RebuildRun): Promise<Published[string]> {
  return {
    "linux/amd64": [await rebuildStatement(lab, run, "linux/amd64")],
    "linux/arm64": [await rebuildStatement(lab, run, "linux/arm64")],
  };
}
