import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { buildSampleRelease } from "../../lab/sample-release/build-sample-release.ts";
import type { SampleRelease } from "../../lab/sample-release/build-sample-release.ts";
import type { SampleReleaseInput } from "../../lab/sample-release/sample-input.ts";
import type { SampleStatement } from "../../lab/sample-release/statements.ts";
import { signerOverlay } from "../../lab/overlay.ts";
import { placeholderRegistry, samplePath, signerPath } from "../../lab/places.ts";
import { workflowClaims } from "../../lab/sigstore/issue-token.ts";
import type { WorkflowClaims, WorkflowRun } from "../../lab/sigstore/issue-token.ts";
import { localOverlayPath } from "../../src/config/local-overlay.ts";
import type { LocalOverlay } from "../../src/config/local-overlay.ts";
import { readYamlConfig } from "../../src/config/read-config.ts";
import type { StackConfig } from "../../src/config/stack-config.ts";
import { canonicalBytes } from "../../src/core/json/canonical-json.ts";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import { mediaTypes } from "../../src/core/oci/formats.ts";
import { buildReferrer } from "../../src/core/oci/referrer-builder.ts";
import { trustPolicySchema } from "../../src/core/policy/trust-policy.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import type { VerifiedRelease } from "../../src/core/release/verified-release.ts";
import type { Evidence, ReferrerEvidence } from "../../src/core/verify/evidence.ts";
import type { Checked } from "../../src/core/verify/finding.ts";
import { verifyRelease } from "../../src/core/verify/verify-release.ts";
import { withValues } from "./documents.ts";
import { withReferrers } from "./evidence-changes.ts";
import { withLabSigstore } from "./sigstore-lab.ts";
import type { LabSigstore } from "./sigstore-lab.ts";

/** Where nothing listens: evidence comes from memory. */
export const labHost = "127.0.0.1:5001";
export const labRepository = `${labHost}/${samplePath}`;
const checkout = join(import.meta.dirname, "..", "..");

/** The run that stacks/Pulumi.local.yaml trusts. */
export const labRun: WorkflowRun = {
  repository: "m1k1o/neko",
  repositoryId: "1001",
  ownerId: "1000",
  ref: "refs/tags/v1.2.3",
  sha: "5f1d0f3f7f0e8a1b2c3d4e5f60718293a4b5c6d7",
  workflowPath: ".github/workflows/nix-build-sign.yml",
  trigger: "push",
};

/** A release of a few files, so that hundreds of verifications take seconds. */
export function smallRelease(
  run: WorkflowRun = labRun,
  version = "1.2.3",
  changes: Partial<Pick<SampleReleaseInput, "signer" | "platforms" | "trees">> = {},
): SampleRelease {
  const file = (contents: string) => ({ executable: false, contents: Buffer.from(contents) });
  return buildSampleRelease({
    name: "neko-trust-sample",
    version,
    repositoryName: `${placeholderRegistry}/${samplePath}`,
    source: {
      repository: `https://github.com/${run.repository}`,
      commit: run.sha,
      ref: run.ref,
      files: new Map([["src/core/a.ts", file("export const a = 1;\n")]]),
    },
    trees: [{ name: "neko-trust-core", folder: "src/core" }],
    lock: { path: "flake.lock", bytes: Buffer.from("{}") },
    workflow: run.workflowPath,
    attribute: "sample-image",
    sourceDateEpoch: 1_786_800_966,
    invocation: `https://github.com/${run.repository}/actions/runs/1/attempts/1`,
    ...changes,
  });
}

export type Kind = SampleStatement["kind"];
export type PlatformName = "linux/amd64" | "linux/arm64";

