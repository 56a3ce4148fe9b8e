import { Failure } from "../../core/failure.ts";
import { digestOf } from "../../core/oci/digest.ts";
import { parseReference } from "../../core/release/reference.ts";
import type { Reference } from "../../core/release/reference.ts";
import { hashSource } from "../../operations/hash-source.ts";
import { openRegistry } from "../../operations/open-registry.ts";
import { buildManifest, pushRelease } from "../../operations/publish-manifest.ts";
import type { ManifestOfBuilds, PlatformBuild } from "../../operations/publish-manifest.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { readInput, writeOutput } from "./files.ts";
import { nixOf } from "./nix-options.ts";
import { platformValues } from "./platform-values.ts";
import { readSignerPart } from "./signer-part.ts";

export interface PublishManifestOptions {
  readonly name?: string;
  readonly version?: string;
  readonly layout: readonly string[];
  readonly pathInfo: readonly string[];
  readonly sbom: readonly string[];
  readonly derivation: readonly string[];
  readonly sourceRepository?: string;
  readonly sourceCommit?: string;
  readonly sourceNarHash?: string;
  readonly sourcePath?: string;
  readonly flakeRepository?: string;
  readonly flakeCommit?: string;
  readonly flakeLock?: string;
  readonly sourceDateEpoch?: string;
  readonly signer?: string;
  readonly environment: string;
  readonly output?: string;
  readonly indexOutput?: string;
  readonly push?: string;
  readonly option: readonly string[];
}

function usage(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}

function environmentOf(text: string): "local" | "staging" | "production" {
  if (text === "local" || text === "staging" || text === "production") return text;
  const message = `--environment ${JSON.stringify(text)} is none that a policy can have.`;
  throw usage("ENVIRONMENT_UNKNOWN", message, "Give local, staging or production.");
}

function epochOf(text: string | undefined): number {
  if (text !== undefined && /^(?:0|[1-9][0-9]{0,11})$/.test(text)) return Number(text);
  throw usage(
    "SOURCE_DATE_EPOCH_INVALID",
    text === undefined ? "--source-date-epoch is not given." : `${JSON.stringify(text)} is no time in seconds.`,
    'Give the time of the source\'s commit in seconds since 1970, for example "$(git log -1 --format=%ct)".',
  );
}

/** The repository to push to, and the tag. A digest is refused: what is pushed decides it. */
function targetOf(text: string | undefined): Reference | undefined {
  if (text === undefined) return undefined;
  const reference = parseReference(text);
  if (reference.digest === undefined) return reference;
  throw usage("PUSH_NAMES_DIGEST", "--push names a digest.", "Give registry/path or registry/path:tag.");
}

/** Platforms with all that was given for each; what is given for a platform without layout is an error. */
function buildsOf(options: PublishManifestOptions): PlatformBuild[] {
  const layouts = platformValues("--layout", options.layout);
  const pathInfos = platformValues("--path-info", options.pathInfo);
  const sboms = platformValues("--sbom", options.sbom);
  const derivations = platformValues("--derivation", options.derivation);
  if (layouts.size === 0) {
    const remedy = "Give --layout linux/amd64=FOLDER, once for each platform.";
    throw usage("PLATFORM_MISSING", "No platform has a layout.", remedy);
  }
  const named = [...pathInfos.keys(), ...sboms.keys(), ...derivations.keys()];
  const alone = named.find((platform) => !layouts.has(platform));
  if (alone !== undefined) {
    const remedy = `Add --layout ${alone}=FOLDER, or leave out what is given for it.`;
    throw usage("PLATFORM_MISSING", `${alone} has no layout.`, remedy);
  }
  return Array.from(layouts, ([platform, layout]) => {
    const sbom = sboms.get(platform);
    if (sbom === undefined) {
      throw usage("PLATFORM_MISSING", `${platform} has no SBOM.`, `Add --sbom ${platform}=FILE.`);
    }
    const pathInfo = pathInfos.get(platform);
    const derivation = derivations.get(platform);
    return {
      platform,
      layout,
      sbom: readInput("--sbom", sbom),
      ...(pathInfo === undefined ? {} : { pathInfo: readInput("--path-info", pathInfo) }),
      ...(derivation === undefined ? {} : { derivation }),
    };
  });
}

