import type { Installable, Nix, NixBuild, NixConfig } from "../adapters/nix/nix.ts";
import { withStorePath } from "../adapters/nix/on-disk.ts";
import { hashPath } from "../adapters/nix/hash-path.ts";
import { openImageLayout } from "../adapters/oci-layout/open-image-layout.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import { unwrap } from "../adapters/registry/unwrap.ts";
import { Failure } from "../core/failure.ts";
import { rebuildPredicate, rebuiltMeasurementsInWords } from "../core/intoto/rebuild-predicate.ts";
import type { RebuildFacts, RebuildPredicate } from "../core/intoto/rebuild-predicate.ts";
import { predicateTypes } from "../core/intoto/statement.ts";
import { isSignedBy, publicCacheKey } from "../core/nix/nar-signature.ts";
import type { PathInfo } from "../core/nix/path-info.ts";
import { systemOfPlatform } from "../core/nix/system.ts";
import type { Digest } from "../core/oci/digest.ts";
import { parsePlatformManifest } from "../core/oci/parse.ts";
import { measurementsInWords } from "../core/release/manifest.ts";
import type { PlatformRelease, ReleaseManifest } from "../core/release/manifest.ts";
import { formatDigestReference } from "../core/release/reference.ts";
import { measureRebuiltSigner, signerParts } from "./measure-rebuilt-signer.ts";
import { publishStatement } from "./publish-statement.ts";
import type { PublishedStatement, StatementSigner } from "./publish-statement.ts";
import { requireSandbox } from "./require-sandbox.ts";

/** What is built: the release's own flake at its commit, or something else that is claimed to be the same. */
export interface RebuildSource {
  /** The flake's output, or the file's attribute. */
  readonly attribute: string;
  /** A flake elsewhere than at the manifest's repository, for example a checkout. */
  readonly flake?: string | undefined;
  readonly file?: string | undefined;
}

export interface RebuildRequest {
  /** Verified. */
  readonly manifest: ReleaseManifest;
  readonly source: RebuildSource;
  /** All of the release that this machine's system builds, unless given. */
  readonly platforms?: readonly string[] | undefined;
  /** More than one platform is refused, before anything is built: the result is to fit into one file. */
  readonly single?: boolean;
  /** Caches that the build may take inputs from: never the project's own. */
  readonly substituters: readonly string[];
  readonly builderId: string;
  readonly invocationId?: string | undefined;
  readonly now: () => Date;
  readonly progress?: (line: string) => void;
}

/** One platform, built again. */
export interface PlatformRebuild {
  readonly platform: string;
  /** The released platform's digest: what the statement is about. */
  readonly released: Digest;
  readonly equal: boolean;
  readonly differences: readonly RebuildDifference[];
  readonly facts: RebuildFacts;
  readonly predicate: RebuildPredicate;
}

export interface RebuildDifference {
  readonly what: "derivation" | "NAR hash" | "image digest" | "measurements";
  readonly released: string;
  readonly rebuilt: string;
}

/**
 * Builds each platform of a verified release again and says what came out; a rebuild that differs is a result like any
 * other. Throws as platformsToRebuild, NIX_SANDBOX_OFF, LAYOUT_ codes when the output is no image, and what Nix's adapter throws.
 */
export async function rebuildRelease(given: Nix, request: RebuildRequest): Promise<PlatformRebuild[]> {
  const caches = [
    { name: "substituters", value: request.substituters.join(" ") },
    { name: "extra-substituters", value: "" },
    // The flake's own nixConfig may name another cache.
    { name: "accept-flake-config", value: "false" },
  ];
  // Ours come last: a setting given twice has its last value.
  const { nix, config } = await requireSandbox(given.with({ options: [...(given.settings.options ?? []), ...caches] }));
  const version = await nix.version();
  const rebuilt: PlatformRebuild[] = [];
  for (const released of platformsToRebuild(request, config.system)) {
    rebuilt.push(await rebuildPlatform({ nix, config, version }, released, request));
  }
  return rebuilt;
}

