import type { EntryResult, Measurement } from "./harness.ts";

/** An entry's result as lines for people: ours, peer or floor, ratio, spread. */
export function resultLines(result: EntryResult): string[] {
  if (result.kind === "skipped") return [`${result.name}: skipped: ${result.reason}`];
  const rows = [
    ...result.ours.map((measurement) => ({
      label: `ours: ${measurement.label}`,
      measurement,
      ratio: ratioText(measurement.ratio, result.limit),
    })),
    { label: `${result.reference.kind}: ${result.reference.label}`, measurement: result.reference, ratio: "" },
  ];
  const width = Math.max(...rows.map(({ label }) => label.length));
  return [
    `${result.name}: ${result.title} (median of ${result.runs} interleaved runs)`,
    ...rows.flatMap(({ label, measurement, ratio }) => [
      `  ${label.padEnd(width)}  ${milliseconds(measurement.summary.median).padStart(9)}  ${spread(measurement).padEnd(20)}  ${ratio}`.trimEnd(),
      ...Object.entries(measurement.parts).map(
        ([part, time]) => `  ${" ".repeat(width)}  ${milliseconds(time).padStart(9)}  apart: ${part}`,
      ),
    ]),
    ...(result.notes ?? []).map((note) => `  ${note}`),
  ];
}

/** Whether ours keeps what the project promises; true where nothing is promised. */
export function withinLimit(result: EntryResult): boolean {
  if (result.kind === "skipped" || result.limit === undefined) return true;
  const { limit } = result;
  return result.ours.every(({ ratio }) => ratio <= limit);
}

function ratioText(ratio: number, limit: number | undefined): string {
  const text = `${ratio.toFixed(2)} x`;
  if (limit === undefined) return text;
  return ratio <= limit ? `${text} (within ${limit} x)` : `${text} (OVER the limit of ${limit} x)`;
}

function spread({ summary }: Measurement): string {
  return `(${milliseconds(summary.minimum)} to ${milliseconds(summary.maximum)})`;
}

function milliseconds(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
}
