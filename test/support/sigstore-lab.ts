import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signStatement } from "../../src/adapters/fulcio-rekor/sign-statement.ts";
import { readTrustedRoot } from "../../src/core/sigstore/trusted-root.ts";
import type { TrustedRootMaterial } from "../../src/core/sigstore/trusted-root.ts";
import type { BundleThresholds, ExpectedIdentity } from "../../src/core/sigstore/contract.ts";
import { identityOf, issueToken, workflowClaims } from "../../lab/sigstore/issue-token.ts";
import type { WorkflowClaims, WorkflowRun } from "../../lab/sigstore/issue-token.ts";
import type { InstanceOptions } from "../../lab/sigstore/instance.ts";
import { startSigstore } from "../../lab/sigstore/server.ts";
import type { SigstoreServer } from "../../lab/sigstore/server.ts";

/** The run that signs unless a test says otherwise: the sample repository's release workflow, for a version tag. */
export const sampleRun: WorkflowRun = {
  repository: "m1k1o/neko",
  repositoryId: "223413321",
  ownerId: "34362",
  ref: "refs/tags/v1.2.3",
  sha: "5f1d0f3f7f0e8a1b2c3d4e5f60718293a4b5c6d7",
  workflowPath: ".github/workflows/release.yml",
  trigger: "push",
};

export const sampleClaims: WorkflowClaims = workflowClaims(sampleRun);

/** What most tests verify with: one log, one certificate log, one authority. */
export const labThresholds: BundleThresholds = { tlog: 1, ct: 1, tsa: 1 };

export interface SignOptions {
  /** Changes to the sample claims. */
  readonly claims?: Partial<WorkflowClaims>;
  /** Logs to enter; `[1]` unless given. */
  readonly logs?: readonly (1 | 2)[];
  /** Whether a time stamp is added; true unless given. */
  readonly timestamp?: boolean;
}

/** A Sigstore instance of its own for one test, with everything that signs and verifies against it. */
export interface LabSigstore {
  readonly server: SigstoreServer;
  readonly stateDirectory: string;
  readonly trustedRoot: Uint8Array;
  readonly root: TrustedRootMaterial;
  token(claims?: Partial<WorkflowClaims>): string;
  /** Issuer and subject that a certificate for these claims carries. */
  identity(claims?: Partial<WorkflowClaims>): ExpectedIdentity;
  /** A bundle's bytes for a statement's bytes. */
  sign(statement: Uint8Array, options?: SignOptions): Promise<Uint8Array>;
}

/** Starts an instance in a temporary folder, calls `use`, and stops it whatever happens. */
export async function withLabSigstore<T>(
  use: (lab: LabSigstore) => Promise<T> | T,
  options: Omit<InstanceOptions, "stateDirectory"> = {},
): Promise<T> {
  const stateDirectory = mkdtempSync(join(tmpdir(), "neko-lab-sigstore-"));
  try {
    const server = await startSigstore({ ...options, stateDirectory, port: 0 });
    try {
      return await use(labOf(server, stateDirectory, options.now ?? (() => new Date())));
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(stateDirectory, { recursive: true, force: true });
  }
}

function labOf(server: SigstoreServer, stateDirectory: string, now: () => Date): LabSigstore {
  const { material } = server.instance;
  const root = readTrustedRoot(material.trustedRoot);
  if (!root.ok) throw new Error(`the lab's root was refused: ${root.findings[0].found}`);
  const claimsWith = (changes: Partial<WorkflowClaims> = {}): WorkflowClaims => ({ ...sampleClaims, ...changes });
  const token = (claims?: Partial<WorkflowClaims>): string =>
    issueToken(material.keys.issuer.privateKey, claimsWith(claims), now());
  return {
    server,
    stateDirectory,
    trustedRoot: material.trustedRoot,
    root: root.proof,
    token,
    identity: (claims) => identityOf(claimsWith(claims)),
    sign: (statement, { claims, logs, timestamp = true } = {}) =>
      signStatement({
        statement,
        identityToken: token(claims),
        fulcioUrl: server.urls.fulcio,
        rekor: (logs ?? ([1] as const)).map((version) => ({
          version,
          url: version === 1 ? server.urls.rekorV1 : server.urls.rekorV2,
        })),
        ...(timestamp ? { tsaUrl: server.urls.tsa } : {}),
      }),
  };
}