/** How a statement differs from the sample's own. */
export interface StatementChange {
  /** Which of two: provenance and SBOM are per platform. linux/amd64 unless given. */
  readonly platform?: PlatformName;
  /** Dotted paths in the predicate and their new values; `undefined` removes. */
  readonly predicate?: Readonly<Record<string, unknown>>;
  /** The same for the whole statement. */
  readonly statement?: Readonly<Record<string, unknown>>;
  /** The payload, for what is no statement any more. */
  readonly payload?: Uint8Array;
  /** The run that signs. */
  readonly run?: Partial<WorkflowRun>;
  /** Claims of the run's token. */
  readonly claims?: Partial<WorkflowClaims>;
  /** Signed already. */
  readonly bundle?: Uint8Array;
  /** The referrer's subject, when it isn't the one that the statement is listed under. */
  readonly refersTo?: Digest;
}

/** Evidence that proves the sample, and the means to change one thing in it. */
export interface ReleaseLab {
  readonly sigstore: LabSigstore;
  readonly release: SampleRelease;
  /** The policy of stacks/Pulumi.local.yaml, with this lab's root. */
  readonly policy: TrustPolicy;
  readonly config: StackConfig;
  readonly evidence: Evidence;
  readonly now: Date;
  /** The sample's own statement. */
  statement(kind: Kind, platform?: PlatformName): SampleStatement;
  /** What the statement is about. */
  subject(kind: Kind, platform?: PlatformName): Digest;
  /** A statement of the kind, signed and made a referrer. */
  signed(kind: Kind, change?: StatementChange): Promise<ReferrerEvidence>;
  /** The evidence with a changed statement in the place of the good one. */
  replacing(kind: Kind, change: StatementChange): Promise<Evidence>;
  /** The evidence with a changed statement beside the good one. */
  adding(kind: Kind, change: StatementChange): Promise<Evidence>;
  /** The evidence without a statement. */
  without(kind: Kind, platform?: PlatformName): Evidence;
  /** The policy with other values at dotted paths, parsed. */
  policyWith(changes: Readonly<Record<string, unknown>>): TrustPolicy;
  verify(changes?: {
    readonly evidence?: Evidence;
    readonly policy?: TrustPolicy;
    readonly now?: Date;
  }): Checked<VerifiedRelease>;
}

/** Starts a lab for a test file; it stops when the file's tests are done. */
export async function startReleaseLab(): Promise<ReleaseLab> {
  const { promise, resolve, reject } = Promise.withResolvers<ReleaseLab>();
  const done = Promise.withResolvers<undefined>();
  const running = withLabSigstore(async (sigstore) => {
    resolve(await labOf(sigstore));
    await done.promise;
  }).catch(reject);
  after(async () => {
    done.resolve(undefined);
    await running;
  });
  return promise;
}

