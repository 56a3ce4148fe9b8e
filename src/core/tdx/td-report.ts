import type { TdReport } from "./contract.ts";

/** Sizes of a body in bytes: TD 1.0 and TD 1.5 (Intel TDX DCAP Quoting Library API, A.3.2 and A.3.3). */
export const tdReportSizes = { td10: 584, td15: 648 } as const;

/** Where the parts of a body lie: [offset, length]. */
export const tdReportFields = {
  teeTcbSvn: [0, 16],
  mrSeam: [16, 48],
  mrSignerSeam: [64, 48],
  seamAttributes: [112, 8],
  tdAttributes: [120, 8],
  xfam: [128, 8],
  mrtd: [136, 48],
  mrConfigId: [184, 48],
  mrOwner: [232, 48],
  mrOwnerConfig: [280, 48],
  rtmr0: [328, 48],
  rtmr1: [376, 48],
  rtmr2: [424, 48],
  rtmr3: [472, 48],
  reportData: [520, 64],
  teeTcbSvn2: [584, 16],
  mrServiceTd: [600, 48],
} as const satisfies Record<string, readonly [number, number]>;

type FieldName = keyof typeof tdReportFields;

/** Reads a body of exactly one of `tdReportSizes`; every value of every field is a possible one. */
export function readTdReport(body: Uint8Array): TdReport {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.length);
  const hex = (name: FieldName): string => {
    const [offset, length] = tdReportFields[name];
    return buffer.toString("hex", offset, offset + length);
  };
  // A copy: a report outlives the quote's bytes.
  const bytes = (name: FieldName): Uint8Array => {
    const [offset, length] = tdReportFields[name];
    return new Uint8Array(buffer.subarray(offset, offset + length));
  };
  const report: TdReport = {
    teeTcbSvn: bytes("teeTcbSvn"),
    mrSeam: hex("mrSeam"),
    mrSignerSeam: hex("mrSignerSeam"),
    seamAttributes: hex("seamAttributes"),
    tdAttributes: hex("tdAttributes"),
    xfam: hex("xfam"),
    mrtd: hex("mrtd"),
    mrConfigId: hex("mrConfigId"),
    mrOwner: hex("mrOwner"),
    mrOwnerConfig: hex("mrOwnerConfig"),
    rtmr0: hex("rtmr0"),
    rtmr1: hex("rtmr1"),
    rtmr2: hex("rtmr2"),
    rtmr3: hex("rtmr3"),
    reportData: bytes("reportData"),
  };
  if (body.length === tdReportSizes.td10) return report;
  return { ...report, td15: { teeTcbSvn2: bytes("teeTcbSvn2"), mrServiceTd: hex("mrServiceTd") } };
}
