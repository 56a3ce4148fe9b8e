import { accessSync, constants, readFileSync, realpathSync, statSync } from "node:fs";
import type { Directories } from "../adapters/directories/directories.ts";
import { writeWhole } from "../adapters/files/write-whole.ts";
import { saysDiskFull } from "../adapters/toolchain/disk-full.ts";
import { parseYamlConfig, stackFile, stackFilePath, yamlKeys } from "../config/read-config.ts";
import type { StackConfig } from "../config/stack-config.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import { editYaml } from "../core/yaml/edit-yaml.ts";
import type { YamlChange } from "../core/yaml/edit-yaml.ts";

/** A file as it was read, to be edited: what is written later is held against these bytes. */
export interface OpenFile {
  /** Relative to the checkout, for messages. */
  readonly file: string;
  /** Where it really lies. */
  readonly path: string;
  readonly text: string;
}

/** A stack's file, with the configuration that it holds. */
export interface OpenStackFile extends OpenFile {
  readonly stack: string;
  readonly config: StackConfig;
}

/**
 * Reads a stack's file to edit it. Throws what `readYamlConfig` throws, and STACK_TAKES_LAB_RELEASES (usage) for a stack
 * whose releases and root are the running lab's: they are not in the file.
 */
export function openStackFile(stack: string, directories: Directories): OpenStackFile {
  const open = openFile(stackFile(stack), stackFilePath(stack, directories.checkout));
  const { file, text } = open;
  if (yamlKeys(text, stack)["release"] === "lab") {
    throw new Failure({
      code: "STACK_TAKES_LAB_RELEASES",
      kind: "usage",
      message: `Stack ${stack} takes its releases and its root from the lab (release: lab): there is nothing in ${file} to edit.`,
      remedy: "Name another stack; make up gives stack local a fresh release.",
    });
  }
  return { ...open, stack, config: parseYamlConfig(text, stack, directories) };
}

/** Reads a text file to edit it; `file` is its name in messages. Throws CONFIG_UNREADABLE (usage). */
export function openFile(file: string, named: string): OpenFile {
  try {
    // Where the file is a link, what it leads to is edited.
    const path = realpathSync(named);
    // What is no UTF-8 would be written back as something else.
    return { file, path, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(path)) };
  } catch (error) {
    throw new Failure(
      {
        code: "CONFIG_UNREADABLE",
        kind: "usage",
        message: `${file} can't be read: ${error instanceof TypeError ? "it is no UTF-8 text" : reasonOf(error)}.`,
        remedy: "Make it a text file that you may read.",
      },
      { cause: error },
    );
  }
}

export interface EditedStackFile {
  readonly text: string;
  /** The configuration afterwards: it follows the schema. */
  readonly config: StackConfig;
}

/** The file with changes, not written yet. Throws FILE_NOT_EDITABLE, or what reading the result throws. */
export function editStackFile(
  open: OpenStackFile,
  changes: readonly YamlChange[],
  directories: Directories,
): EditedStackFile {
  const text = editYaml(open.text, changes, open.file);
  return { text, config: parseYamlConfig(text, open.stack, directories) };
}

/**
 * Writes an edited file as a whole. Throws STACK_FILE_CHANGED (unavailable) when it is not any more what was read, and
 * FILE_UNWRITABLE (usage); then the file is as it was.
 */
export function writeStackFile(open: OpenFile, edited: Pick<EditedStackFile, "text">): void {
  assertWritable(open);
  try {
    writeWhole(open.path, edited.text, statSync(open.path).mode & 0o777);
  } catch (error) {
    throw unwritable(open.file, error);
  }
}

/** Throws what `writeStackFile` would throw for a file that changed, or that one may not write. */
export function assertWritable({ path, file, text }: OpenFile): void {
  let bytes: Buffer;
  try {
    accessSync(path, constants.W_OK);
    bytes = readFileSync(path);
  } catch (error) {
    throw unwritable(file, error);
  }
  if (!bytes.equals(Buffer.from(text))) throw changedMeanwhile(file);
}

function changedMeanwhile(file: string): Failure {
  return new Failure({
    code: "STACK_FILE_CHANGED",
    kind: "unavailable",
    message: `${file} was changed by something else in the meantime: it was left as it is.`,
    remedy: "Look at what changed, and run the same command again.",
  });
}

/** For a file that can't be written; a full disk is told as such by the command line. */
export function unwritable(file: string, error: unknown): unknown {
  if (saysDiskFull(error)) return error;
  return new Failure(
    {
      code: "FILE_UNWRITABLE",
      kind: "usage",
      message: `${file} can't be written: ${reasonOf(error)}.`,
      remedy: "Make the file and its folder writable for you, and run the same command again.",
    },
    { cause: error },
  );
}
