import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureBundle } from "../../dev/build-bundle.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { formatDigestReference } from "../../src/core/release/reference.ts";
import { samplePlatforms } from "../../lab/sample-release/sample-input.ts";
import type { SamplePlatform } from "../../lab/sample-release/sample-input.ts";
import type { SampleStatement } from "../../lab/sample-release/statements.ts";
import type { BenchContext, BenchEntry, Prepared } from "../entry.ts";
import { startBenchLab } from "../support/bench-lab.ts";
import type { BenchLab } from "../support/bench-lab.ts";
import type { BenchRelease } from "../support/bench-releases.ts";
import { outcomeOf } from "../support/outcome.ts";
import type { Outcome } from "../support/outcome.ts";
import { peakMemory } from "../support/peak-memory.ts";
import { tamperedCopy } from "../support/tampered-copy.ts";
import { benchTool } from "../support/tools.ts";
import { verifyReferences } from "../support/verify-references.ts";

/**
 * Verifying in a registry on loopback, against cosign, which takes one image and one predicate type per command. Both are
 * asked for the same statements:
 *
 * - an image: a release of one platform with signature, provenance and SBOM, cosign's three commands. Ours verifies its
 *   release manifest, too, as it always does;
 * - a release: two platforms, with all of their six statements, cosign's six commands.
 *
 * What the statements say against each other and against the policy is verified by ours alone.
 */
interface Comparison {
  readonly word: "image" | "release";
  readonly platforms: readonly SamplePlatform[];
  /** The statements that cosign is asked for. */
  readonly asked: (kind: SampleStatement["kind"]) => boolean;
}
const comparisons: readonly Comparison[] = [
  { word: "image", platforms: samplePlatforms.slice(0, 1), asked: (kind) => kind !== "manifest" },
  { word: "release", platforms: samplePlatforms, asked: () => true },
];

export const entries: readonly BenchEntry[] = [
  { count: 1, limit: 1 },
  { count: 10 },
  { count: 100, limit: 0.2 },
].flatMap(({ count, limit }) =>
  comparisons.map((comparison) => {
    const { word, platforms } = comparison;
    const what = `${count === 1 ? "one" : count} ${word}${count === 1 ? "" : "s"}`;
    const built = platforms.length === 1 ? "for one platform" : `for ${platforms.length} platforms`;
    return {
      // No name is the beginning of another, so that each can be selected alone.
      name: `verify-${count}-${word}${count === 1 ? "" : "s"}`,
      title: `verification of ${what} ${built} on loopback`,
      prepare: (context) => compareWithCosign(context, comparison, count, limit),
    };
  }),
);

/** MiB over a Node that does nothing, at most: what the project promises. */
const memoryLimit = 200;

async function compareWithCosign(
  context: BenchContext,
  comparison: Comparison,
  count: number,
  limit: number | undefined,
): Promise<Prepared> {
  const cosign = await benchTool(pinnedTools.cosign, context);
  if ("missing" in cosign) return { kind: "skipped", reason: cosign.missing };
  const lab = await startBenchLab(context, count, comparison.platforms);
  if ("missing" in lab) return { kind: "skipped", reason: lab.missing };
  try {
    // As `make setup` does, for this benchmark's own cache folder.
    const missing = await ensureBundle(lab.environment);
    if (missing !== undefined) throw new Error(`verify-image has no bundle: ${missing}`);
    const run = (command: readonly [string, ...string[]]): Promise<Outcome> =>
      outcomeOf(command, { environment: lab.environment, signal: context.signal });
    const trust = writeTrust(context, comparison, lab);
    const own = ownVerifier(context, trust, run);
    const inProcess: Verifier = {
      label: "in a process that runs already",
      verify: async (releases) => (await verifyReferences(releases.map(referenceOf), trust)).length === 0,
    };
    const peer = cosignVerifier(cosign.path, comparison, lab, run);
    const tampered = await tamperedCopy(lab);
    for (const { label, verify } of [own, inProcess, peer]) {
      if (await verify([tampered])) throw new Error(`${label}: accepted a tampered copy`);
    }
    const contestant = ({ label, verify }: Verifier) => ({
      label,
      run: async () => {
        if (!(await verify(lab.releases))) throw new Error(`${label}: refused what is signed as the policy demands`);
        return undefined;
      },
    });
    return {
      kind: "ready",
      ours: [contestant(own), contestant(inProcess)],
      reference: { ...contestant(peer), kind: "peer" },
      ...(limit === undefined ? {} : { limit }),
      notes: [await memoryNote(context, trust, lab)],
      teardown: lab.stop,
    };
  } catch (error) {
    await lab.stop();
    throw error;
  }
}

