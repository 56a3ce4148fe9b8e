import { Failure } from "../../core/failure.ts";
import type { RetainOptions } from "../../core/release/release-list.ts";

/** `--drop-old` and `--retain`, as they were typed. */
export interface TypedRetainOptions {
  readonly dropOld?: boolean;
  readonly retain?: string;
}

/** What is retained. Throws RETAIN_INVALID for what is no count. */
export function retainOptions({ dropOld, retain }: TypedRetainOptions): RetainOptions {
  if (retain === undefined) return { dropOld: dropOld === true };
  if (/^(?:0|[1-9][0-9]{0,3})$/.test(retain)) return { dropOld: dropOld === true, retain: Number(retain) };
  throw new Failure({
    code: "RETAIN_INVALID",
    kind: "usage",
    message: `--retain takes a whole number from 0 to 9999, not "${retain.slice(0, 40)}".`,
    remedy: "Say how many digests to retain, for example --retain 2; leave it out to retain all.",
  });
}