async function labOf(sigstore: LabSigstore): Promise<ReleaseLab> {
  const release = smallRelease();
  const now = new Date();
  const config = stackLocal(sigstore, release.index.index.digest, now);
  const statement = (kind: Kind, platform: PlatformName = "linux/amd64"): SampleStatement => {
    const digest = release.platforms.find((entry) => entry.platform === platform)?.image.manifest.digest;
    const found = release.statements.find(
      (entry) => entry.kind === kind && (entry.subject === digest || entry.subject === release.manifest.digest),
    );
    if (found === undefined) throw new Error(`the sample has no ${kind} of ${platform}`);
    return found;
  };
  const bundleOf = (own: SampleStatement, change: StatementChange): Promise<Uint8Array> => {
    const document = withValues(own.statement, {
      ...Object.fromEntries(
        Object.entries(change.predicate ?? {}).map(([path, value]) => [`predicate.${path}`, value]),
      ),
      ...change.statement,
    });
    const claims = { ...workflowClaims({ ...labRun, ...change.run }), ...change.claims };
    return sigstore.sign(change.payload ?? canonicalBytes(document), { claims });
  };
  const signed = async (kind: Kind, change: StatementChange = {}): Promise<ReferrerEvidence> => {
    const own = statement(kind, change.platform);
    const bundle = change.bundle ?? (await bundleOf(own, change));
    return referrerOf(release, change.refersTo ?? own.subject, bundle);
  };
  const good = new Map<SampleStatement, ReferrerEvidence>();
  for (const own of release.statements) good.set(own, referrerOf(release, own.subject, await bundleOf(own, {})));
  const evidence = evidenceOf(release, good, sigstore.trustedRoot);
  const change = (kind: Kind, platform: PlatformName | undefined, put: readonly ReferrerEvidence[]): Evidence => {
    const own = statement(kind, platform);
    return withReferrers(evidence, own.subject, (list) => [...list.filter((one) => one !== good.get(own)), ...put]);
  };
  return {
    sigstore,
    release,
    policy: config.policy,
    config,
    evidence,
    now,
    statement,
    subject: (kind, platform) => statement(kind, platform).subject,
    signed,
    replacing: async (kind, changed) => change(kind, changed.platform, [await signed(kind, changed)]),
    adding: async (kind, changed) => {
      const more = await signed(kind, changed);
      return withReferrers(evidence, statement(kind, changed.platform).subject, (list) => [...list, more]);
    },
    without: (kind, platform) => change(kind, platform, []),
    policyWith: (changes) => trustPolicySchema.parse(withValues(config.policy, changes)),
    verify: (changes = {}) =>
      verifyRelease(changes.evidence ?? evidence, changes.policy ?? config.policy, changes.now ?? new Date()),
  };
}

/** Reads stacks/Pulumi.local.yaml as `make up` does, with an overlay that names this lab. */
function stackLocal(sigstore: LabSigstore, digest: Digest, now: Date): StackConfig {
  const state = join(sigstore.stateDirectory, "state");
  const overlay: LocalOverlay = {
    schema: 1,
    hosts: { [placeholderRegistry]: labHost },
    trustedRoot: {
      path: join(sigstore.stateDirectory, "material", "trusted_root.json"),
      sha256: sha256Hex(sigstore.trustedRoot),
      fetched: now.toISOString(),
    },
    releases: [{ image: labRepository, current: digest, retained: [] }],
    secrets: {},
    signerRelease: signerOverlay({ repository: `${labHost}/${signerPath}`, digest, disk: "/nonexistent/disk.tar.gz" }),
  };
  mkdirSync(state, { recursive: true });
  writeFileSync(localOverlayPath(state), JSON.stringify(overlay));
  return readYamlConfig("local", { checkout, state, cache: state, run: state });
}

/** Makes a bundle a referrer of a part of the release. */
export function referrerOf(release: SampleRelease, subject: Digest, bundle: Uint8Array): ReferrerEvidence {
  const parts = [release.index.index, ...release.platforms.map(({ image }) => image.manifest)];
  const { mediaType, size } = parts.find(({ digest }) => digest === subject) ?? {
    mediaType: mediaTypes.manifest,
    size: 1,
  };
  const built = buildReferrer(
    { mediaType, digest: subject, size },
    { artifactType: mediaTypes.bundle, layer: bundle, layerMediaType: mediaTypes.bundle },
  );
  return {
    digest: built.descriptor.digest,
    manifest: { kind: "found", value: built.manifest },
    bundle: { kind: "found", value: bundle },
  };
}

function evidenceOf(
  release: SampleRelease,
  attached: ReadonlyMap<SampleStatement, ReferrerEvidence>,
  trustedRoot: Uint8Array,
): Evidence {
  const parts = [release.index.index, ...release.platforms.map(({ image }) => image.manifest)];
  return {
    repository: labRepository,
    digest: release.index.index.digest,
    manifests: new Map(parts.map(({ digest, bytes }) => [digest, { kind: "found", value: bytes }])),
    referrers: new Map(
      parts.map(({ digest }) => [
        digest,
        {
          kind: "found",
          value: [...attached].filter(([own]) => own.subject === digest).map(([, referrer]) => referrer),
        },
      ]),
    ),
    trustedRoot,
  };
}
