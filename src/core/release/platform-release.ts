import { z } from "zod";
import { Failure } from "../failure.ts";
import { canonicalBytes } from "../json/canonical-json.ts";
import { closureDigest, closureLines } from "../nix/closure.ts";
import type { ClosureEntry } from "../nix/closure.ts";
import type { NarDigest } from "../nix/nar.ts";
import type { PathInfo } from "../nix/path-info.ts";
import { closureFromCycloneDx, closureFromSpdx } from "../nix/sbom-closure.ts";
import { sourceStorePath } from "../nix/store-path.ts";
import { digestOf } from "../oci/digest.ts";
import type { Digest } from "../oci/digest.ts";
import { safeParse } from "../safe-parse.ts";
import type { PlatformRelease } from "./manifest.ts";

/** Why the facts of a platform don't make a release; one code for each thing that does not fit. */
export type PlatformReleaseFailureCode =
  /** The layout's bytes give another NAR than the store recorded. */
  | "LAYOUT_NAR_MISMATCH"
  /** The store's list does not hold the layout, or it is not clear which entry is it. */
  | "LAYOUT_NOT_IN_PATH_INFO"
  /** An object refers to one that is not listed: then the list is no closure. */
  | "PATH_INFO_NOT_RECURSIVE"
  /** Two derivations for one output. */
  | "DERIVATION_MISMATCH"
  /** Only environment local may leave the derivation out. */
  | "DERIVATION_UNKNOWN"
  /** Only environment local may leave the closure out. */
  | "CLOSURE_UNKNOWN"
  /** Neither SPDX 2.3 nor CycloneDX. */
  | "SBOM_INVALID"
  /** Nothing is listed. */
  | "SBOM_EMPTY"
  /** The SBOM lists other store objects than the closure. */
  | "SBOM_CLOSURE_MISMATCH";

/** What is known of one platform's build, from its files. */
export interface PlatformFacts {
  /** `linux/amd64`. */
  readonly platform: string;
  /** The image manifest that the layout holds. */
  readonly digest: Digest;
  /** Of the layout directory, computed from its files. */
  readonly nar: NarDigest;
  /** The store path that the layout's folder bears as its name, if it does. */
  readonly storePath?: string | undefined;
  /** What the store recorded of the layout and all that it needs. */
  readonly pathInfo?: readonly PathInfo[] | undefined;
  /** The `.drv`, when it was named. */
  readonly derivation?: string | undefined;
  /** The SBOM document, parsed. */
  readonly sbom: unknown;
}

/** The platform's part of a release manifest. Throws with a PlatformReleaseFailureCode, and what closures and SBOMs throw. */
export function platformRelease(
  facts: PlatformFacts,
  release: { readonly name: string; readonly environment: "local" | "staging" | "production" },
): PlatformRelease {
  const { platform, digest, nar } = facts;
  const local = release.environment === "local";
  const output = facts.pathInfo === undefined ? undefined : outputOf(facts, facts.pathInfo);
  const derivation = derivationOf(facts, output);
  if (derivation === undefined && !local) {
    throw mismatch("DERIVATION_UNKNOWN", platform, "the derivation that the layout was built by", "none", {
      remedy: `Name it with --derivation ${platform}=/nix/store/….drv; only --environment local may leave it out.`,
    });
  }
  const closure = facts.pathInfo === undefined ? undefined : closureOf(platform, facts.pathInfo);
  if (closure === undefined && !local) {
    throw mismatch("CLOSURE_UNKNOWN", platform, "the list of all that the layout needs", "none", {
      remedy: `Give --path-info ${platform}=FILE; only --environment local may leave it out.`,
    });
  }
  const listed = closureOfSbom(platform, facts.sbom);
  if (closure !== undefined) requireSameClosure(platform, closure, listed);
  const named = { name: `${release.name}-${platform.replaceAll("/", "-")}`, narHash: nar.narHash };
  return {
    platform,
    digest,
    ...(derivation === undefined ? {} : { derivation }),
    // Without a store's word, the path that `nix store add-path` would give it.
    storePath: output?.path ?? facts.storePath ?? sourceStorePath(named).path,
    ...nar,
    ...(closure === undefined ? {} : { closure: closureDigest(closure) }),
    sbom: digestOf(canonicalBytes(facts.sbom)),
  };
}