async function sourceHash(options: PublishManifestOptions, context: CommandContext): Promise<string> {
  const { sourceNarHash, sourcePath } = options;
  if (sourceNarHash !== undefined && sourcePath === undefined) return sourceNarHash;
  if (sourceNarHash === undefined && sourcePath !== undefined) return await hashSource(sourcePath, context.signal);
  const remedy = "Give one of --source-nar-hash (as flake.lock has it) and --source-path (the tree, without .git).";
  throw usage("SOURCE_HASH_UNCLEAR", "It isn't clear what the source's NAR hash is.", remedy);
}

/** The options that there is no default for. Throws OPTION_MISSING, which names all that lack. */
function needed(options: PublishManifestOptions) {
  const { name, version, sourceRepository, sourceCommit, flakeLock } = options;
  const values = {
    "--name": name,
    "--version": version,
    "--source-repository": sourceRepository,
    "--source-commit": sourceCommit,
    "--flake-lock": flakeLock,
  };
  const lacking = Object.entries(values).flatMap(([option, value]) => (value === undefined ? [option] : []));
  if (lacking.length === 0) {
    return { name, version, sourceRepository, sourceCommit, flakeLock } as Record<
      "name" | "version" | "sourceRepository" | "sourceCommit" | "flakeLock",
      string
    >;
  }
  const remedy = "Give each of them; `neko-trust publish-manifest --help` has an example.";
  throw usage("OPTION_MISSING", `Not given: ${lacking.join(", ")}.`, remedy);
}

/** The action of `publish-manifest`. */
export async function publishManifestAction(
  options: PublishManifestOptions,
  context: CommandContext,
): Promise<Outcome> {
  const { name, version, sourceRepository, sourceCommit, flakeLock } = needed(options);
  const target = targetOf(options.push);
  const environment = environmentOf(options.environment);
  const sourceDateEpoch = epochOf(options.sourceDateEpoch ?? context.environment["SOURCE_DATE_EPOCH"]);
  const platforms = buildsOf(options);
  const lock = digestOf(readInput("--flake-lock", flakeLock));
  const signer = options.signer === undefined ? undefined : readSignerPart("--signer", options.signer);
  const release = await buildManifest(nixOf(options, context), {
    name,
    version,
    source: { repository: sourceRepository, commit: sourceCommit, narHash: await sourceHash(options, context) },
    flake: {
      repository: options.flakeRepository ?? sourceRepository,
      commit: options.flakeCommit ?? sourceCommit,
      lock,
    },
    sourceDateEpoch,
    ...(signer === undefined ? {} : { signer }),
    environment,
    platforms,
    signal: context.signal,
    progress: context.progress,
  });
  if (options.indexOutput !== undefined) writeOutput("--index-output", options.indexOutput, release.index.bytes);
  if (options.output !== undefined) writeOutput("--output", options.output, release.bytes);
  const pushed =
    target === undefined
      ? undefined
      : await pushRelease(openRegistry(context.environment, context.signal), target, release, context.progress);
  return outcomeOf(release, options.output, pushed, context);
}

function outcomeOf(
  release: ManifestOfBuilds,
  output: string | undefined,
  pushed: string | undefined,
  context: CommandContext,
): Outcome {
  const { manifest, notRecomputable } = release;
  const text = new TextDecoder().decode(release.bytes);
  const notes = notRecomputable.map(
    (platform) =>
      `note: the NAR hash of ${platform} can't be computed again from a registry: its layout holds more than the image`,
  );
  const summary = [
    `✓ ${manifest.name} ${manifest.version}: index ${manifest.digest}`,
    ...manifest.platforms.map(({ platform, digest, narHash }) => `  ${platform} ${digest} NAR ${narHash}`),
    ...(manifest.measurements === undefined ? [] : [`  signer's disk, measured as ${manifest.measurements.model}`]),
    ...(pushed === undefined ? [] : [`  pushed ${pushed}`]),
    ...notes.map((note) => `  ${note}`),
  ];
  // What goes to standard output is the manifest alone, so that it can be piped; the words go beside it.
  if (output === undefined) for (const line of summary) context.progress(line);
  return {
    exitCode: exitCodes.done,
    lines: output === undefined ? [text] : [...summary, `  manifest in ${output}`],
    document: {
      ok: true,
      manifest,
      index: manifest.digest,
      ...(output === undefined ? {} : { output }),
      ...(pushed === undefined ? {} : { pushed }),
      notRecomputable,
    },
  };
}
