import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import type { ReportFiles } from "../../src/adapters/tsm/report-files.ts";

/** A folder that looks like the kernel's file systems of a TDX guest; removed after the test. */
export function fakeGuest(t: TestContext, files: Readonly<Record<string, Uint8Array | string>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), "neko-trust-guest-"));
  t.after(() => {
    rmSync(root, { recursive: true, force: true });
  });
  const table = Buffer.alloc(56);
  table.write("CCEL", 0, "latin1");
  table.writeUInt8(2, 36);
  const all = {
    "sys/firmware/acpi/tables/CCEL": table,
    "sys/firmware/acpi/tables/data/CCEL": Buffer.from("the event log"),
    "sys/devices/virtual/misc/tdx_guest/measurements/rtmr3:sha384": Buffer.alloc(48),
    ...files,
  };
  for (const [path, content] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  mkdirSync(join(root, "sys/kernel/config/tsm/report"), { recursive: true });
  return root;
}

export function errno(code: string): Error {
  return Object.assign(new Error(`${code}: as the kernel says it`), { code });
}

export interface EmulatedReports extends ReportFiles {
  /** What happened, in order, and which reports are left. */
  readonly calls: string[];
  readonly left: Set<string>;
}

/** The kernel's reports in memory, as drivers/virt/coco/guest/report.c has them; parts may be replaced. */
export function emulatedReports(changes: Partial<ReportFiles> = {}): EmulatedReports {
  const reports = new Map<string, { data?: Uint8Array; generation: number }>();
  const calls: string[] = [];
  const left = new Set<string>();
  const report = (folder: string) => {
    const found = reports.get(folder);
    if (found === undefined) throw errno("ENOENT");
    return found;
  };
  const kernel: ReportFiles = {
    make: (folder) => {
      if (reports.has(folder)) return Promise.reject(errno("EEXIST"));
      reports.set(folder, { generation: 0 });
      left.add(folder);
      return Promise.resolve();
    },
    write: (folder, _name, data) => {
      reports.set(folder, { data, generation: report(folder).generation + 1 });
      return Promise.resolve();
    },
    read: (folder, name) => Promise.resolve(name === "provider" ? "tdx_guest" : String(report(folder).generation)),
    readQuote: (folder) => {
      const { data } = report(folder);
      return data === undefined
        ? Promise.reject(errno("EINVAL"))
        : Promise.resolve(Buffer.concat([Buffer.from("quote of "), data]));
    },
    remove: (folder) => {
      reports.delete(folder);
      left.delete(folder);
      return Promise.resolve();
    },
  };
  const parts = { ...kernel, ...changes };
  return {
    calls,
    left,
    make: (folder) => (calls.push("make"), parts.make(folder)),
    write: (folder, name, bytes) => (calls.push(`write ${name}`), parts.write(folder, name, bytes)),
    read: (folder, name) => (calls.push(`read ${name}`), parts.read(folder, name)),
    readQuote: (folder, most, signal) => (calls.push("read outblob"), parts.readQuote(folder, most, signal)),
    remove: async (folder) => {
      calls.push("remove");
      await parts.remove(folder);
      await kernel.remove(folder);
    },
  };
}
