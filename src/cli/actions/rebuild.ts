import { Failure } from "../../core/failure.ts";
import { canonicalBytes } from "../../core/json/canonical-json.ts";
import { withoutLaterStatements } from "../../core/policy/without-later-statements.ts";
import { isRepository, parseReference } from "../../core/release/reference.ts";
import { openRegistry } from "../../operations/open-registry.ts";
import type { PublishedStatement, StatementSigner } from "../../operations/publish-statement.ts";
import { publishRebuild, rebuildRelease, severalForOneFile } from "../../operations/rebuild.ts";
import type { PlatformRebuild } from "../../operations/rebuild.ts";
import { verifyImage } from "../../operations/verify-image.ts";
import { releaseRefused } from "../../operations/verify-releases.ts";
import { rebuildLines } from "../../report/rebuild-lines.ts";
import type { SigningOptions } from "../commands/signing-options.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { assertOutput, writeOutput } from "./files.ts";
import { nixOf } from "./nix-options.ts";
import { publishRebuilds } from "./publish-rebuilds.ts";
import { signerOf } from "./signing.ts";
import { trustOf } from "./trust-options.ts";
import type { TrustOptions } from "./trust-options.ts";

export interface RebuildOptions extends TrustOptions, SigningOptions {
  readonly location?: string;
  readonly output?: string;
  readonly builderId?: string;
  readonly platform: readonly string[];
  readonly attribute: string;
  readonly flake?: string;
  readonly file?: string;
  readonly store?: string;
  readonly substituter: readonly string[];
  readonly option: readonly string[];
}

const defaultSubstituters = ["https://cache.nixos.org"];

function usage(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}

/** Where the statement goes: a file, or signed to the rebuilder's repository. */
type Destination =
  | { readonly kind: "file"; readonly path: string; readonly builderId: string }
  | { readonly kind: "registry"; readonly location: string; readonly signer: StatementSigner & { builderId: string } };

async function destinationOf(options: RebuildOptions, context: CommandContext): Promise<Destination> {
  const { location, output, builderId } = options;
  if (output !== undefined && location === undefined) {
    if (builderId !== undefined) return { kind: "file", path: output, builderId };
    const remedy = "Give --builder-id with the workflow and its ref that will sign the statement.";
    throw usage("REBUILD_BUILDER_UNKNOWN", "It isn't clear whose rebuild the statement will tell of.", remedy);
  }
  if (location === undefined || output !== undefined || !isRepository(location)) {
    const remedy = "Give one of --location registry/path (signs and publishes) and --output FILE (does neither).";
    throw usage("REBUILD_DESTINATION", "It isn't clear where the statement is to go.", remedy);
  }
  const signer = await signerOf(options, context);
  const workflow = signer.kind === "keyless" ? signer.identity.workflow : undefined;
  if (workflow === undefined || builderId !== undefined) {
    const remedy = "Sign with the identity token of a workflow, without --builder-id: its certificate says who built.";
    throw usage("REBUILD_BUILDER_UNKNOWN", "A published rebuild is known by its workflow's certificate.", remedy);
  }
  const { builderId: id, invocationId } = workflow;
  return { kind: "registry", location, signer: { name: signer.name, sign: signer.sign, builderId: id, invocationId } };
}

/** A build takes hours: what can't be written after it is refused before it. */
function assertOneOutput({ output, platform }: RebuildOptions): void {
  if (output === undefined) return;
  const platforms = new Set(platform);
  if (platforms.size > 1) throw severalForOneFile(platforms.size);
  assertOutput("--output", output);
}

/** The action of `rebuild`. */
export async function rebuildAction(text: string, options: RebuildOptions, context: CommandContext): Promise<Outcome> {
  const reference = parseReference(text);
  assertOneOutput(options);
  const { policy, trustedRoot } = trustOf(options, context);
  if (options.flake !== undefined && options.file !== undefined) {
    throw usage("REBUILD_SOURCE", "--flake and --file name two sources.", "Give one of them, or none.");
  }
  const destination = await destinationOf(options, context);
  const client = openRegistry(context.environment, context.signal);
  context.progress(`verifying ${text}`);
  const { resolved, result } = await verifyImage(client, {
    reference,
    policy: withoutLaterStatements(policy),
    trustedRoot,
    now: context.now(),
    tee: undefined,
  });
  if (!result.ok) throw releaseRefused(resolved, policy.name, result.findings);
  const { attribute, flake, file, platform, substituter } = options;
  const { signer } = destination.kind === "registry" ? destination : { signer: undefined };
  const rebuilds = await rebuildRelease(nixOf(options, context), {
    manifest: result.proof.data.manifest,
    source: { attribute, flake, file },
    platforms: platform.length === 0 ? undefined : platform,
    single: destination.kind === "file",
    substituters: substituter.length === 0 ? defaultSubstituters : substituter,
    builderId: destination.kind === "file" ? destination.builderId : destination.signer.builderId,
    invocationId: signer?.invocationId,
    now: context.now,
    progress: context.progress,
  });
  let published: readonly PublishedStatement[] = [];
  if (destination.kind === "file") writePredicate(destination.path, rebuilds);
  else {
    const { location, signer: by } = destination;
    const publish = (rebuild: PlatformRebuild): Promise<PublishedStatement> =>
      publishRebuild(client, by, rebuild, { location, released: reference.repository });
    published = await publishRebuilds(rebuilds, publish, { location, folder: process.cwd() });
  }
  const ok = rebuilds.every(({ equal }) => equal);
  const where =
    destination.kind === "file" ? `predicate in ${destination.path}` : `published at ${destination.location}`;
  return {
    exitCode: ok ? exitCodes.done : exitCodes.refused,
    lines: [...rebuilds.flatMap(rebuildLines), `  ${where}`],
    document: { ok, resolved, rebuilds, published },
  };
}

function writePredicate(path: string, rebuilds: readonly PlatformRebuild[]): void {
  const [only, ...more] = rebuilds;
  if (only === undefined || more.length > 0) throw severalForOneFile(rebuilds.length);
  writeOutput("--output", path, canonicalBytes(only.predicate));
}