/**
 * The platforms that are built: those named, else those of the machine's system. Throws REBUILD_PLATFORM, or
 * REBUILD_DESTINATION when there are several and a single one is wanted.
 */
export function platformsToRebuild(
  { manifest, platforms, single = false }: Pick<RebuildRequest, "manifest" | "platforms" | "single">,
  system: string,
): PlatformRelease[] {
  const known = manifest.platforms.map(({ platform }) => platform);
  const unknown = platforms?.find((platform) => !known.includes(platform));
  const chosen = manifest.platforms.filter(({ platform }) =>
    platforms === undefined ? systemOfPlatform(platform) === system : platforms.includes(platform),
  );
  if (unknown === undefined && single && chosen.length > 1) throw severalForOneFile(chosen.length);
  if (unknown === undefined && chosen.length > 0) return chosen;
  throw new Failure({
    code: "REBUILD_PLATFORM",
    kind: "usage",
    message:
      unknown === undefined
        ? `The release has no platform for this machine's system, ${system}.`
        : `The release has no platform ${JSON.stringify(unknown)}.`,
    remedy: `Give --platform with one of ${known.join(", ")}, on a machine (or with a builder) of that system.`,
  });
}

/** The refusal to write several platforms' predicates into one file. */
export function severalForOneFile(count: number): Failure {
  return new Failure({
    code: "REBUILD_DESTINATION",
    kind: "usage",
    message: `${count} platforms don't fit into one file.`,
    remedy: "Give --platform once, and call it for each platform with an --output of its own.",
  });
}

interface RunningNix {
  readonly nix: Nix;
  readonly config: NixConfig;
  readonly version: string;
}

async function rebuildPlatform(
  { nix: given, config, version }: RunningNix,
  released: PlatformRelease,
  request: RebuildRequest,
): Promise<PlatformRebuild> {
  const { manifest, source, now, progress = () => undefined, builderId, invocationId } = request;
  const { platform } = released;
  const system = systemOfPlatform(platform) ?? config.system;
  const options = [...(given.settings.options ?? []), { name: "system", value: system }];
  const nix = system === config.system ? given : given.with({ options });
  const installable = installableOf(manifest, source);
  progress(`${platform}: building ${installable.kind === "flake" ? installable.reference : source.attribute}`);
  const startedOn = now().toISOString();
  const built = await nix.build(installable);
  const finishedOn = now().toISOString();
  const storePath = outputOf(built, platform);
  progress(`${platform}: hashing ${storePath}`);
  const { signal } = nix.settings;
  const output = await withStorePath(nix, storePath, async (place) => {
    const { narHash } = await hashPath(place, signal === undefined ? {} : { signal });
    const layout = await openImageLayout(place, `${platform}, ${storePath}`, signal);
    const { digest } = layout.manifest;
    if (manifest.measurements === undefined) return { narHash, digest };
    progress(`${platform}: measuring the disk`);
    const uki = installableOf(manifest, { ...source, attribute: signerParts.uki });
    const measured = measureRebuiltSigner(nix, { layout, image: installable, uki });
    const measurements = await measured.catch((error: unknown) => {
      if (!(error instanceof Failure) || error.kind !== "refused") throw error;
      // A result like any other: what was released is told to be something else.
      progress(`${platform}: what came out is no signer's disk: ${error.message}`);
      return { none: error.code };
    });
    return { narHash, digest, measurements };
  });
  const facts: RebuildFacts = {
    flake: manifest.flake,
    source: manifest.source,
    attribute: source.attribute,
    platform,
    derivation: built.derivation,
    ...output,
    storePath,
    nix: { version, system },
    substituters: config.substituters,
    substituted: (await substitutedPaths(nix, built)).slice(0, maxSubstituted),
    builderId,
    ...(invocationId === undefined ? {} : { invocationId }),
    startedOn,
    finishedOn,
  };
  const differences = differencesOf(released, facts, manifest);
  const equal = differences.length === 0;
  return { platform, released: released.digest, equal, differences, facts, predicate: rebuildPredicate(facts) };
}

