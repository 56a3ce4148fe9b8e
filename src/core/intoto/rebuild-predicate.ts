import { z } from "zod";
import { measurementsInWords, signerPartSchema } from "../release/manifest.ts";
import type { SignerPart } from "../release/manifest.ts";
import { sriOfHex, hexOfSri } from "../nix/hash-formats.ts";
import type { Digest } from "../oci/digest.ts";
import { buildTypes } from "./statement.ts";

/**
 * What an independent rebuilder says of one platform of a release: SLSA provenance v1 of build type
 * `…/nix-oci-rebuild/v1` (docs/rebuilds.md), whose subject is the released platform's digest. It holds no verdict: whether the
 * bytes are the same follows from the digests, and is recomputed by whoever reads it. A rebuild that differs is published too.
 */

const text = z.string().min(1).max(2048);
const commit = z.string().regex(/^[0-9a-f]{40}$/, "must be a full commit SHA");
const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits");
/** Why a disk measures nothing: the code of the refusal. */
const nothing = z.strictObject({ none: z.string().regex(/^[A-Z][A-Z0-9_]{2,63}$/, "must be a code") });
const gitTree = z.strictObject({ repository: text, commit });

export const rebuildPredicateSchema = z.strictObject({
  buildDefinition: z.strictObject({
    buildType: z.literal(buildTypes.nixOciRebuild),
    externalParameters: z.strictObject({ flake: gitTree, attribute: text, platform: text }),
    internalParameters: z.strictObject({
      nix: z.strictObject({ version: text, sandbox: z.literal(true), system: text }),
      /** URLs of the caches that the build could take inputs from. */
      substituters: z.array(text).max(32),
      /** Store paths of the release's closure that were neither built here nor signed by nixpkgs' public cache. */
      substituted: z.array(text).max(4096),
    }),
    resolvedDependencies: z.tuple([
      z.strictObject({ name: z.literal("flake"), uri: text, digest: z.strictObject({ gitCommit: commit }) }),
      z.strictObject({ name: z.literal("flake.lock"), digest: z.strictObject({ sha256: sha256Hex }) }),
      z.strictObject({
        name: z.literal("source"),
        uri: text,
        /** `sha256` is that of the source tree's NAR. */
        digest: z.strictObject({ gitCommit: commit, sha256: sha256Hex }),
      }),
      z.strictObject({ name: z.literal("derivation"), uri: text }),
    ]),
  }),
  runDetails: z.strictObject({
    builder: z.strictObject({ id: text }),
    metadata: z
      .strictObject({
        invocationId: text.optional(),
        startedOn: z.iso.datetime().optional(),
        finishedOn: z.iso.datetime().optional(),
      })
      .optional(),
    byproducts: z.tuple([
      /** The image manifest that the rebuild gave. */
      z.strictObject({ name: z.literal("image"), digest: z.strictObject({ sha256: sha256Hex }) }),
      /** The build's output: `sha256` is that of its NAR. */
      z.strictObject({
        name: z.literal("output"),
        uri: text,
        mediaType: z.literal("application/x-nix-nar"),
        digest: z.strictObject({ sha256: sha256Hex }),
      }),
      /** Of a signer's release alone: what the disk that came out measures, as the release manifest has it, or why nothing boots. */
      z
        .strictObject({
          name: z.literal("measurements"),
          annotations: z.union([signerPartSchema.shape.measurements, nothing]),
        })
        .optional(),
    ]),
  }),
});
export type RebuildPredicate = z.infer<typeof rebuildPredicateSchema>;

/** What a machine measures that boots a rebuilt disk, or the code of why none does: that is a result, too. */
export type RebuiltMeasurements = SignerPart["measurements"] | z.infer<typeof nothing>;

/** In words, for comparing; undefined where nothing was measured. */
export function rebuiltMeasurementsInWords(measured: RebuiltMeasurements | undefined): string | undefined {
  if (measured !== undefined && "none" in measured) return `nothing that boots (${measured.none})`;
  return measurementsInWords(measured);
}

