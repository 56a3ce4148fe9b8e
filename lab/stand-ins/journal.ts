import { appendFileSync, closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync, readSync } from "node:fs";
import { dirname } from "node:path";
import * as z from "zod";
import { Failure, reasonOf } from "../../src/core/failure.ts";

/** What became of a resource (design section 6). The last two are never called applied. */
export const outcomes = ["enforced", "stored", "ran", "rendered", "recorded"] as const;
export type Outcome = (typeof outcomes)[number];

const entrySchema = z.strictObject({
  urn: z.string(),
  type: z.string(),
  /** The provider's id: tells a resource from the one that replaces it under the same URN. */
  id: z.string(),
  operation: z.enum(["create", "update", "delete", "read"]),
  outcome: z.enum(outcomes),
  /** Where it was done, for people: an object's URL, a file, "this machine", "the journal only". Never a secret. */
  where: z.string(),
  /** When, RFC 3339. */
  at: z.string(),
  /** Of a read: the resource was not there. */
  gone: z.literal(true).optional(),
  /** Of `enforced`: what was seen, for example the refusal of a pod that the object forbids. */
  proof: z.string().optional(),
});
export type JournalEntry = z.infer<typeof entrySchema>;

const refusalSchema = z.strictObject({
  refused: z.string(),
  urn: z.string().optional(),
  reason: z.string(),
  at: z.string(),
});
/** A call that was refused: its method, the URN that it named (if any) and why. */
export type Refusal = z.infer<typeof refusalSchema>;

export interface Journal {
  readonly file: string;
  record(entry: Omit<JournalEntry, "at">): void;
  recordRefusal(refusal: Omit<Refusal, "at">): void;
  /** All entries of all runs, oldest first. */
  entries(): JournalEntry[];
  refusals(): Refusal[];
  /** What is known about a resource that exists, from this run or an earlier one. */
  latest(urn: string): JournalEntry | undefined;
}

/**
 * The journal in `file`: JSON lines, only ever appended to, so that it tells of earlier runs too. Each line is one
 * write, so that a process that is killed damages its last line at most; such a line is passed over.
 *
 * @throws Failure JOURNAL_UNWRITABLE (unavailable), JOURNAL_INVALID (usage)
 */
export function openJournal(file: string, now: () => Date = () => new Date()): Journal {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const startsAfresh = endsInsideALine(file) ? "\n" : "";
    appendFileSync(file, startsAfresh, { mode: 0o600 });
  } catch (error) {
    throw unwritable(file, error);
  }
  const state = new Map(latestOutcomes(readJournal(file).entries));
  const append = (line: object): void => {
    try {
      appendFileSync(file, `${JSON.stringify(line)}\n`, { mode: 0o600 });
    } catch (error) {
      throw unwritable(file, error);
    }
  };
  return {
    file,
    record(entry) {
      const line: JournalEntry = { ...entry, at: now().toISOString() };
      append(line);
      follow(state, line);
    },
    recordRefusal(refusal) {
      append({ ...refusal, at: now().toISOString() });
    },
    entries: () => readJournal(file).entries,
    refusals: () => readJournal(file).refusals,
    latest: (urn) => state.get(urn),
  };
}

/**
 * What a journal file says; nothing, when there is no such file.
 *
 * @throws Failure JOURNAL_INVALID (usage) for a line that is JSON but no entry: the file belongs to something else.
 */
export function readJournal(file: string): { entries: JournalEntry[]; refusals: Refusal[] } {
  const entries: JournalEntry[] = [];
  const refusals: Refusal[] = [];
  if (!existsSync(file)) return { entries, refusals };
  for (const [index, line] of readFileSync(file, "utf8").split("\n").entries()) {
    const value = parsedLine(line);
    if (value === undefined) continue;
    const entry = entrySchema.safeParse(value);
    const refusal = refusalSchema.safeParse(value);
    if (entry.success) entries.push(entry.data);
    else if (refusal.success) refusals.push(refusal.data);
    else throw invalid(file, index + 1);
  }
  return { entries, refusals };
}

/** Undefined for an empty line and for one that a killed process left half-written. */
function parsedLine(line: string): unknown {
  try {
    return line === "" ? undefined : JSON.parse(line);
  } catch {
    return undefined;
  }
}

/**
 * The latest outcome of each resource that exists. Reading changes nothing, so a read counts only for a resource that
 * nothing else is known of; a delete, or a read that found nothing, takes the resource out.
 */
export function latestOutcomes(entries: readonly JournalEntry[]): ReadonlyMap<string, JournalEntry> {
  const latest = new Map<string, JournalEntry>();
  for (const entry of entries) follow(latest, entry);
  return latest;
}

function follow(latest: Map<string, JournalEntry>, entry: JournalEntry): void {
  if (entry.operation === "delete" || entry.gone === true) {
    // A replaced resource goes after its successor came.
    if (latest.get(entry.urn)?.id === entry.id) latest.delete(entry.urn);
  } else if (entry.operation !== "read" || !latest.has(entry.urn)) latest.set(entry.urn, entry);
}

/**
 * Says of a stored object that it was seen to act. `proof` tells what was seen. A later update makes it `stored`
 * again, until it is seen again.
 *
 * @throws Failure JOURNAL_NOT_STORED (usage) unless the journal's latest word on the resource is `stored` or `enforced`.
 */
export function markEnforced(file: string, urn: string, proof: string): JournalEntry {
  const latest = latestOutcomes(readJournal(file).entries).get(urn);
  if (latest === undefined || (latest.outcome !== "stored" && latest.outcome !== "enforced")) {
    throw new Failure({
      code: "JOURNAL_NOT_STORED",
      kind: "usage",
      message: `${urn} can't be marked enforced: the journal says ${latest?.outcome ?? "nothing"} of it, not stored.`,
      remedy: "Apply it to an API server first (make up CLUSTER=1).",
    });
  }
  const journal = openJournal(file);
  const { type, id, operation, where } = latest;
  journal.record({ urn, type, id, operation, where, outcome: "enforced", proof });
  return journal.latest(urn) ?? latest;
}

function endsInsideALine(file: string): boolean {
  if (!existsSync(file)) return false;
  const descriptor = openSync(file, "r");
  try {
    const size = fstatSync(descriptor).size;
    const last = Buffer.alloc(1);
    return size > 0 && readSync(descriptor, last, 0, 1, size - 1) === 1 && last.toString() !== "\n";
  } finally {
    closeSync(descriptor);
  }
}

function unwritable(file: string, cause: unknown): Failure {
  return new Failure(
    {
      code: "JOURNAL_UNWRITABLE",
      kind: "unavailable",
      message: `The journal ${file} can't be written: ${reasonOf(cause)}.`,
      remedy: "Make room or mend the folder's permissions, then run the same command again.",
    },
    { cause },
  );
}

function invalid(file: string, line: number): Failure {
  return new Failure({
    code: "JOURNAL_INVALID",
    kind: "usage",
    message: `${file}, line ${line}, is no entry of the stand-ins' journal.`,
    remedy: "Remove the lab's state (make down) and run make up again.",
  });
}
