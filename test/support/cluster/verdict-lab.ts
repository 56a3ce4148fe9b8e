import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LabContext } from "../../../lab/context.ts";
import { signerOverlay } from "../../../lab/overlay.ts";
import { placeholderRegistry, placesOf, samplePath, serviceNames, signerPath } from "../../../lab/places.ts";
import { stopService } from "../../../lab/processes/service.ts";
import type { SampleRelease } from "../../../lab/sample-release/build-sample-release.ts";
import type { SampleStatement } from "../../../lab/sample-release/statements.ts";
import { startServices } from "../../../lab/services.ts";
import type { LabServices } from "../../../lab/services.ts";
import { loadOrCreateMaterial } from "../../../lab/sigstore/authority-material.ts";
import { issueToken, workflowClaims } from "../../../lab/sigstore/issue-token.ts";
import type { WorkflowRun } from "../../../lab/sigstore/issue-token.ts";
import { signStatement } from "../../../src/adapters/fulcio-rekor/sign-statement.ts";
import { createRegistryClient } from "../../../src/adapters/registry/client.ts";
import { pushLayout } from "../../../src/adapters/registry/layout-transfer.ts";
import { unwrap } from "../../../src/adapters/registry/unwrap.ts";
import { bundleAttachment } from "../../../src/core/oci/bundle-attachment.ts";
import type { Directories } from "../../../src/adapters/directories/directories.ts";
import { writeWhole } from "../../../src/adapters/files/write-whole.ts";
import { localOverlayPath } from "../../../src/config/local-overlay.ts";
import type { LocalOverlay } from "../../../src/config/local-overlay.ts";
import { readYamlConfig } from "../../../src/config/read-config.ts";
import { sha256Hex } from "../../../src/core/oci/digest.ts";
import type { Digest } from "../../../src/core/oci/digest.ts";
import { trustPolicySchema } from "../../../src/core/policy/trust-policy.ts";
import type { TrustPolicy } from "../../../src/core/policy/trust-policy.ts";
import { canonicalBytes } from "../../../src/core/json/canonical-json.ts";
import { withValues } from "../documents.ts";
import { labRun, smallRelease } from "../release-lab.ts";
import type { TestCluster } from "./test-cluster.ts";

/** What tells a release of the matrix from the good one. */
export interface ReleaseVariant {
  /** Every variant has a version of its own, so that no two share a digest. */
  readonly version: string;
  /** Which kinds of the sample's statements are attached, each to what it is about; all unless given. */
  readonly kinds?: readonly SampleStatement["kind"][];
  /** Kinds that are about a platform and are attached to the index, too: engines look nowhere else. */
  readonly onIndex?: readonly ("provenance" | "sbom")[];
  /** What signs instead of the release workflow that stack local trusts. */
  readonly run?: Partial<WorkflowRun>;
}

export interface PublishedVariant {
  /** `127.0.0.1:<port>/m1k1o/neko/base` */
  readonly repository: string;
  readonly digest: Digest;
  /** The tag that names it. */
  readonly tag: string;
  readonly release: SampleRelease;
}

/** The lab's own registries and Sigstore as services of one test, and what publishes variants of the sample release. */
export interface VerdictLab {
  readonly services: LabServices;
  readonly trustedRoot: Uint8Array;
  /** root.json of the TUF mirror at `services.sigstore.tuf`. */
  readonly tufRoot: Uint8Array;
  /** The policy of stacks/Pulumi.local.yaml for this registry, the one with the referrers API as its mirror. */
  readonly policy: TrustPolicy;
  publish(variant: ReleaseVariant, registry?: "registry" | "referrersRegistry"): Promise<PublishedVariant>;
  readonly stop: () => Promise<void>;
}

