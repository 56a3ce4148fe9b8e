import type { KeyObject } from "node:crypto";
import { signStatement } from "../../src/adapters/fulcio-rekor/sign-statement.ts";
import type { RegistryClient } from "../../src/adapters/registry/client.ts";
import { pushLayout } from "../../src/adapters/registry/layout-transfer.ts";
import { unwrap } from "../../src/adapters/registry/unwrap.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import { bundleAttachment } from "../../src/core/oci/bundle-attachment.ts";
import type { Signer } from "../../src/core/policy/trust-policy.ts";
import { placeholderRegistry, samplePath } from "../../lab/places.ts";
import { buildSampleRelease } from "../../lab/sample-release/build-sample-release.ts";
import type { SampleRelease } from "../../lab/sample-release/build-sample-release.ts";
import { sampleReleaseInput } from "../../lab/sample-release/sample-defaults.ts";
import type { SamplePlatform, SampleReleaseInput } from "../../lab/sample-release/sample-input.ts";
import type { SampleStatement } from "../../lab/sample-release/statements.ts";
import { identityOf, issueToken, workflowClaims } from "../../lab/sigstore/issue-token.ts";
import type { SigstoreUrls } from "../../lab/sigstore/server.ts";

/** A sample release in the registry, with all its statements. */
export interface BenchRelease {
  /** `host:port/path` */
  readonly repository: string;
  /** The index: what is verified. */
  readonly digest: Digest;
  /** What is attached to it and to its platforms' image manifests. */
  readonly statements: readonly Pick<SampleStatement, "kind" | "subject" | "predicateType">[];
  /** What the signing certificate names, exactly. */
  readonly identity: { readonly issuer: string; readonly subject: string };
}

export interface BenchReleasesInput {
  readonly checkout: string;
  /** The signer that the policy trusts; the releases are signed as it. */
  readonly signer: Signer;
  readonly client: RegistryClient;
  readonly urls: SigstoreUrls;
  readonly issuerKey: KeyObject;
  readonly repository: string;
  readonly count: number;
  /** What each release is built for. */
  readonly platforms: readonly SamplePlatform[];
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

const commit = "5f1d0f3f7f0e8a1b2c3d4e5f60718293a4b5c6d7";
/** Releases that are signed and pushed at the same time. */
const concurrency = 4;

/** Builds, signs and pushes releases 1.0.0, 1.0.1, …: the same files, but each with digests and an identity of its own. */
export async function benchReleases(input: BenchReleasesInput): Promise<[BenchRelease, ...BenchRelease[]]> {
  const { checkout, signer, count, platforms, signal, progress } = input;
  const repository = `https://github.com/${signer.repository}`;
  const base = await sampleReleaseInput(checkout, {
    version: "1.0.0",
    repositoryName: `${placeholderRegistry}/${samplePath}`,
    workflow: signer.callerWorkflow.path,
    sourceDateEpoch: 1_700_000_000,
    source: { repository, commit, ref: "refs/tags/v1.0.0" },
  });
  const published: BenchRelease[] = [];
  const numbers = Array.from({ length: count }, (_, number) => number).values();
  const publishNext = async (): Promise<void> => {
    for (const number of numbers) {
      signal.throwIfAborted();
      const version = `1.0.${number}`;
      const source = { ...base.source, ref: `refs/tags/v${version}` };
      published[number] = await publish(input, { ...base, version, source, platforms });
      if (count >= 10 && (number + 1) % 10 === 0) progress(`${number + 1} of ${count} releases signed and pushed`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, publishNext));
  const [first, ...rest] = published;
  if (first === undefined) throw new RangeError("no release was asked for");
  return [first, ...rest];
}

async function publish(to: BenchReleasesInput, input: SampleReleaseInput): Promise<BenchRelease> {
  const { client, repository, signer } = to;
  const release = buildSampleRelease(input);
  await pushLayout(client, repository, release.layout, `v${input.version}`);
  const claims = workflowClaims({
    repository: signer.repository,
    repositoryId: signer.repositoryId,
    ownerId: signer.ownerId,
    ref: input.source.ref,
    sha: input.source.commit,
    workflowPath: signer.callerWorkflow.path,
    trigger: signer.triggers[0] ?? "push",
  });
  for (const { payload, subject, predicateType } of release.statements) {
    const bundle = await signStatement({
      statement: payload,
      identityToken: issueToken(to.issuerKey, claims),
      fulcioUrl: to.urls.fulcio,
      rekor: { url: to.urls.rekorV1, version: 1 },
      tsaUrl: to.urls.tsa,
    });
    const attached = await client.attach(
      repository,
      descriptorOf(release, subject),
      bundleAttachment(bundle, predicateType),
    );
    unwrap(attached, `referrer of ${subject}`);
  }
  const { digest } = release.index.index;
  return { repository, digest, statements: release.statements, identity: identityOf(claims) };
}

function descriptorOf(release: SampleRelease, digest: Digest): { mediaType: string; digest: Digest; size: number } {
  const parts = [release.index.index, ...release.platforms.map(({ image }) => image.manifest)];
  const found = parts.find((part) => part.digest === digest);
  if (found === undefined) throw new Error(`the release has no part ${digest}`);
  return { mediaType: found.mediaType, digest, size: found.size };
}
