import { Failure } from "../../src/core/failure.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import { signerFacts } from "../../src/core/release/signer-release.ts";
import type { SignerFacts } from "../../src/core/release/signer-release.ts";
import { assertUsable, assertVerified, VerifiedRelease } from "../../src/core/release/verified-release.ts";
import type { UsableRelease } from "../../src/core/release/verified-release.ts";
import { isZeroHex } from "../../src/core/zero-hex.ts";
import type { ConfidentialSignerSettings } from "./settings.ts";

/** Verified signer releases and their disks → the generations of machines that run. Pure. */

/** The signer's disk artifact, copied and hashed by the operation fetchDiskImage. */
export interface SignerDisk {
  /** In a folder that nobody else can write to. */
  readonly path: string;
  /** Hex; must be that of the release's verified manifest. */
  readonly sha256: string;
}

/** One release of the signer, with its disk. */
export interface SignerGeneration {
  /** Plain: a release inside an Output can't be told from a copy, and is refused. */
  readonly signer: UsableRelease;
  /** `planned`: nothing was fetched; only a preview may plan so, and says it. */
  readonly disk: SignerDisk | "planned";
}

/** A generation whose disk is the one that its verified release names. */
export interface CheckedGeneration {
  /** The beginning of the release's digest: part of the name of everything that belongs to this generation. */
  readonly key: string;
  readonly repository: string;
  readonly digest: Digest;
  readonly diskSha256: string;
  /** Undefined in a preview without the disk. */
  readonly diskPath: string | undefined;
  /** Undefined while the release is only planned. */
  readonly measurements: SignerFacts["measurements"] | undefined;
  /** The current one is protected; a retained one may go. */
  readonly current: boolean;
}

const unknownSha256 = "0".repeat(64);

/**
 * The current generation, then those that still run until it has attested. Throws RELEASE_NOT_VERIFIED,
 * RELEASE_ONLY_PLANNED, RELEASE_OF_OTHER_IMAGE, SIGNER_RELEASE_WITHOUT_DISK, SIGNER_DISK_MISMATCH,
 * SIGNER_DISK_NOT_FETCHED, SIGNER_VTPM_MISMATCH, SIGNER_GENERATION_TWICE (refused).
 */
export function checkedGenerations(
  settings: ConfidentialSignerSettings,
  current: SignerGeneration,
  retained: readonly SignerGeneration[],
  context: { readonly dryRun: boolean },
): readonly [CheckedGeneration, ...CheckedGeneration[]] {
  const first = checked(settings, current, { ...context, current: true });
  const others = retained.map((one) => checked(settings, one, { ...context, current: false }));
  const seen = new Set([first.key]);
  for (const one of others) {
    if (one.repository !== first.repository) throw otherImage(one, first.repository);
    if (seen.has(one.key)) throw twice(one);
    seen.add(one.key);
  }
  return [first, ...others];
}

function checked(
  settings: ConfidentialSignerSettings,
  { signer, disk }: SignerGeneration,
  context: { readonly dryRun: boolean; readonly current: boolean },
): CheckedGeneration {
  const { repository, digest } = assertUsable(signer, context);
  const facts = signer instanceof VerifiedRelease ? signerFacts(assertVerified(signer)) : undefined;
  const named = `${repository}@${digest}`;
  if (disk !== "planned" && disk.sha256 !== facts?.diskSha256) throw otherDisk(named, disk.sha256, facts?.diskSha256);
  if (disk === "planned" && !context.dryRun) throw notFetched(named);
  if (facts !== undefined) requireModel(named, settings.tdx.vtpm, facts.measurements.rtmr2);
  return {
    key: digest.slice("sha256:".length, "sha256:".length + 12),
    repository,
    digest,
    diskSha256: facts?.diskSha256 ?? unknownSha256,
    diskPath: disk === "planned" ? undefined : disk.path,
    measurements: facts?.measurements,
    current: context.current,
  };
}

/** systemd-stub measures into the vTPM if there is one, and then leaves RTMR2 as it was: at zero. */
function requireModel(named: string, vtpm: boolean, rtmr2: string): void {
  if (isZeroHex(rtmr2) === vtpm) return;
  throw new Failure({
    code: "SIGNER_VTPM_MISMATCH",
    kind: "refused",
    message: vtpm
      ? `${named} expects something in RTMR2, but on a machine with a vTPM it stays zero: it could never attest.`
      : `${named} expects RTMR2 to stay zero, but on a machine without a vTPM its loader measures into it: it could never attest.`,
    remedy: `Set confidentialSigner.tdx.vtpm to ${!vtpm}, or take a release whose measurements are of the other model.`,
  });
}

function otherDisk(named: string, found: string, expected: string | undefined): Failure {
  return new Failure({
    code: "SIGNER_DISK_MISMATCH",
    kind: "refused",
    message:
      expected === undefined
        ? `${named} is only planned: no manifest says that a disk with SHA-256 ${found} is its.`
        : `The disk has SHA-256 ${found}, but the manifest of ${named} names ${expected}.`,
    remedy: "Fetch the disk with fetchDiskImage for exactly this verified release.",
  });
}

function notFetched(named: string): Failure {
  return new Failure({
    code: "SIGNER_DISK_NOT_FETCHED",
    kind: "refused",
    message: `The disk of ${named} was not fetched and hashed; only a preview may plan without it.`,
    remedy: "Name the disk's source in the stack's configuration, and run the update with access to it.",
  });
}

function otherImage({ repository, digest }: CheckedGeneration, expected: string): Failure {
  return new Failure({
    code: "RELEASE_OF_OTHER_IMAGE",
    kind: "refused",
    message: `${repository}@${digest} stands among the releases of ${expected}.`,
    remedy: "Retain releases of the same signer only.",
  });
}

function twice({ repository, digest }: CheckedGeneration): Failure {
  return new Failure({
    code: "SIGNER_GENERATION_TWICE",
    kind: "refused",
    message: `${repository}@${digest} is named twice among the signer's current and retained releases.`,
    remedy: "Name each release once; the current one is not retained.",
  });
}
