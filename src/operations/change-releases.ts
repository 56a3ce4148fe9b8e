import type { Directories } from "../adapters/directories/directories.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import { Failure } from "../core/failure.ts";
import type { Digest } from "../core/oci/digest.ts";
import { repositoriesOf } from "../core/policy/policy-repositories.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import { formatDigestReference, parseDigestReference } from "../core/release/reference.ts";
import type { Reference } from "../core/release/reference.ts";
import { changeRelease } from "../core/release/release-list.ts";
import type { ReleaseChange, ReleaseEntry, RetainOptions } from "../core/release/release-list.ts";
import { versionStep } from "../core/release/version-step.ts";
import type { Finding } from "../core/verify/finding.ts";
import type { YamlChange } from "../core/yaml/edit-yaml.ts";
import { editStackFile, writeStackFile } from "./edit-stack-file.ts";
import type { OpenStackFile } from "./edit-stack-file.ts";
import { readTrustedRootFile } from "./read-trusted-root.ts";
import { verifyImage } from "./verify-image.ts";
import type { VerifyImageRequest } from "./verify-image.ts";
import { isUnavailable, releaseRefused } from "./verify-releases.ts";

export interface ChangeReleasesRequest extends RetainOptions {
  readonly references: readonly Reference[];
  readonly dryRun: boolean;
  readonly now: Date;
}

export interface ChangeReleasesContext {
  readonly client: RegistryClient;
  readonly directories: Directories;
}

/** What becomes of one image of the stack. */
export interface ReleaseEdit {
  /** `repository@digest`, as verified. */
  readonly resolved: string;
  /** What the policy calls the image. */
  readonly name: string;
  readonly version: string;
  /** Left out when the digest is current already. */
  readonly change?: ReleaseChange;
  /** The version of what was current, where that still verifies. */
  readonly oldVersion?: string;
  /** What to know besides, in words. */
  readonly notes: readonly string[];
}

export type ChangeReleasesResult =
  /** At least one release is not proven: nothing was changed. */
  | {
      readonly kind: "refused";
      readonly refused: readonly { readonly resolved: string; readonly findings: readonly Finding[] }[];
    }
  | { readonly kind: "changed"; readonly edits: readonly ReleaseEdit[]; readonly written: boolean };

/**
 * Makes releases the current ones of a stack: each is resolved once and verified under the stack's policy and root, and
 * only when all of them are proven, the file is edited. Throws IMAGE_NOT_IN_POLICY, RELEASE_OTHER_REPOSITORY,
 * RELEASE_NAMED_TWICE, RELEASE_OLDER, and what reading, asking the registry and writing throw.
 */
export async function changeReleases(
  open: OpenStackFile,
  request: ChangeReleasesRequest,
  context: ChangeReleasesContext,
): Promise<ChangeReleasesResult> {
  const { policy, releases } = open.config;
  const wanted = request.references.map((reference) => ({ reference, ...placeOf(open, reference.repository) }));
  const trustedRoot = readTrustedRootFile(open.config.trustedRoot, context.directories.checkout);
  const under = { policy, trustedRoot, now: request.now };
  const edits: ReleaseEdit[] = [];
  const refused: { resolved: string; findings: readonly Finding[] }[] = [];
  const older: string[] = [];
  for (const { reference, name, entry } of wanted) {
    const { resolved, result } = await verifyImage(context.client, { reference, ...under });
    if (!result.ok) {
      refused.push({ resolved, findings: result.findings });
      continue;
    }
    const { digest, manifest } = result.proof.data;
    const change = changeRelease(reference.repository, entry, digest, request);
    const edit = { resolved, name, version: manifest.version };
    if (change === undefined) {
      edits.push({ ...edit, notes: [] });
      continue;
    }
    const before = await compareWithOld(context.client, change, manifest.version, under);
    if (before.older !== undefined) older.push(before.older);
    const { oldVersion } = before;
    edits.push({ ...edit, change, ...(oldVersion === undefined ? {} : { oldVersion }), notes: before.notes });
  }
  if (refused.length > 0) return { kind: "refused", refused };
  if (older.length > 0) throw olderReleases(open, older);
  const changes = edits.map(({ change }) => change).filter((change) => change !== undefined);
  if (changes.length === 0) return { kind: "changed", edits, written: false };
  const edited = editStackFile(open, yamlChanges(releases, changes), context.directories);
  if (!request.dryRun) writeStackFile(open, edited);
  return { kind: "changed", edits, written: !request.dryRun };
}

