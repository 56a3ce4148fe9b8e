import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { latestOutcomes, markEnforced, openJournal, readJournal } from "../../../../lab/stand-ins/journal.ts";
import type { JournalEntry } from "../../../../lab/stand-ins/journal.ts";
import { Failure } from "../../../../src/core/failure.ts";

const folder = mkdtempSync(join(tmpdir(), "neko-trust-journal-"));
let count = 0;
const newFile = (): string => join(folder, `${++count}`, "journal.jsonl");
after(() => {
  rmSync(folder, { recursive: true });
});

const urn = "urn:pulumi:local::shop::kubernetes:core/v1:ConfigMap::map";
const stored: Omit<JournalEntry, "at"> = {
  ...{ urn, type: "kubernetes:core/v1:ConfigMap", id: "shop/map", operation: "create", outcome: "stored" },
  where: "https://127.0.0.1:1/api/v1/namespaces/shop/configmaps/map",
};

function isFailure(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Failure && error.code === code;
}

test("entries of earlier runs are still told, in order, with their time", () => {
  const file = newFile();
  const now = new Date("2026-01-02T03:04:05.000Z");
  openJournal(file, () => now).record(stored);
  const second = openJournal(file);
  second.record({ ...stored, operation: "update" });
  assert.deepEqual(
    second.entries().map(({ operation }) => operation),
    ["create", "update"],
  );
  assert.deepEqual(second.entries()[0], { ...stored, at: "2026-01-02T03:04:05.000Z" });
  assert.equal(openJournal(file).latest(urn)?.operation, "update");
});

test("only its owner can read it", () => {
  const { file } = openJournal(newFile());
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test("a line that a killed process left half-written is passed over, and the next one is whole", () => {
  const file = newFile();
  const journal = openJournal(file);
  journal.record(stored);
  journal.record({ ...stored, operation: "update" });
  truncateSync(file, readFileSync(file).length - 20);
  openJournal(file).record({ ...stored, operation: "read" });
  assert.deepEqual(
    readJournal(file).entries.map(({ operation }) => operation),
    ["create", "read"],
  );
});

test("a file that belongs to something else is refused, not overwritten", () => {
  const file = newFile();
  openJournal(file);
  writeFileSync(file, '{"kind":"something else"}\n');
  assert.throws(() => openJournal(file), isFailure("JOURNAL_INVALID"));
  assert.equal(readFileSync(file, "utf8"), '{"kind":"something else"}\n');
});

test("a folder that can't be made is told as such", () => {
  const file = newFile();
  openJournal(file);
  assert.throws(() => openJournal(join(file, "under-a-file", "journal")), isFailure("JOURNAL_UNWRITABLE"));
});

test("refusals are told apart from entries", () => {
  const journal = openJournal(newFile());
  journal.recordRefusal({ refused: "Delete", urn: "urn:pulumi:production::shop::a::b", reason: "another stack" });
  assert.deepEqual(journal.entries(), []);
  assert.equal(journal.refusals()[0]?.refused, "Delete");
});

test("a read takes nothing from what is known; a delete, and a read of what is gone, do", () => {
  const at = "2026-01-01T00:00:00Z";
  const created = { ...stored, at };
  const read: JournalEntry = { ...created, operation: "read" };
  const enforced: JournalEntry = { ...created, outcome: "enforced", proof: "refused a pod" };
  assert.equal(latestOutcomes([enforced, read]).get(urn)?.outcome, "enforced");
  assert.equal(latestOutcomes([read]).get(urn)?.outcome, "stored");
  assert.equal(latestOutcomes([created, { ...read, gone: true }]).has(urn), false);
  assert.equal(latestOutcomes([created, { ...created, operation: "delete" }]).has(urn), false);
});

test("a replaced resource that goes after its successor came takes only itself out", () => {
  const at = "2026-01-01T00:00:00Z";
  const old: JournalEntry = { ...stored, at, id: "shop/old" };
  const successor: JournalEntry = { ...stored, at, id: "shop/new" };
  const latest = latestOutcomes([old, successor, { ...old, operation: "delete" }]);
  assert.equal(latest.get(urn)?.id, "shop/new");
});

test("only what is stored can be marked enforced, and an update takes the mark away", () => {
  const journal = openJournal(newFile());
  const { file } = journal;
  assert.throws(() => markEnforced(file, urn, "seen"), isFailure("JOURNAL_NOT_STORED"));
  for (const outcome of ["ran", "rendered", "recorded"] as const) {
    journal.record({ ...stored, outcome });
    assert.throws(() => markEnforced(file, urn, "seen"), isFailure("JOURNAL_NOT_STORED"), outcome);
  }
  journal.record(stored);
  assert.equal(markEnforced(file, urn, "refused pod x").proof, "refused pod x");
  assert.equal(openJournal(file).latest(urn)?.outcome, "enforced");
  openJournal(file).record({ ...stored, operation: "update" });
  assert.equal(openJournal(file).latest(urn)?.outcome, "stored");
});

test("two processes that append at once don't damage each other's lines", () => {
  const file = newFile();
  const [one, two] = [openJournal(file), openJournal(file)];
  for (let line = 0; line < 50; line++) {
    one.record(stored);
    two.record({ ...stored, id: "other" });
  }
  appendFileSync(file, "");
  assert.equal(readJournal(file).entries.length, 100);
});