/** The entry that is the layout: by the folder's name, else the one object that nothing else needs and has its hash. */
function outputOf({ platform, nar, storePath }: PlatformFacts, infos: readonly PathInfo[]): PathInfo {
  if (storePath !== undefined) {
    const named = infos.find(({ path }) => path === storePath);
    if (named === undefined) throw mismatch("LAYOUT_NOT_IN_PATH_INFO", platform, `an entry for ${storePath}`, "none");
    requireNar(platform, named, nar);
    return named;
  }
  const needed = new Set(infos.flatMap(({ path, references }) => references.filter((other) => other !== path)));
  const roots = infos.filter(({ path }) => !needed.has(path));
  const [same, ...more] = roots.filter(({ narHash }) => narHash === nar.narHash);
  if (more.length > 0) {
    const found = `${more.length + 1} of them; name the layout's folder as the store does`;
    throw mismatch("LAYOUT_NOT_IN_PATH_INFO", platform, `one entry with NAR hash ${nar.narHash}`, found);
  }
  if (same !== undefined) {
    requireNar(platform, same, nar);
    return same;
  }
  const expected = roots.map(({ path, narHash }) => `${narHash} (${path})`).slice(0, 5);
  throw mismatch("LAYOUT_NAR_MISMATCH", platform, `NAR hash ${expected.join(" or ") || "of a root"}`, nar.narHash);
}

function requireNar(platform: string, info: PathInfo, nar: NarDigest): void {
  if (info.narHash === nar.narHash && info.narSize === nar.narSize) return;
  const described = ({ narHash, narSize }: { narHash: string; narSize: number }): string =>
    `NAR hash ${narHash} and ${narSize} bytes`;
  throw mismatch("LAYOUT_NAR_MISMATCH", platform, `${described(info)} for ${info.path}`, described(nar));
}

function derivationOf(facts: PlatformFacts, output: PathInfo | undefined): string | undefined {
  const { platform, derivation } = facts;
  if (derivation !== undefined && output?.deriver !== undefined && derivation !== output.deriver) {
    throw mismatch("DERIVATION_MISMATCH", platform, `${output.deriver} (path-info's deriver)`, derivation);
  }
  return derivation ?? output?.deriver;
}

function closureOf(platform: string, infos: readonly PathInfo[]): ClosureEntry[] {
  const known = new Set(infos.map(({ path }) => path));
  for (const { path, references } of infos) {
    const lacking = references.find((reference) => !known.has(reference));
    if (lacking === undefined) continue;
    throw mismatch("PATH_INFO_NOT_RECURSIVE", platform, `an entry for ${lacking}, which ${path} needs`, "none", {
      remedy: "Make it with `nix path-info --json --recursive`.",
    });
  }
  return infos.map(({ path, narHash }) => ({ storePath: path, narHash }));
}

const formatSchema = z.union([
  z.looseObject({ spdxVersion: z.string(), packages: z.array(z.unknown()) }),
  z.looseObject({ bomFormat: z.literal("CycloneDX"), components: z.array(z.unknown()) }),
]);

function closureOfSbom(platform: string, document: unknown): ClosureEntry[] {
  const parsed = safeParse(formatSchema, document);
  if (!parsed.success) throw mismatch("SBOM_INVALID", platform, "an SBOM in SPDX 2.3 or CycloneDX", "neither");
  const spdx = "packages" in parsed.data && "spdxVersion" in parsed.data;
  const listed = spdx ? parsed.data["packages"] : parsed.data["components"];
  if (!Array.isArray(listed) || listed.length === 0) {
    throw mismatch("SBOM_EMPTY", platform, "an SBOM with at least one package", "none");
  }
  return spdx ? closureFromSpdx(document) : closureFromCycloneDx(document);
}

/** Some differing lines say enough. */
const shownLines = 5;

function requireSameClosure(platform: string, closure: readonly ClosureEntry[], listed: readonly ClosureEntry[]): void {
  const expected = new Set(closureLines(closure));
  const found = listed.length === 0 ? new Set<string>() : new Set(closureLines(listed));
  const [lacking, extra] = [expected.difference(found), found.difference(expected)];
  if (lacking.size === 0 && extra.size === 0) return;
  const told = `${found.size} (${lacking.size} lacking, ${extra.size} too many)`;
  throw mismatch("SBOM_CLOSURE_MISMATCH", platform, `the ${expected.size} store objects of path-info`, told, {
    remedy: "Make SBOM and path-info from the same build; the SBOM must list each store path with its NAR hash.",
    details: [
      ...[...lacking].slice(0, shownLines).map((line) => `lacking: ${line.trim()}`),
      ...[...extra].slice(0, shownLines).map((line) => `too many: ${line.trim()}`),
    ],
  });
}

function mismatch(
  code: PlatformReleaseFailureCode,
  platform: string,
  expected: string,
  found: string,
  more: { readonly remedy?: string; readonly details?: readonly string[] } = {},
): Failure {
  return new Failure({
    code,
    kind: "refused",
    message: `${platform}: expected ${expected}; found ${found}.`,
    remedy: more.remedy ?? "Give the files of one and the same build; build again when they are mixed up.",
    ...(more.details === undefined ? {} : { details: more.details }),
  });
}
