import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Failure } from "../../core/failure.ts";
import { quoteBytesMost } from "../../core/tdx/quote.ts";
import type { ReportFiles } from "./report-files.ts";
import { errnoOf, reportFailure, tsmFailure } from "./tsm-failure.ts";

export interface QuoteRequest {
  /** The folder of reports: /sys/kernel/config/tsm/report. */
  readonly reports: string;
  readonly files: ReportFiles;
  /** 64 bytes that the quote is over. */
  readonly reportData: Uint8Array;
  /** For everything together; the kernel itself gives up after 30 seconds. */
  readonly waitMilliseconds: number;
  readonly signal?: AbortSignal | undefined;
}

const pauseMilliseconds = 50;

/** Throws TSM_ABSENT where there is no folder of reports, and what `reportFailure` makes of why it can't be looked at. */
export async function requireReports(reports: string): Promise<void> {
  try {
    if ((await stat(reports)).isDirectory()) return;
  } catch (error) {
    throw reportFailure(error, reports);
  }
  throw tsmFailure("TSM_ABSENT", `${reports} is no folder.`);
}

/**
 * One quote over `reportData`, by a report of its own that is removed in any case, so that processes don't meet.
 *
 * The kernel counts each write to a report (`generation`). The count must be what our one write makes it, before and after
 * the quote is read: else somebody else's data are in it. Throws Failure (TSM_…), and the signal's reason.
 */
export async function requestQuote(request: QuoteRequest): Promise<Uint8Array> {
  const { reports, files, reportData, waitMilliseconds, signal } = request;
  if (reportData.length !== 64) {
    throw tsmFailure("TSM_REPORT_DATA_SIZE", `A quote is over 64 bytes of report data, not ${reportData.length}.`);
  }
  signal?.throwIfAborted();
  const timeout = AbortSignal.timeout(waitMilliseconds);
  const either = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
  const folder = join(reports, `neko-trust-${process.pid}-${randomBytes(8).toString("hex")}`);
  try {
    await files.make(folder);
  } catch (error) {
    throw reportFailure(error, reports);
  }
  let quote: Uint8Array;
  try {
    quote = await quoteOf(folder, files, reportData, either);
  } catch (error) {
    // What went wrong first is what is told.
    await files.remove(folder).catch(() => undefined);
    signal?.throwIfAborted();
    if (timeout.aborted && !(error instanceof Failure)) {
      throw tsmFailure("TSM_TIMEOUT", `The host gave no quote within ${waitMilliseconds} ms.`, error);
    }
    throw reportFailure(error);
  }
  try {
    await files.remove(folder);
  } catch (error) {
    throw tsmFailure(
      "TSM_NOT_REMOVED",
      `The report ${folder} can't be removed (${errnoOf(error) ?? "no reason"}).`,
      error,
    );
  }
  return quote;
}

async function quoteOf(
  folder: string,
  files: ReportFiles,
  reportData: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const provider = await files.read(folder, "provider");
  if (provider !== "tdx_guest") {
    throw tsmFailure("TSM_PROVIDER", `Reports are made by ${JSON.stringify(provider.slice(0, 60))}, not by tdx_guest.`);
  }
  const expected = (await generationOf(folder, files)) + 1;
  await files.write(folder, "inblob", reportData);
  await untilGeneration(folder, files, expected, signal);
  const quote = await readUnlessBusy(folder, files, signal);
  const after = await generationOf(folder, files);
  if (after !== expected) throw raced(expected, after);
  if (quote.length === 0) throw tsmFailure("TSM_QUOTING_FAILED", "The host gave an empty quote.");
  return quote;
}

async function generationOf(folder: string, files: ReportFiles): Promise<number> {
  const text = await files.read(folder, "generation");
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw tsmFailure("TSM_ABSENT", `The report's generation is ${JSON.stringify(text.slice(0, 60))}, not a number.`);
}

/** Counts never go back: what is beyond ours is somebody else's write. */
async function untilGeneration(
  folder: string,
  files: ReportFiles,
  expected: number,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const found = await generationOf(folder, files);
    if (found === expected) return;
    if (found !== expected - 1) throw raced(expected, found);
    await wait(pauseMilliseconds, undefined, { signal });
  }
}

/** The host makes one quote at a time; a request that was given up holds it until the host is done with it. */
async function readUnlessBusy(folder: string, files: ReportFiles, signal: AbortSignal): Promise<Uint8Array> {
  for (let busy: unknown; ;) {
    try {
      return await files.readQuote(folder, quoteBytesMost, signal);
    } catch (error) {
      if (errnoOf(error) === "EBUSY") busy = error;
      else throw busy !== undefined && signal.aborted ? reportFailure(busy) : error;
    }
    await wait(pauseMilliseconds, undefined, { signal }).catch(() => {
      throw reportFailure(busy);
    });
  }
}

function raced(expected: number, found: number): Failure {
  const message = `The report was written to by somebody else: generation ${found}, where ${expected} was expected.`;
  return tsmFailure("TSM_RACE", message);
}
