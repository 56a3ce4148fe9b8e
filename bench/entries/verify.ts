import { join } from "node:path";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { predicateTypes } from "../../src/core/intoto/statement.ts";
import { formatDigestReference } from "../../src/core/release/reference.ts";
import type { BenchContext, BenchEntry, Prepared } from "../entry.ts";
import { startBenchLab } from "../support/bench-lab.ts";
import type { BenchLab } from "../support/bench-lab.ts";
import type { BenchRelease } from "../support/bench-releases.ts";
import { outcomeOf } from "../support/outcome.ts";
import type { Outcome } from "../support/outcome.ts";
import { tamperedCopy } from "../support/tampered-copy.ts";
import { benchTool } from "../support/tools.ts";
import { verifyReferences } from "../support/verify-references.ts";

/**
 * Verifying images in a registry on loopback: ours, all of a release's chain (six statements on three subjects, and what
 * they say against each other), against cosign, which is asked for three of the statements alone.
 */
export const entries: readonly BenchEntry[] = [1, 10, 100].map((count) => ({
  // No name is the beginning of another, so that each can be selected alone.
  name: `verify-${count}-${count === 1 ? "image" : "images"}`,
  title: `verification of ${count === 1 ? "one image" : `${count} images`}, with all their evidence on loopback`,
  prepare: (context) => compareWithCosign(context, count),
}));

async function compareWithCosign(context: BenchContext, count: number): Promise<Prepared> {
  const cosign = await benchTool(pinnedTools.cosign, context);
  if ("missing" in cosign) return { kind: "skipped", reason: cosign.missing };
  const lab = await startBenchLab(context, count);
  if ("missing" in lab) return { kind: "skipped", reason: lab.missing };
  try {
    const run = (command: readonly [string, ...string[]]): Promise<Outcome> =>
      outcomeOf(command, { environment: lab.environment, signal: context.signal });
    const ours = ownVerifiers(context, run);
    const peer = cosignVerifier(cosign.path, lab, run);
    const tampered = await tamperedCopy(lab);
    for (const { label, verify } of [...ours, peer]) {
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
    const [perImage, forAll] = ours;
    return {
      kind: "ready",
      ours: [contestant(perImage), contestant(forAll), inProcess],
      reference: { ...contestant(peer), kind: "peer" },
      teardown: lab.stop,
    };
  } catch (error) {
    await lab.stop();
    throw error;
  }
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

function ownVerifiers({ checkout }: BenchContext, run: Run): readonly [Verifier, Verifier] {
  const { execPath } = process;
  const command = join(checkout, "bin", "neko-trust.mjs");
  const program = join(checkout, "bench", "programs", "verify-images.ts");
  return [
    {
      label: "verify-image, a process per image",
      verify: async (releases) => {
        for (const release of releases) {
          const reference = referenceOf(release);
          const outcome = await run([execPath, command, "verify-image", reference, "--stack", "local", "--json"]);
          if (!accepted("verify-image", outcome, [1])) return false;
          const told = JSON.parse(outcome.output) as { ok: unknown; resolved: unknown };
          if (told.ok !== true || told.resolved !== reference) throw new Error(`verify-image: ${outcome.output}`);
        }
        return true;
      },
    },
    {
      label: "one process for all",
      verify: async (releases) => {
        const outcome = await run([execPath, program, checkout, ...releases.map(referenceOf)]);
        if (!accepted("verify-images", outcome, [1])) return false;
        if (outcome.output.trim() !== `verified ${releases.length} of ${releases.length}`) {
          throw new Error(`verify-images: ${outcome.output}`);
        }
        return true;
      },
    },
  ];
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
