import type { Directories } from "../adapters/directories/directories.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import { Failure } from "../core/failure.ts";
import { repositoriesOf } from "../core/policy/policy-repositories.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import type { Reference } from "../core/release/reference.ts";
import { changeRelease } from "../core/release/release-list.ts";
import type { ReleaseChange, ReleaseEntry, RetainOptions } from "../core/release/release-list.ts";
import type { Finding } from "../core/verify/finding.ts";
import type { YamlChange } from "../core/yaml/edit-yaml.ts";
import { compareWithOld, olderReleases } from "./compare-with-current.ts";
import { editStackFile, writeStackFile } from "./edit-stack-file.ts";
import type { OpenStackFile } from "./edit-stack-file.ts";
import { openTeeEvidence } from "./open-tee-evidence.ts";
import { readTrustedRootFile } from "./read-trusted-root.ts";
import { verifyImage } from "./verify-image.ts";
import { teeTermsOf } from "./verify-releases.ts";

export interface ChangeReleasesRequest extends RetainOptions {
  readonly references: readonly Reference[];
  readonly dryRun: boolean;
  readonly now: Date;
  /** The root certificate of a lab's simulated platform, for a policy with `tee` in environment local. */
  readonly quoteRoot?: Uint8Array | undefined;
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
  /** For a signer's release: where its disk lies now. */
  readonly disk?: string;
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
  const wanted = request.references.map((reference) => ({
    reference,
    ...placeOf(open, open.config, reference.repository),
  }));
  const trustedRoot = readTrustedRootFile(open.config.trustedRoot, context.directories.checkout);
  const terms = { policy, trustedRoot, now: request.now };
  const { quoteRoot } = request;
  const signer = teeTermsOf(open.config, { checkout: context.directories.checkout, quoteRoot });
  const under = { ...terms, tee: await openTeeEvidence(context.client, { ...terms, tee: signer }) };
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

/**
 * The policy's name for a repository, and the entry of these releases of a stack for it. Throws IMAGE_NOT_IN_POLICY,
 * RELEASE_NAMED_TWICE, RELEASE_OTHER_REPOSITORY.
 */
export function placeOf(
  open: OpenStackFile,
  { policy, releases }: { readonly policy: TrustPolicy; readonly releases: readonly ReleaseEntry[] },
  repository: string,
): { name: string; entry: ReleaseEntry | undefined } {
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

function yamlChanges(releases: readonly ReleaseEntry[], changes: readonly ReleaseChange[]): YamlChange[] {
  const list = ["config", "neko-trust:releases"];
  const known = changes.flatMap(({ image, current, list: { putInFront, remove } }): YamlChange[] => {
    const index = releases.findIndex((entry) => entry.image === image);
    if (index < 0) return [];
    const set: YamlChange = { kind: "set", path: [...list, index, "current"], value: current };
    if (putInFront.length === 0 && remove.length === 0) return [set];
    return [set, { kind: "items", path: [...list, index, "retained"], putInFront, remove }];
  });
  const fresh = changes
    .filter(({ image }) => !releases.some((entry) => entry.image === image))
    .map(({ image, current, retained }) => ({ image, current, retained }));
  return fresh.length === 0 ? known : [...known, { kind: "append", path: list, entries: fresh }];
}
