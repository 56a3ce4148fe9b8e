import { createCipheriv } from "node:crypto";
import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { reasonOf } from "../../src/core/failure.ts";
import { hashPath } from "../../src/adapters/nix/hash-path.ts";
import { runProcess } from "../process.ts";
import type { BenchContext, BenchEntry, Prepared } from "../entry.ts";

/** NAR hashes against `nix hash path`: the same tree, the same hash, or the run fails. */
export const entries: readonly BenchEntry[] = [
  {
    name: "nar-large-file",
    title: "NAR hash of one file of 1 GiB",
    prepare: (context) => compareWithNix(context, writeLargeFile, 1),
  },
  {
    name: "nar-small-files",
    title: "NAR hash of 30,000 files of 0 to 8 KiB in 300 folders",
    prepare: (context) => compareWithNix(context, writeSmallFiles, 1.5),
  },
];

const mebibyte = 1024 * 1024;

/** Bytes that look random and are always the same, so that neither the disk nor a run can take a short cut. */
function byteStream(): (size: number) => Buffer {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, "bench"), Buffer.alloc(16));
  return (size) => cipher.update(Buffer.alloc(size));
}

async function writeLargeFile(path: string): Promise<void> {
  const next = byteStream();
  const file = await open(path, "w");
  try {
    for (let written = 0; written < 1024; written++) await file.write(next(mebibyte));
  } finally {
    await file.close();
  }
}

async function writeSmallFiles(path: string): Promise<void> {
  const next = byteStream();
  for (let folder = 0; folder < 300; folder++) {
    const place = join(path, `folder-${folder}`);
    await mkdir(place, { recursive: true });
    for (let file = 0; file < 100; file++) {
      // Sizes spread over the range without a pattern that follows the names.
      await writeFile(join(place, `file-${file}`), next(((folder * 100 + file) * 6151) % 8193));
    }
  }
}

async function compareWithNix(
  context: BenchContext,
  write: (path: string) => Promise<void>,
  limit: number,
): Promise<Prepared> {
  const { scratch, checkout, signal, progress } = context;
  const environment = {
    ...context.environment,
    HOME: scratch,
    NIX_CONF_DIR: scratch,
    NIX_USER_CONF_FILES: "",
    NIX_CONFIG: "experimental-features = nix-command",
  };
  const options = { environment, signal };
  try {
    await runProcess("nix", ["--version"], options);
  } catch (error) {
    return { kind: "skipped", reason: `nix is not on PATH (${reasonOf(error)})` };
  }
  const path = join(scratch, "tree");
  progress("writing the tree");
  await write(path);
  const expected = await runProcess("nix", ["hash", "path", path], options);
  const checked = async (hash: Promise<string>): Promise<undefined> => {
    const found = await hash;
    if (found !== expected) throw new Error(`${found} is not the hash that nix gives, ${expected}`);
  };
  const program = join(checkout, "bench", "programs", "nar-hash.mjs");
  return {
    kind: "ready",
    ours: [
      {
        label: "a process per hash",
        run: () => checked(runProcess(process.execPath, [program, path], options)),
      },
      { label: "in one process", run: () => checked(hashPath(path, { signal }).then(({ narHash }) => narHash)) },
    ],
    reference: {
      kind: "peer",
      label: "nix hash path",
      run: () => checked(runProcess("nix", ["hash", "path", path], options)),
    },
    limit,
  };
}
