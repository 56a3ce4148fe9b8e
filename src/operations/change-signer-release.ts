import type { RegistryClient } from "../adapters/registry/client.ts";
import type { DiskSource, StackConfig } from "../config/stack-config.ts";
import { Failure } from "../core/failure.ts";
import { formatDigestReference } from "../core/release/reference.ts";
import type { Reference } from "../core/release/reference.ts";
import { changeRelease } from "../core/release/release-list.ts";
import type { ReleaseChange } from "../core/release/release-list.ts";
import { signerFacts } from "../core/release/signer-release.ts";
import type { ReleaseData } from "../core/release/verified-release.ts";
import type { YamlChange } from "../core/yaml/edit-yaml.ts";
import { placeOf } from "./change-releases.ts";
import type { ChangeReleasesContext, ChangeReleasesRequest, ChangeReleasesResult } from "./change-releases.ts";
import { compareWithOld, olderReleases } from "./compare-with-current.ts";
import { editStackFile, writeStackFile } from "./edit-stack-file.ts";
import type { OpenStackFile } from "./edit-stack-file.ts";
import { diskLayerOf } from "./fetch-disk-image.ts";
import { readTrustedRootFile } from "./read-trusted-root.ts";
import { verifyImage } from "./verify-image.ts";

type SignerRelease = NonNullable<StackConfig["signerRelease"]>;

export interface ChangeSignerRequest extends Omit<ChangeReleasesRequest, "references"> {
  readonly reference: Reference;
}

/** The key broker serves the current release and one other (config/stack-config.ts). */
const mostRetained = 1;

/**
 * Makes a release the current one of a stack's confidential signer: resolved once, verified under the signer's own policy and
 * root, and only when it is proven, and its disk is where it is named, `signerRelease` of the file is edited: `current` and
 * `disk` are the release's, what was there moves to `retained` and `retainedDisks`. Throws as `changeReleases`, and
 * SIGNER_DISK_UNNAMED, SIGNER_DISK_UNCLEAR, SIGNER_RELEASE_WITHOUT_DISK, DISK_HASH_MISMATCH, DISK_ARTIFACT_INVALID.
 */
export async function changeSignerRelease(
  open: OpenStackFile,
  named: SignerRelease,
  request: ChangeSignerRequest,
  { client, directories }: ChangeReleasesContext,
): Promise<ChangeReleasesResult> {
  const { reference, now, dryRun, retain = mostRetained } = request;
  const { policy, image, current, retained } = named;
  const disks = named.retainedDisks?.length ?? 0;
  if (disks !== retained.length) throw unnamed(open, retained.length, disks);
  const place = placeOf(open, { policy, releases: [{ image, current, retained }] }, reference.repository);
  const trustedRoot = readTrustedRootFile(named.trustedRoot ?? open.config.trustedRoot, directories.checkout);
  // A signer's policy has no `tee`: who would have signed the first one?
  const under = { policy, trustedRoot, now, tee: undefined };
  const { resolved, result } = await verifyImage(client, { reference, ...under });
  if (!result.ok) return { kind: "refused", refused: [{ resolved, findings: result.findings }] };
  const { data } = result.proof;
  const { version } = data.manifest;
  const edit = { resolved, name: place.name, version };
  const options = { dropOld: request.dropOld, retain: Math.min(retain, mostRetained) };
  const change = changeRelease(image, place.entry, data.digest, options);
  if (change === undefined) return { kind: "changed", edits: [{ ...edit, notes: [] }], written: false };
  const before = await compareWithOld(client, change, version, under);
  if (before.older !== undefined) throw olderReleases(open, [before.older]);
  const disk = await diskOf(client, data);
  const edited = editStackFile(open, changesOf(change, disk, named), directories);
  if (!dryRun) writeStackFile(open, edited);
  const { oldVersion, notes } = before;
  const known = { ...edit, change, disk, notes, ...(oldVersion === undefined ? {} : { oldVersion }) };
  return { kind: "changed", edits: [known], written: !dryRun };
}

/** The platform's image whose one layer is the disk that the manifest names: `registry/path@sha256:…`. */
async function diskOf(client: RegistryClient, release: ReleaseData): Promise<string> {
  const { diskSha256 } = signerFacts(release);
  const { repository, digest, manifest } = release;
  const [platform, ...more] = manifest.platforms;
  if (platform === undefined || more.length > 0) {
    throw new Failure({
      code: "SIGNER_DISK_UNCLEAR",
      kind: "refused",
      message: `${formatDigestReference(repository, digest)} is for ${manifest.platforms.length} platforms: it isn't clear which image is the signer's disk.`,
      remedy: "Release the signer for linux/amd64 alone, and have its policy say so.",
    });
  }
  const reference = formatDigestReference(repository, platform.digest);
  await diskLayerOf(client, reference, diskSha256);
  return reference;
}

const at = ["config", "neko-trust:signerRelease"] as const;

/** `retainedDisks` goes with `retained`: what was the disk comes in front, and the positions that go there go here. */
function changesOf(change: ReleaseChange, reference: string, named: SignerRelease): YamlChange[] {
  const disk: YamlChange =
    named.disk.kind === "oci"
      ? { kind: "set", path: [...at, "disk", "reference"], value: reference }
      : { kind: "replace", path: [...at, "disk"], value: { kind: "oci", reference } };
  const { putInFront, remove } = change.list;
  const changes: YamlChange[] = [{ kind: "set", path: [...at, "current"], value: change.current }, disk];
  if (putInFront.length === 0 && remove.length === 0) return changes;
  const list: YamlChange = { kind: "items", path: [...at, "retained"], putInFront, remove };
  return [
    ...changes,
    list,
    diskList(
      named,
      putInFront.map(() => named.disk),
      remove,
    ),
  ];
}

function diskList(
  { retainedDisks }: SignerRelease,
  putInFront: readonly DiskSource[],
  remove: readonly number[],
): YamlChange {
  const path = [...at, "retainedDisks"];
  if (retainedDisks === undefined) return { kind: "put", path: at, key: "retainedDisks", value: putInFront };
  if (retainedDisks.length === 0) return { kind: "append", path, entries: putInFront };
  return { kind: "items", path, putInFront, remove };
}

function unnamed(open: OpenStackFile, retained: number, disks: number): Failure {
  return new Failure({
    code: "SIGNER_DISK_UNNAMED",
    kind: "usage",
    message: `signerRelease of ${open.file} retains ${retained} releases and names ${disks} retainedDisks.`,
    remedy: "Give retainedDisks one entry for each of retained, in its order.",
  });
}
