import { join } from "node:path";
import type { Attester } from "../../core/tdx/contract.ts";
import { readEventLog } from "./event-log.ts";
import { requireRtmr3Untouched } from "./registers.ts";
import { kernelReportFiles } from "./report-files.ts";
import type { ReportFiles } from "./report-files.ts";
import { requestQuote, requireReports } from "./request-quote.ts";

export interface TsmSettings {
  /** Where the kernel's file systems are; `/` but for tests. */
  readonly root?: string;
  /** For one quote; 60 seconds unless given. */
  readonly waitMilliseconds?: number;
  readonly files?: ReportFiles;
}

/** The trust domain that this process runs in, by configfs-tsm and the ACPI table CCEL; none whose RTMR3 was extended. Its `attest` throws Failure (TSM_…). */
export function createTsmAttester(settings: TsmSettings = {}): Attester {
  const { root = "/", waitMilliseconds = 60_000, files = kernelReportFiles } = settings;
  const reports = join(root, "sys", "kernel", "config", "tsm", "report");
  return {
    async attest(reportData, signal) {
      // Without reports this is no guest at all, which says more than a log that is missing, too.
      await requireReports(reports);
      // Both before the quote, as they need no host: one of a domain that went on measuring is of no use, and the log is complete
      // since the boot.
      const eventLog = await readEventLog(root);
      await requireRtmr3Untouched(root);
      return { quote: await requestQuote({ reports, files, reportData, waitMilliseconds, signal }), eventLog };
    },
  };
}