export async function startVerdictLab({ directories }: TestCluster): Promise<VerdictLab> {
  const context: LabContext = {
    directories,
    environment: process.env,
    now: () => new Date(),
    signal: new AbortController().signal,
    progress: (line) => {
      console.error(line);
    },
  };
  const services = await startServices(context);
  const state = placesOf(directories).sigstore;
  const { keys } = loadOrCreateMaterial(state, { now: new Date() });
  const client = createRegistryClient();

  async function attach(to: PublishedVariant, statement: SampleStatement, run: WorkflowRun): Promise<void> {
    const bundle = await signStatement({
      statement: statement.payload,
      identityToken: issueToken(keys.issuer.privateKey, workflowClaims(run), new Date()),
      fulcioUrl: services.sigstore.fulcio,
      rekor: { url: services.sigstore.rekorV1, version: 1 },
      tsaUrl: services.sigstore.tsa,
    });
    const { index, platforms } = to.release;
    const parts = [index.index, ...platforms.map(({ image }) => image.manifest)];
    const subject = parts.find(({ digest }) => digest === statement.subject);
    if (subject === undefined) throw new Error(`no part of the release has the digest ${statement.subject}`);
    const { mediaType, digest, size } = subject;
    unwrap(
      await client.attach(
        to.repository,
        { mediaType, digest, size },
        bundleAttachment(bundle, statement.predicateType),
      ),
      statement.kind,
    );
  }

  const trustedRoot = readFileSync(join(state, "trusted_root.json"));
  return {
    services,
    trustedRoot,
    policy: policyFor(directories, services, trustedRoot),
    tufRoot: readFileSync(join(state, "tuf-root.json")),
    async publish({ version, kinds = allKinds, onIndex = [], run = {} }, registry = "registry") {
      const ref = `refs/tags/v${version}`;
      const release = smallRelease({ ...labRun, ref }, version);
      const repository = `${services[registry]}/${samplePath}`;
      const tag = `v${version}`;
      const digest = await pushLayout(client, repository, release.layout, tag);
      const published = { repository, digest, tag, release };
      // One after the other: a fallback tag has one writer at a time.
      for (const statement of [
        ...release.statements.filter(({ kind }) => kinds.includes(kind)),
        ...onIndex.map((kind) => aboutIndex(release, kind)),
      ]) {
        await attach(published, statement, { ...labRun, ref, ...run });
      }
      return published;
    },
    async stop() {
      for (const name of Object.values(serviceNames)) await stopService(name, directories.run);
    },
  };
}

function policyFor(directories: Directories, services: LabServices, trustedRoot: Uint8Array): TrustPolicy {
  const repository = `${services.registry}/${samplePath}`;
  const overlay: LocalOverlay = {
    schema: 1,
    hosts: { [placeholderRegistry]: services.registry },
    trustedRoot: {
      path: join(placesOf(directories).sigstore, "trusted_root.json"),
      sha256: sha256Hex(trustedRoot),
      fetched: new Date().toISOString(),
    },
    releases: [{ image: repository, current: `sha256:${"a".repeat(64)}`, retained: [] }],
    secrets: {},
    signerRelease: signerOverlay({
      ...{ repository: `${services.registry}/${signerPath}`, digest: `sha256:${"b".repeat(64)}` },
      disk: "/nonexistent/signer-disk.tar.gz",
    }),
  };
  writeWhole(localOverlayPath(directories.state), JSON.stringify(overlay));
  const { policy } = readYamlConfig("local", directories);
  const mirror = `${services.referrersRegistry}/${samplePath}`;
  return trustPolicySchema.parse(withValues(policy, { "images.0.mirrors": [mirror] }));
}

const allKinds = ["signature", "manifest", "provenance", "sbom"] as const;

/** The first platform's statement, made one about the index. */
function aboutIndex(release: SampleRelease, kind: "provenance" | "sbom"): SampleStatement {
  const own = release.statements.find((statement) => statement.kind === kind);
  if (own === undefined) throw new Error(`the sample has no ${kind}`);
  const { digest } = release.index.index;
  const [name, value] = digest.split(":") as [string, string];
  const statement = withValues(own.statement, { "subject.0.digest": { [name]: value } });
  return { ...own, subject: digest, statement: statement as object, payload: canonicalBytes(statement) };
}