/** The most memory that one command for all images has, beyond a Node that does nothing. Throws over the limit. */
async function memoryNote(context: BenchContext, trust: TrustFiles, lab: BenchLab): Promise<string> {
  const options = { checkout: context.checkout, environment: lab.environment, signal: context.signal };
  const bare = await peakMemory(["--eval", "0"], options);
  const ours = await peakMemory(commandLine(context, trust, lab.releases), options);
  const more = Math.round(ours - bare);
  if (more > memoryLimit)
    throw new Error(`verify-image takes ${more} MiB over a bare Node, ${memoryLimit} are allowed`);
  return `peak memory: ${Math.round(ours)} MiB, ${more} MiB over a Node that does nothing (at most ${memoryLimit})`;
}

interface Verifier {
  readonly label: string;
  /** True when all were accepted, false when one was refused; throws when something else happened. */
  readonly verify: (releases: readonly BenchRelease[]) => Promise<boolean>;
}
type Run = (command: readonly [string, ...string[]]) => Promise<Outcome>;

function referenceOf({ repository, digest }: BenchRelease): string {
  return formatDigestReference(repository, digest);
}

/** The files of what ours verifies under; cosign gets the same root, and the identity that the policy trusts. */
interface TrustFiles {
  readonly policy: string;
  readonly trustedRoot: string;
}

/** Stack local's policy, for images of the platforms that were built. */
function writeTrust({ scratch }: BenchContext, { platforms }: Comparison, lab: BenchLab): TrustFiles {
  const built = platforms.map(({ os, architecture }) => `${os}/${architecture}`);
  const images = lab.config.policy.images.map((image) => ({ ...image, platforms: built }));
  const policy = join(scratch, "policy.json");
  writeFileSync(policy, JSON.stringify({ ...lab.config.policy, images }));
  return { policy, trustedRoot: lab.trustedRoot.path };
}

/** One command for all, as people call it: one reference by its name, more in a file. */
function commandLine(
  { checkout, scratch }: BenchContext,
  { policy, trustedRoot }: TrustFiles,
  releases: readonly BenchRelease[],
): string[] {
  const [only, ...more] = releases.map(referenceOf);
  if (only === undefined) throw new Error("there is no release");
  const list = join(scratch, "references.txt");
  if (more.length > 0) writeFileSync(list, [only, ...more, ""].join("\n"));
  return [
    ...[join(checkout, "bin", "neko-trust.mjs"), "verify-image", ...(more.length > 0 ? ["--file", list] : [only])],
    ...["--policy", policy, "--trusted-root", trustedRoot, "--json"],
  ];
}

function ownVerifier(context: BenchContext, trust: TrustFiles, run: Run): Verifier {
  return {
    label: "verify-image, one process",
    verify: async (releases) => {
      const outcome = await run([process.execPath, ...commandLine(context, trust, releases)]);
      if (!accepted("verify-image", outcome, [1])) return false;
      const told = JSON.parse(outcome.output) as Told & { readonly results?: readonly Told[] };
      const results = told.results ?? [told];
      const proven = releases.every((release, position) => {
        const result = results[position];
        return result?.ok === true && result.resolved === referenceOf(release);
      });
      if (!proven || results.length !== releases.length) throw new Error(`verify-image: ${outcome.output.slice(-500)}`);
      return true;
    },
  };
}

interface Told {
  readonly ok: unknown;
  readonly resolved: unknown;
}

/** `cosign verify`, and `cosign verify-attestation` for each other statement, with the exact identity and issuer. */
function cosignVerifier(cosign: string, { word, asked }: Comparison, lab: BenchLab, run: Run): Verifier {
  const verifyRelease = async (release: BenchRelease): Promise<boolean> => {
    const { issuer, subject } = release.identity;
    const how = [
      ...["--trusted-root", lab.trustedRoot.path, "--use-signed-timestamps"],
      ...["--certificate-identity", subject, "--certificate-oidc-issuer", issuer],
    ];
    const commands = release.statements
      .filter(({ kind }) => asked(kind))
      .map(({ kind, subject, predicateType }) => [
        ...(kind === "signature" ? ["verify"] : ["verify-attestation", "--type", predicateType]),
        ...[...how, formatDigestReference(release.repository, subject)],
      ]);
    for (const args of commands) {
      const outcome = await run([cosign, ...args]);
      // Its exit codes for refusals are 10 and above (cosign, cmd/cosign/errors); 1 is for everything else as well.
      if (!accepted(`cosign ${args.join(" ")}`, outcome)) return false;
    }
    return true;
  };
  return {
    label: `cosign, ${countOf(lab, asked)} commands per ${word}`,
    verify: async (releases) => {
      for (const release of releases) if (!(await verifyRelease(release))) return false;
      return true;
    },
  };
}

function countOf({ releases: [first] }: BenchLab, asked: Comparison["asked"]): number {
  return first.statements.filter(({ kind }) => asked(kind)).length;
}

/** Whether a command accepted; throws when it ended in another way than by accepting or refusing. */
function accepted(what: string, { code, output, errors }: Outcome, refusals?: readonly number[]): boolean {
  if (code === 0) return true;
  if (code !== null && (refusals?.includes(code) ?? true)) return false;
  throw new Error(`${what} ended with ${code ?? "a signal"}: ${(errors + output).trim().slice(-500)}`);
}