/** What a rebuild found, in the words of the release manifest. */
export interface RebuildFacts {
  readonly flake: { readonly repository: string; readonly commit: string; readonly lock: Digest };
  readonly source: { readonly repository: string; readonly commit: string; readonly narHash: string };
  readonly attribute: string;
  readonly platform: string;
  /** Store path of the `.drv`. */
  readonly derivation: string;
  /** Digest of the image manifest that came out. */
  readonly digest: Digest;
  readonly storePath: string;
  /** SRI. */
  readonly narHash: string;
  /** Of a signer's release, by a command that measures. */
  readonly measurements?: RebuiltMeasurements;
  readonly nix: { readonly version: string; readonly system: string };
  readonly substituters: readonly string[];
  readonly substituted: readonly string[];
  /** The rebuilder's workflow with its ref: what its certificate will name (.9). */
  readonly builderId: string;
  readonly invocationId?: string;
  readonly startedOn?: string;
  readonly finishedOn?: string;
}

/** The predicate for these facts. Throws NIX_HASH_INVALID. */
export function rebuildPredicate(facts: RebuildFacts): RebuildPredicate {
  const { flake, source, attribute, platform, nix, invocationId, startedOn, finishedOn } = facts;
  const metadata = {
    ...(invocationId === undefined ? {} : { invocationId }),
    ...(startedOn === undefined ? {} : { startedOn }),
    ...(finishedOn === undefined ? {} : { finishedOn }),
  };
  return {
    buildDefinition: {
      buildType: buildTypes.nixOciRebuild,
      externalParameters: { flake: { repository: flake.repository, commit: flake.commit }, attribute, platform },
      internalParameters: {
        nix: { version: nix.version, sandbox: true, system: nix.system },
        substituters: [...facts.substituters],
        substituted: [...facts.substituted],
      },
      resolvedDependencies: [
        { name: "flake", uri: `git+${flake.repository}`, digest: { gitCommit: flake.commit } },
        { name: "flake.lock", digest: { sha256: flake.lock.slice("sha256:".length) } },
        {
          name: "source",
          uri: `git+${source.repository}`,
          digest: { gitCommit: source.commit, sha256: hexOfSri(source.narHash) },
        },
        { name: "derivation", uri: facts.derivation },
      ],
    },
    runDetails: {
      builder: { id: facts.builderId },
      ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
      byproducts: [
        { name: "image", digest: { sha256: facts.digest.slice("sha256:".length) } },
        {
          name: "output",
          uri: facts.storePath,
          mediaType: "application/x-nix-nar",
          digest: { sha256: hexOfSri(facts.narHash) },
        },
        ...(facts.measurements === undefined
          ? ([] as const)
          : ([{ name: "measurements", annotations: facts.measurements }] as const)),
      ],
    },
  };
}

/** The facts that a predicate states: the inverse of `rebuildPredicate`. */
export function rebuildFacts(predicate: RebuildPredicate): RebuildFacts {
  const { buildDefinition, runDetails } = predicate;
  const { externalParameters, internalParameters } = buildDefinition;
  const [flake, lock, source, derivation] = buildDefinition.resolvedDependencies;
  const [image, output, measured] = runDetails.byproducts;
  const { invocationId, startedOn, finishedOn } = runDetails.metadata ?? {};
  return {
    flake: { repository: withoutGit(flake.uri), commit: flake.digest.gitCommit, lock: `sha256:${lock.digest.sha256}` },
    source: {
      repository: withoutGit(source.uri),
      commit: source.digest.gitCommit,
      narHash: sriOfHex(source.digest.sha256),
    },
    attribute: externalParameters.attribute,
    platform: externalParameters.platform,
    derivation: derivation.uri,
    digest: `sha256:${image.digest.sha256}`,
    storePath: output.uri,
    narHash: sriOfHex(output.digest.sha256),
    ...(measured === undefined ? {} : { measurements: measured.annotations }),
    nix: { version: internalParameters.nix.version, system: internalParameters.nix.system },
    substituters: internalParameters.substituters,
    substituted: internalParameters.substituted,
    builderId: runDetails.builder.id,
    ...(invocationId === undefined ? {} : { invocationId }),
    ...(startedOn === undefined ? {} : { startedOn }),
    ...(finishedOn === undefined ? {} : { finishedOn }),
  };
}

function withoutGit(uri: string): string {
  return uri.startsWith("git+") ? uri.slice("git+".length) : uri;
}