/** The policy's name for a repository, and the stack's entry for it. */
function placeOf(open: OpenStackFile, repository: string): { name: string; entry: ReleaseEntry | undefined } {
  const { policy, releases } = open.config;
  const image = imageOf(policy, repository);
  if (image === undefined) {
    throw new Failure({
      code: "IMAGE_NOT_IN_POLICY",
      kind: "refused",
      message: `Policy "${policy.name}" of stack ${open.stack} names no image ${repository}: nothing was asked of its registry.`,
      remedy: `Name one of ${repositoriesOf(policy).join(", ")}, or review the image and add it to images.`,
    });
  }
  const entries = releases.filter((entry) => entry.image === repository);
  const [entry, ...more] = entries;
  if (more.length > 0) {
    throw new Failure({
      code: "RELEASE_NAMED_TWICE",
      kind: "usage",
      message: `${open.file} has ${entries.length} releases of ${repository}: it isn't clear which one to set.`,
      remedy: "Leave one of them, then run the same command again.",
    });
  }
  const other = releases.find((each) => imageOf(policy, each.image) === image);
  if (entry === undefined && other !== undefined) {
    throw new Failure({
      code: "RELEASE_OTHER_REPOSITORY",
      kind: "usage",
      message: `Stack ${open.stack} takes ${image.name} from ${other.image}, not from ${repository}.`,
      remedy: `Name the release as ${other.image}, or change image of that entry in ${open.file} by hand.`,
    });
  }
  return { name: image.name, entry };
}

/** The policy's image that has this repository or mirror. */
export function imageOf(policy: TrustPolicy, repository: string): TrustPolicy["images"][number] | undefined {
  return policy.images.find((image) => repositoriesOf({ images: [image] }).includes(repository));
}

type Under = Pick<VerifyImageRequest, "policy" | "trustedRoot" | "now">;

/** Whether the new release is older than the current one, where that can still be told. */
async function compareWithOld(
  client: RegistryClient,
  { image, old, current, retained }: ReleaseChange,
  version: string,
  under: Under,
): Promise<{ readonly oldVersion?: string; readonly older?: string; readonly notes: readonly string[] }> {
  if (old === undefined) return { notes: [] };
  const before = await versionOf(client, image, old, under);
  if (typeof before !== "string") {
    const kept = retained.includes(old) && !under.policy.revoked.includes(old);
    return {
      notes: [
        `What was current does not verify any more (${before.why.join(", ")}), so its version is not known and was not compared.`,
        ...(kept ? ["As a retained release it has to verify, too: leave it out with --drop-old."] : []),
      ],
    };
  }
  const known = { oldVersion: before, notes: [] };
  switch (versionStep(before, { version, digest: current }, under.policy, under.now)) {
    case "newer":
      return known;
    case "same":
      return { ...known, notes: [`Both are version ${version}, with other bytes.`] };
    case "older":
      return { ...known, older: `${image}: ${before} (${old}) → ${version} (${current})` };
    case "rollback":
      return { ...known, notes: [rollbackNote(under.policy)] };
  }
}

function rollbackNote({ freshness: { rollback } }: TrustPolicy): string {
  const { expires = "", reason = "", approvedBy = "" } = rollback ?? {};
  return `Goes back to an older version, as freshness.rollback allows until ${expires}: ${reason} (approved by ${approvedBy}).`;
}

/** The version of a release that verifies, or why it does not. A registry that can't be asked is no answer to that. */
async function versionOf(
  client: RegistryClient,
  repository: string,
  digest: Digest,
  under: Under,
): Promise<string | { readonly why: readonly string[] }> {
  const reference = parseDigestReference(formatDigestReference(repository, digest));
  try {
    const { resolved, result } = await verifyImage(client, { reference, ...under });
    if (result.ok) return result.proof.data.manifest.version;
    if (isUnavailable(result.findings)) throw releaseRefused(resolved, under.policy.name, result.findings);
    const refusals = result.findings.filter(({ severity }) => severity === "refuse");
    return { why: [...new Set(refusals.map(({ code }) => code))] };
  } catch (error) {
    if (error instanceof Failure && error.code === "REGISTRY_ABSENT") return { why: [error.code] };
    throw error;
  }
}

function olderReleases(open: OpenStackFile, older: readonly string[]): Failure {
  return new Failure({
    code: "RELEASE_OLDER",
    kind: "refused",
    message: `${older.length === 1 ? "The release is" : "Releases are"} older than what stack ${open.stack} runs: nothing was changed.`,
    remedy: `To go back, have digest, reason, approvedBy and expires reviewed in freshness.rollback of ${open.file} first.`,
    details: older,
  });
}

function yamlChanges(releases: readonly ReleaseEntry[], changes: readonly ReleaseChange[]): YamlChange[] {
  const list = ["config", "neko-trust:releases"];
  const known = changes.flatMap(({ image, current, list: { putInFront, remove } }): YamlChange[] => {
    const index = releases.findIndex((entry) => entry.image === image);
    if (index < 0) return [];
    const set: YamlChange = { kind: "set", path: [...list, index, "current"], value: current };
    if (putInFront.length === 0 && remove.length === 0) return [set];
    return [set, { kind: "texts", path: [...list, index, "retained"], putInFront, remove }];
  });
  const fresh = changes
    .filter(({ image }) => !releases.some((entry) => entry.image === image))
    .map(({ image, current, retained }) => ({ image, current, retained }));
  return fresh.length === 0 ? known : [...known, { kind: "append", path: list, entries: fresh }];
}