/** As many as a statement may list; it does not count from the first on. */
const maxSubstituted = 4096;

function installableOf({ flake }: ReleaseManifest, source: RebuildSource): Installable {
  const { attribute } = source;
  if (source.file !== undefined) return { kind: "file", file: source.file, attribute };
  // The commit is in the URL: what a branch or tag names now does not matter, nor on which of them it lies.
  const reference = source.flake ?? `git+${flake.repository}?rev=${flake.commit}&allRefs=1`;
  return { kind: "flake", reference: `${reference}#${attribute}` };
}

function outputOf(built: NixBuild, platform: string): string {
  const out = built.outputs.get("out");
  if (out !== undefined) return out;
  throw new Failure({
    code: "REBUILD_NO_OUTPUT",
    kind: "refused",
    message: `${platform}: ${built.derivation} has no output "out", but ${[...built.outputs.keys()].join(", ")}.`,
    remedy: "Name the attribute whose output is the image's OCI layout directory, with --attribute.",
  });
}

/**
 * What went into the build, or is its result, that somebody else made: store objects that this store did not build, that
 * nixpkgs' public cache did not sign, and whose path does not follow from their contents.
 */
async function substitutedPaths(nix: Nix, built: NixBuild): Promise<string[]> {
  const paths = await nix.buildClosure(built.derivation);
  const own = await nix.pathInfo([...built.outputs.values()], { recursive: true });
  const infos = new Map([...(await nix.pathInfo(paths)), ...own].map((info) => [info.path, info]));
  return [...infos.values()]
    .filter(isSubstituted)
    .map(({ path }) => path)
    .sort();
}

function isSubstituted(info: PathInfo): boolean {
  return !info.ultimate && !info.contentAddressed && !info.path.endsWith(".drv") && !isSignedBy(info, publicCacheKey);
}

function differencesOf(
  released: PlatformRelease,
  facts: RebuildFacts,
  { measurements }: ReleaseManifest,
): RebuildDifference[] {
  const pairs: readonly (readonly [RebuildDifference["what"], string | undefined, string])[] = [
    // Environment local may leave it out.
    ["derivation", released.derivation, facts.derivation],
    ["NAR hash", released.narHash, facts.narHash],
    ["image digest", released.digest, facts.digest],
    ["measurements", measurementsInWords(measurements), rebuiltMeasurementsInWords(facts.measurements) ?? "nothing"],
  ];
  return pairs.flatMap(([what, expected, found]) =>
    expected === undefined || expected === found ? [] : [{ what, released: expected, rebuilt: found }],
  );
}

/**
 * Signs a rebuild's statement and publishes it in the rebuilder's own repository, as a referrer of the released
 * platform's manifest, which need not lie there. One that differs is published too: it is what vetoes.
 */
export async function publishRebuild(
  client: RegistryClient,
  signer: StatementSigner,
  rebuild: PlatformRebuild,
  place: { readonly location: string; readonly released: string },
): Promise<PublishedStatement> {
  const { platform, released: digest } = rebuild;
  const name = formatDigestReference(place.released, digest);
  const bytes = unwrap(await client.manifest(place.released, digest), name);
  const parsed = parsePlatformManifest(bytes, name);
  if (!parsed.ok) {
    throw new Failure({
      code: "REBUILD_PLATFORM",
      kind: "refused",
      message: `${platform}: ${name} is no image manifest: ${parsed.findings[0].found}.`,
      remedy: "Verify the release again with verify-image.",
    });
  }
  return publishStatement(client, signer, {
    repository: place.location,
    subject: { mediaType: parsed.proof.mediaType, digest, size: bytes.length },
    subjectName: place.released,
    predicateType: predicateTypes.provenance,
    predicate: rebuild.predicate,
  });
}
