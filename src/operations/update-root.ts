import { readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { Directories } from "../adapters/directories/directories.ts";
import { writeWhole } from "../adapters/files/write-whole.ts";
import { fetchTrustedRoot, publicGoodMirror } from "../adapters/tuf/fetch-trusted-root.ts";
import { stackFilePath, stackNames, yamlKeys } from "../config/read-config.ts";
import { sha256Hex } from "../core/oci/digest.ts";
import { rootChanges, rootEntries } from "../core/sigstore/root-entries.ts";
import type { RootChange } from "../core/sigstore/root-entries.ts";
import { checkRoot } from "../core/verify/check-root.ts";
import type { Finding } from "../core/verify/finding.ts";
import type { YamlChange } from "../core/yaml/edit-yaml.ts";
import { assertWritable, editStackFile, unwritable, writeStackFile } from "./edit-stack-file.ts";
import type { EditedStackFile, OpenStackFile } from "./edit-stack-file.ts";

export interface UpdateRootRequest {
  /** `publicGoodMirror` unless given. */
  readonly mirror?: string;
  /** The TUF root.json to start from, for another mirror than that. */
  readonly tufRoot?: Uint8Array;
  readonly dryRun: boolean;
  readonly now: Date;
  readonly signal: AbortSignal;
}

interface PinnedRoot {
  readonly sha256: string;
  readonly fetched: string;
}

export type UpdateRootResult =
  /** What was fetched is no root for this stack: nothing was changed. */
  | { readonly kind: "refused"; readonly mirror: string; readonly findings: readonly Finding[] }
  | {
      readonly kind: "updated";
      readonly mirror: string;
      /** As the stack names it. */
      readonly rootFile: string;
      readonly before: PinnedRoot;
      readonly after: PinnedRoot;
      readonly changes: readonly RootChange[];
      /** Whether the policy of the stack's signerRelease pinned the same root of the same file, and was changed with it. */
      readonly signerReleaseToo: boolean;
      readonly written: boolean;
      /** What to know besides, in words. */
      readonly notes: readonly string[];
    };

/**
 * Fetches a stack's trusted root over TUF, compares it with the one that the stack has, and writes it together with its
 * pin (roots.sigstore in the policy, and in that of signerRelease where it pinned the same): all or nothing. Throws what
 * fetching, editing and writing throw.
 */
export async function updateRoot(
  open: OpenStackFile,
  request: UpdateRootRequest,
  directories: Directories,
): Promise<UpdateRootResult> {
  const { policy, trustedRoot: rootFile } = open.config;
  const { mirror = publicGoodMirror, tufRoot, now } = request;
  const repository = {
    mirror,
    memory: join(directories.cache, "tuf"),
    ...(tufRoot === undefined ? {} : { root: tufRoot }),
  };
  const root = rootOnDisk(rootFile, directories.checkout);
  const bytes = await fetchTrustedRoot(repository, request.signal);
  const { sha256, fetched } = policy.roots.sigstore;
  const after = { sha256: sha256Hex(bytes), fetched: now.toISOString().replace(/\.\d+Z$/, "Z") };
  const pinned = { ...policy.roots, sigstore: { ...policy.roots.sigstore, ...after } };
  const checked = checkRoot(bytes, { ...policy, roots: pinned }, now);
  const entries = checked.ok ? rootEntries(bytes) : checked;
  if (!entries.ok) return { kind: "refused", mirror, findings: entries.findings };

  const known = root.bytes === undefined ? undefined : rootEntries(root.bytes);
  const signer = signerPin(open, root.path, directories);
  const notes = [
    ...(root.bytes === undefined ? [`There was no ${rootFile}: everything in it is new.`] : []),
    ...(known?.ok === false
      ? [`${rootFile} could not be read (${known.findings[0].found}): everything in it is new.`]
      : []),
    ...(root.bytes !== undefined && sha256Hex(root.bytes) !== sha256
      ? [`${rootFile} was not the file that the policy pins (${sha256}): the comparison is with the file.`]
      : []),
    ...(signer.note === undefined ? [] : [signer.note]),
    ...(after.sha256 === sha256 ? [] : sharedBy(open, root.path, directories)),
  ];
  const changesAt = (...policyPath: readonly string[]): YamlChange[] => {
    const path = ["config", ...policyPath, "roots", "sigstore"];
    const date: YamlChange = { kind: "set", path: [...path, "fetched"], value: after.fetched };
    return after.sha256 === sha256 ? [date] : [{ kind: "set", path: [...path, "sha256"], value: after.sha256 }, date];
  };
  const edited = editStackFile(
    open,
    [...changesAt("neko-trust:policy"), ...(signer.same ? changesAt("neko-trust:signerRelease", "policy") : [])],
    directories,
  );
  if (!request.dryRun) writeBoth(open, edited, { ...root, file: rootFile, content: bytes });
  return {
    kind: "updated",
    mirror,
    rootFile,
    before: { sha256, fetched },
    after,
    changes: rootChanges(known?.ok === true ? known.proof : [], entries.proof),
    signerReleaseToo: signer.same,
    written: !request.dryRun,
    notes,
  };
}

interface RootOnDisk {
  readonly path: string;
  /** Left out when there is no file. */
  readonly bytes?: Uint8Array;
}

function rootOnDisk(file: string, checkout: string): RootOnDisk {
  const named = isAbsolute(file) ? file : join(checkout, file);
  try {
    const path = realpathSync(named);
    return { path, bytes: readFileSync(path) };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { path: named };
    throw unwritable(file, error);
  }
}

/** The root first, as a file that nothing pins yet is refused; when its pin can't be written, it is put back. */
function writeBoth(
  open: OpenStackFile,
  edited: EditedStackFile,
  root: RootOnDisk & { readonly file: string; readonly content: Uint8Array },
): void {
  assertWritable(open);
  const { path, bytes, content, file } = root;
  if (bytes !== undefined && Buffer.from(bytes).equals(content)) {
    writeStackFile(open, edited);
    return;
  }
  const mode = bytes === undefined ? 0o644 : statSync(path).mode & 0o777;
  try {
    writeWhole(path, content, mode);
  } catch (error) {
    throw unwritable(file, error);
  }
  try {
    writeStackFile(open, edited);
  } catch (error) {
    if (bytes === undefined) rmSync(path);
    else writeWhole(path, bytes, mode);
    throw error;
  }
}

/** Whether the policy of signerRelease pins what the stack's pins, in the same file; what to know where it does not. */
function signerPin(
  { config }: OpenStackFile,
  path: string,
  { checkout }: Directories,
): { readonly same: boolean; readonly note?: string } {
  const { policy, trustedRoot, signerRelease: signer } = config;
  if (signer === undefined) return { same: false };
  const named = signer.trustedRoot ?? trustedRoot;
  if (named !== trustedRoot && !leadsTo(named, path, checkout)) {
    return {
      same: false,
      note: `signerRelease has a root of its own, ${named}: that one and its pin stay as they are.`,
    };
  }
  const { sha256 } = signer.policy.roots.sigstore;
  if (sha256 === policy.roots.sigstore.sha256) return { same: true };
  const remedy = "set signerRelease.policy.roots.sigstore by hand";
  return {
    same: false,
    note: `signerRelease.policy pinned another root of the same file (${sha256}), and still does: ${remedy}.`,
  };
}

function leadsTo(named: string, path: string, checkout: string): boolean {
  try {
    return rootOnDisk(named, checkout).path === path;
  } catch {
    // A root that can't be read is told when it is used.
    return false;
  }
}

/** Other stacks that name the same file: their pins are of the old one. */
function sharedBy(open: OpenStackFile, path: string, { checkout }: Directories): string[] {
  const others = stackNames(checkout).filter((stack) => {
    if (stack === open.stack) return false;
    try {
      const named = yamlKeys(readFileSync(stackFilePath(stack, checkout), "utf8"), stack)["trustedRoot"];
      return typeof named === "string" && leadsTo(named, path, checkout);
    } catch {
      // A stack that can't be read is told when it is used.
      return false;
    }
  });
  return others.map(
    (stack) =>
      `Stack ${stack} names the same file, and pins the old one: run "npx neko-trust root update ${stack}", too, else its releases are refused.`,
  );
}
