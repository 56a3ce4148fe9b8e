import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createTsmAttester } from "../../../../src/adapters/tsm/attester.ts";
import { readEventLog } from "../../../../src/adapters/tsm/event-log.ts";
import { kernelReportFiles } from "../../../../src/adapters/tsm/report-files.ts";
import type { ReportFiles } from "../../../../src/adapters/tsm/report-files.ts";
import { emulatedReports, errno, fakeGuest } from "../../../support/fake-tsm.ts";
import { failureCodeOf, failureFrom } from "../../../support/failures.ts";

const reportData = Buffer.alloc(64, 7);

test("gives the quote over the data and the event log, asking the kernel in its order", async (t) => {
  const files = emulatedReports();
  const { quote, eventLog } = await createTsmAttester({ root: fakeGuest(t), files }).attest(reportData);
  assert.deepEqual(Buffer.from(quote), Buffer.concat([Buffer.from("quote of "), reportData]));
  assert.equal(Buffer.from(eventLog).toString(), "the event log");
  assert.deepEqual(files.calls, [
    "make",
    "read provider",
    "read generation",
    "write inblob",
    "read generation",
    "read outblob",
    "read generation",
    "remove",
  ]);
  assert.equal(files.left.size, 0);
});

test("twenty at once each get their own", async (t) => {
  const files = emulatedReports();
  const attester = createTsmAttester({ root: fakeGuest(t), files });
  const quotes = await Promise.all(Array.from({ length: 20 }, (_, index) => attester.attest(Buffer.alloc(64, index))));
  assert.deepEqual(
    quotes.map(({ quote }) => quote.at(-1)),
    Array.from({ length: 20 }, (_, index) => index),
  );
  assert.equal(files.left.size, 0);
});

const failed = (code: string) => () => Promise.reject(errno(code));
const generations = (...answers: readonly string[]): Partial<ReportFiles> => {
  let call = 0;
  return {
    read: (_folder, name) =>
      Promise.resolve(name === "provider" ? "tdx_guest" : (answers[call++] ?? answers.at(-1) ?? "")),
  };
};
const never = (_folder: string, _most: number, signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => {
      reject(errno("EINTR"));
    });
  });
const refused: Readonly<Record<string, readonly [string, Partial<ReportFiles>]>> = {
  "no configfs": ["TSM_ABSENT", { make: failed("ENOENT") }],
  "a kernel without provider": ["TSM_ABSENT", { make: failed("ENODEV") }],
  "a user who may not": ["TSM_FORBIDDEN", { make: failed("EACCES") }],
  "a configfs that is read-only": ["TSM_FORBIDDEN", { make: failed("EROFS") }],
  "another provider": ["TSM_PROVIDER", { read: () => Promise.resolve("sev_guest") }],
  "no provider's name": ["TSM_PROVIDER", { read: () => Promise.resolve("") }],
  "a generation that is no number": ["TSM_ABSENT", generations("x")],
  "a write by somebody else before the read": ["TSM_RACE", generations("0", "2")],
  "a write by somebody else during the read": ["TSM_RACE", generations("0", "1", "2")],
  "a generation that goes back": ["TSM_RACE", generations("5", "6", "5")],
  "a generation that never comes": ["TSM_TIMEOUT", generations("0")],
  "a change that the kernel saw": ["TSM_RACE", { readQuote: failed("EWOULDBLOCK") }],
  "a host that is busy for ever": ["TSM_BUSY", { readQuote: failed("EBUSY") }],
  "a quote that is too large": ["TSM_TOO_LARGE", { readQuote: failed("EFBIG") }],
  "no quoting service": ["TSM_NO_QUOTING_SERVICE", { readQuote: failed("ENXIO") }],
  "a quoting service that fails": ["TSM_QUOTING_FAILED", { readQuote: failed("EIO") }],
  "a system without memory": ["TSM_QUOTING_FAILED", { make: failed("ENOMEM") }],
  "a report of this name": ["TSM_QUOTING_FAILED", { make: failed("EEXIST") }],
  "a process without files left": ["TSM_QUOTING_FAILED", { readQuote: failed("EMFILE") }],
  "a kernel that faults": ["TSM_QUOTING_FAILED", { readQuote: failed("EFAULT") }],
  "a file system without room": ["TSM_QUOTING_FAILED", { write: failed("ENOSPC") }],
  "a file that is none of reports": ["TSM_QUOTING_FAILED", { read: failed("ENOTTY") }],
  "an empty quote": ["TSM_QUOTING_FAILED", { readQuote: () => Promise.resolve(new Uint8Array()) }],
  "a kernel that gave up": ["TSM_TIMEOUT", { readQuote: failed("ETIMEDOUT") }],
  "a host that never answers": ["TSM_TIMEOUT", { readQuote: never }],
  "a write that is refused": ["TSM_BUSY", { write: failed("EBUSY") }],
};
for (const [what, [code, changes]] of Object.entries(refused)) {
  test(`refuses ${what}, and leaves no report behind`, async (t) => {
    const files = emulatedReports(changes);
    const attester = createTsmAttester({ root: fakeGuest(t), files, waitMilliseconds: 200 });
    assert.equal(await failureCodeOf(attester.attest(reportData)), code);
    assert.equal(files.left.size, 0);
    if (files.calls.length > 1) assert.equal(files.calls.at(-1), "remove");
  });
}

