import { durationMilliseconds, durationPattern } from "../../core/duration.ts";
import { Failure } from "../../core/failure.ts";

/** Milliseconds of an option's duration, 0 when it is not given. Throws DURATION_INVALID, with an example of a good one. */
export function durationOption(option: string, text: string | undefined, example: string): number {
  if (text === undefined) return 0;
  if (durationPattern.test(text)) return durationMilliseconds(text);
  throw new Failure({
    code: "DURATION_INVALID",
    kind: "usage",
    message: `${option} ${JSON.stringify(text.slice(0, 40))} is none.`,
    remedy: `Give, for example, ${example}.`,
  });
}
