import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { Failure } from "../../src/core/failure.ts";
import { createMerkleTree } from "./merkle-tree.ts";
import type { MerkleTree } from "./merkle-tree.ts";

/** One entry of a log: the bytes that are hashed into the tree, and when they were added. */
export interface LogRecord {
  readonly body: Uint8Array;
  /** Seconds since 1970. */
  readonly time: number;
}

export interface AppendOnlyLog {
  readonly tree: MerkleTree;
  record(index: number): LogRecord | undefined;
  /** Index of the entry with this leaf hash (hex). */
  find(leafHash: string): number | undefined;
  /** Stores the entry durably, then adds it to the tree; returns its index. */
  append(record: LogRecord): number;
  close(): void;
}

/**
 * A log in one file, a JSON line per entry. An entry is on disk before anybody is told its index, so that a restart
 * continues the same tree. A last line cut short by a kill was told to nobody: it is dropped. Anything else that does
 * not parse means that the file was edited: LAB_LOG_DAMAGED.
 */
export function openLog(file: string): AppendOnlyLog {
  const { records, length } = readRecords(file);
  const tree = createMerkleTree();
  const indexes = new Map<string, number>();
  const add = (record: LogRecord): number => {
    const index = tree.append(record.body);
    indexes.set(tree.leafHash(index).toString("hex"), index);
    return index;
  };
  records.forEach(add);
  const descriptor = openSync(file, "a", 0o600);
  ftruncateSync(descriptor, length);
  return {
    tree,
    record: (index) => records[index],
    find: (leafHash) => indexes.get(leafHash),
    append(record) {
      writeSync(
        descriptor,
        `${JSON.stringify({ body: Buffer.from(record.body).toString("base64"), time: record.time })}\n`,
      );
      fsyncSync(descriptor);
      records.push(record);
      return add(record);
    },
    close: () => {
      closeSync(descriptor);
    },
  };
}

function readRecords(file: string): { records: LogRecord[]; length: number } {
  if (!existsSync(file)) return { records: [], length: 0 };
  const text = readFileSync(file, "utf8");
  const end = text.lastIndexOf("\n") + 1;
  const lines = text.slice(0, end).split("\n").slice(0, -1);
  return {
    records: lines.map((line, index) => readRecord(line, index, file)),
    length: Buffer.byteLength(text.slice(0, end)),
  };
}

function readRecord(line: string, index: number, file: string): LogRecord {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && "body" in value && "time" in value) {
      const { body, time } = value;
      if (typeof body === "string" && typeof time === "number") return { body: Buffer.from(body, "base64"), time };
    }
  } catch {
    // reported below
  }
  throw new Failure({
    code: "LAB_LOG_DAMAGED",
    kind: "unavailable",
    message: `Line ${index + 1} of the lab's log ${file} does not parse.`,
    remedy: "Run `make down`, then `make up`: the lab starts with new keys and an empty log.",
  });
}
