import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureBundle } from "../../dev/build-bundle.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { predicateTypes } from "../../src/core/intoto/statement.ts";
import { formatDigestReference } from "../../src/core/release/reference.ts";
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
 * Verifying images in a registry on loopback: ours, all of a release's chain (six statements on three subjects, and what
 * they say against each other), against cosign, which is asked for three of the statements alone.
 */
export const entries: readonly BenchEntry[] = [{ count: 1, limit: 1 }, { count: 10 }, { count: 100, limit: 0.2 }].map(
  ({ count, limit }) => ({
    // No name is the beginning of another, so that each can be selected alone.
    name: `verify-${count}-${count === 1 ? "image" : "images"}`,
    title: `verification of ${count === 1 ? "one image" : `${count} images`}, with all their evidence on loopback`,
    prepare: (context) => compareWithCosign(context, count, limit),
  }),
);

/** MiB over a Node that does nothing, at most: what the project promises. */
const memoryLimit = 200;

async function compareWithCosign(context: BenchContext, count: number, limit: number | undefined): Promise<Prepared> {
  const cosign = await benchTool(pinnedTools.cosign, context);
  if ("missing" in cosign) return { kind: "skipped", reason: cosign.missing };
  const lab = await startBenchLab(context, count);
  if ("missing" in lab) return { kind: "skipped", reason: lab.missing };
  try {
    // As `make setup` does, for this benchmark's own cache folder.
    const missing = await ensureBundle(lab.environment);
    if (missing !== undefined) throw new Error(`verify-image has no bundle: ${missing}`);
    const run = (command: readonly [string, ...string[]]): Promise<Outcome> =>
      outcomeOf(command, { environment: lab.environment, signal: context.signal });
    const own = ownVerifier(context, lab, run);
    const peer = cosignVerifier(cosign.path, lab, run);
    const tampered = await tamperedCopy(lab);
    for (const { label, verify } of [own, peer]) {
      if (await verify([tampered])) throw new Error(`${label}: accepted a tampered copy`);
    }
    const contestant = ({ label, verify }: Verifier) => ({
      label,
      run: async () => {
        if (!(await verify(lab.releases))) throw new Error(`${label}: refused what is signed as the policy demands`);
        return undefined;
      },
    });
    const inProcess = contestant({
      label: "in a process that runs already",
      verify: async (releases) =>
        (await verifyReferences(releases.map(referenceOf), context.checkout, lab.environment)).length === 0,
    });
    return {
      kind: "ready",
      ours: [contestant(own), inProcess],
      reference: { ...contestant(peer), kind: "peer" },
      ...(limit === undefined ? {} : { limit }),
      notes: [await memoryNote(context, lab)],
      teardown: lab.stop,
    };
  } catch (error) {
    await lab.stop();
    throw error;
  }
}

/** The most memory that one command for all images has, beyond a Node that does nothing. Throws over the limit. */
async function memoryNote(context: BenchContext, lab: BenchLab): Promise<string> {
  const options = { checkout: context.checkout, environment: lab.environment, signal: context.signal };
  const bare = await peakMemory(["--eval", "0"], options);
  const ours = await peakMemory(commandLine(context, lab, lab.releases), options);
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

/** One command for all, as people call it: one reference by its name, more in a file. */
function commandLine({ checkout, scratch }: BenchContext, lab: BenchLab, releases: readonly BenchRelease[]): string[] {
  const [only, ...more] = releases.map(referenceOf);
  if (only === undefined) throw new Error("there is no release");
  const list = join(scratch, "references.txt");
  if (more.length > 0) writeFileSync(list, [only, ...more, ""].join("\n"));
  const policy = join(scratch, "policy.json");
  writeFileSync(policy, JSON.stringify(lab.config.policy));
  return [
    ...[join(checkout, "bin", "neko-trust.mjs"), "verify-image", ...(more.length > 0 ? ["--file", list] : [only])],
    ...["--policy", policy, "--trusted-root", lab.trustedRoot.path, "--json"],
  ];
}

function ownVerifier(context: BenchContext, lab: BenchLab, run: Run): Verifier {
  return {
    label: "verify-image, one process",
    verify: async (releases) => {
      const outcome = await run([process.execPath, ...commandLine(context, lab, releases)]);
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

/** `cosign verify` and two `cosign verify-attestation` per image, each with the exact identity and issuer. */
function cosignVerifier(cosign: string, lab: BenchLab, run: Run): Verifier {
  const verifyRelease = async (release: BenchRelease): Promise<boolean> => {
    const { issuer, subject } = release.identity;
    const [platform] = release.platforms;
    if (platform === undefined) throw new Error(`${release.digest} has no platform`);
    const how = [
      ...["--trusted-root", lab.trustedRoot.path, "--use-signed-timestamps"],
      ...["--certificate-identity", subject, "--certificate-oidc-issuer", issuer],
    ];
    const image = referenceOf(release);
    const asked = [
      ["verify", ...how, image],
      ["verify-attestation", "--type", predicateTypes.release, ...how, image],
      [
        ...["verify-attestation", "--type", predicateTypes.provenance, ...how],
        formatDigestReference(release.repository, platform),
      ],
    ];
    for (const args of asked) {
      const outcome = await run([cosign, ...args]);
      // Its exit codes for refusals are 10 and above (cosign, cmd/cosign/errors); 1 is for everything else as well.
      if (!accepted(`cosign ${args.join(" ")}`, outcome)) return false;
    }
    return true;
  };
  return {
    label: "cosign verify and two verify-attestation per image",
    verify: async (releases) => {
      for (const release of releases) if (!(await verifyRelease(release))) return false;
      return true;
    },
  };
}

/** Whether a command accepted; throws when it ended in another way than by accepting or refusing. */
function accepted(what: string, { code, output, errors }: Outcome, refusals?: readonly number[]): boolean {
  if (code === 0) return true;
  if (code !== null && (refusals?.includes(code) ?? true)) return false;
  throw new Error(`${what} ended with ${code ?? "a signal"}: ${(errors + output).trim().slice(-500)}`);
}