test("a bug is no answer of the system's", async (t) => {
  const bug = Object.assign(new TypeError("bug"), { code: "ERR_INVALID_ARG_TYPE" });
  const files = emulatedReports({ readQuote: () => Promise.reject(bug) });
  await assert.rejects(createTsmAttester({ root: fakeGuest(t), files }).attest(reportData), TypeError);
});

test("waits while the host is busy with another's quote", async (t) => {
  let busy = 3;
  const real = emulatedReports();
  const files: ReportFiles = {
    ...real,
    readQuote: (...args) => (busy-- > 0 ? Promise.reject(errno("EBUSY")) : real.readQuote(...args)),
  };
  const { quote } = await createTsmAttester({ root: fakeGuest(t), files }).attest(reportData);
  assert.equal(quote.length, 73);
});

test("tells a report that the kernel keeps; after a failure, the failure", async (t) => {
  const root = fakeGuest(t);
  const kept = { remove: failed("EBUSY") };
  assert.equal(
    await failureCodeOf(createTsmAttester({ root, files: emulatedReports(kept) }).attest(reportData)),
    "TSM_NOT_REMOVED",
  );
  const both = emulatedReports({ ...kept, readQuote: failed("ENXIO") });
  assert.equal(
    await failureCodeOf(createTsmAttester({ root, files: both }).attest(reportData)),
    "TSM_NO_QUOTING_SERVICE",
  );
});

test("takes 64 bytes and nothing else, before it asks the kernel", async (t) => {
  const files = emulatedReports();
  for (const length of [0, 63, 65])
    assert.equal(
      await failureCodeOf(createTsmAttester({ root: fakeGuest(t), files }).attest(Buffer.alloc(length))),
      "TSM_REPORT_DATA_SIZE",
    );
  assert.deepEqual(files.calls, []);
});

test("ends with the caller's signal, and removes the report", async (t) => {
  const files = emulatedReports({ readQuote: never });
  const controller = new AbortController();
  const attesting = createTsmAttester({ root: fakeGuest(t), files }).attest(reportData, controller.signal);
  setTimeout(() => {
    controller.abort(new Error("told to end"));
  }, 50);
  await assert.rejects(attesting, { message: "told to end" });
  assert.equal(files.left.size, 0);
});

test("without a guest, the machine's own kernel says so", async (t) => {
  const root = fakeGuest(t);
  rmSync(join(root, "sys/kernel"), { recursive: true });
  // The signer's log has no remedy: its message alone has to say what lacks.
  const { code, message } = await failureFrom(createTsmAttester({ root }).attest(reportData));
  assert.equal(code, "TSM_ABSENT");
  assert.equal(message, `There is no ${join(root, "sys/kernel/config/tsm/report")} here (ENOENT).`);
  // Nor has it an event log, which is not what lacks first.
  rmSync(join(root, "sys/firmware"), { recursive: true });
  assert.equal(await failureCodeOf(createTsmAttester({ root }).attest(reportData)), "TSM_ABSENT");
  const guest = fakeGuest(t);
  rmSync(join(guest, "sys/firmware"), { recursive: true });
  assert.equal(await failureCodeOf(createTsmAttester({ root: guest }).attest(reportData)), "TSM_EVENT_LOG");
});

