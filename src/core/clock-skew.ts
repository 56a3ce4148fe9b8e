/** Clocks of different machines differ a little. */
const skewMilliseconds = 60_000;

/** Whether a time lies in the future, by more than clocks may differ. An invalid time counts as future. */
export function isInFuture(time: Date, now: Date): boolean {
  return !(time.getTime() <= now.getTime() + skewMilliseconds);
}
