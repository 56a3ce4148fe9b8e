/** Of one contestant's runs, in milliseconds. The median does not follow one slow run, as a mean would. */
export interface Summary {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** Throws RangeError for no values. */
export function summarise(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1];
  const high = sorted[Math.floor(middle)];
  const minimum = sorted[0];
  const maximum = sorted.at(-1);
  if (low === undefined || high === undefined || minimum === undefined || maximum === undefined) {
    throw new RangeError("no runs to summarise");
  }
  return { median: (low + high) / 2, minimum, maximum };
}