// The kernel's files, as far as ordinary ones can stand for them.
test("reads a quote to its end, whatever its size, and no more than allowed", async (t) => {
  const folder = join(fakeGuest(t), "report");
  mkdirSync(folder);
  const { signal } = new AbortController();
  for (const size of [0, 5006, 8000, 100_000]) {
    writeFileSync(join(folder, "outblob"), Buffer.alloc(size, 1));
    assert.equal((await kernelReportFiles.readQuote(folder, 128 * 1024, signal)).length, size);
  }
  await assert.rejects(kernelReportFiles.readQuote(folder, 99_999, signal), { code: "EFBIG" });
  rmSync(join(folder, "outblob"));
  await assert.rejects(kernelReportFiles.readQuote(folder, 100, signal), { code: "ENOENT" });
  mkdirSync(join(folder, "outblob"));
  await assert.rejects(kernelReportFiles.readQuote(folder, 100, signal), { code: "EISDIR" });
});

test("gives up a read that hangs in the kernel, and leaves no process", async (t) => {
  const folder = join(fakeGuest(t), "report");
  mkdirSync(folder);
  // A pipe that nobody writes to: opening it waits for ever, as a host may.
  execFileSync("mkfifo", [join(folder, "outblob")]);
  await assert.rejects(kernelReportFiles.readQuote(folder, 100, AbortSignal.timeout(300)), { name: "TimeoutError" });
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const commands = processes.flatMap((id) => {
    try {
      return [readFileSync(`/proc/${id}/cmdline`, "utf8")];
    } catch {
      return [];
    }
  });
  assert.ok(!commands.some((command) => command.includes(join(folder, "outblob"))));
});

test("writes the data at once, and reads short texts without their line's end", async (t) => {
  const folder = join(fakeGuest(t), "report");
  await kernelReportFiles.make(folder);
  await assert.rejects(kernelReportFiles.make(folder), { code: "EEXIST" });
  await kernelReportFiles.write(folder, "inblob", reportData);
  assert.deepEqual(readFileSync(join(folder, "inblob")), reportData);
  writeFileSync(join(folder, "generation"), "1\n");
  assert.equal(await kernelReportFiles.read(folder, "generation"), "1");
  writeFileSync(join(folder, "provider"), "x".repeat(1000));
  await assert.rejects(kernelReportFiles.read(folder, "provider"), { code: "EFBIG" });
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  await kernelReportFiles.remove(folder);
  assert.ok(!existsSync(folder));
});

const log = "sys/firmware/acpi/tables/data/CCEL";
const table = "sys/firmware/acpi/tables/CCEL";
for (const [what, path, content] of [
  ["a table of another name", table, Buffer.alloc(56)],
  ["a table that is cut", table, Buffer.from("CCEL")],
  ["the table of another technology", table, Buffer.concat([Buffer.from("CCEL"), Buffer.alloc(52, 1)])],
  ["a log that is larger than any", log, Buffer.alloc(1024 * 1024 + 1)],
] as const) {
  test(`refuses ${what}`, async (t) => {
    assert.equal(await failureCodeOf(readEventLog(fakeGuest(t, { [path]: content }))), "TSM_EVENT_LOG");
  });
}

const rtmr3 = "sys/devices/virtual/misc/tdx_guest/measurements/rtmr3:sha384";
const quoted = async (root: string): Promise<readonly [outcome: string, calls: number]> => {
  const files = emulatedReports();
  const outcome = await failureCodeOf(createTsmAttester({ root, files }).attest(reportData));
  return [outcome, files.calls.length];
};

test("no quote is asked for in a domain whose RTMR3 was extended", async (t) => {
  for (const at of [0, 47]) {
    const value = Buffer.alloc(48);
    value[at] = 1;
    assert.deepEqual(await quoted(fakeGuest(t, { [rtmr3]: value })), ["TSM_RTMR3_EXTENDED", 0]);
  }
});

test("what the kernel does not tell is not zero, and a kernel that shows no registers leaves it to the quote", async (t) => {
  for (const content of [Buffer.alloc(0), Buffer.alloc(47), Buffer.alloc(49)])
    assert.deepEqual(await quoted(fakeGuest(t, { [rtmr3]: content })), ["TSM_REGISTERS", 0]);
  const root = fakeGuest(t);
  if (process.getuid?.() !== 0) {
    chmodSync(join(root, rtmr3), 0);
    assert.deepEqual(await quoted(root), ["TSM_REGISTERS", 0]);
  }
  rmSync(join(root, "sys/devices"), { recursive: true });
  const { quote } = await createTsmAttester({ root, files: emulatedReports() }).attest(reportData);
  assert.ok(quote.length > 0);
});
