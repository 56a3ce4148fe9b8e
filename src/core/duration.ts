/** Durations in policies: a whole number and one unit, `90d`, `24h`, `15m`, `30s`. No unit mixes, no zero. */
export const durationPattern = /^[1-9][0-9]{0,5}[smhd]$/;

const unitSeconds = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** Milliseconds of a duration that matches `durationPattern`; throws RangeError on anything else. */
export function durationMilliseconds(text: string): number {
  if (!durationPattern.test(text)) throw new RangeError(`not a duration: ${text}`);
  const unit = text.at(-1) as keyof typeof unitSeconds;
  return Number(text.slice(0, -1)) * unitSeconds[unit] * 1000;
}
