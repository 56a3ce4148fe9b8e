/** One thing that must be so before a stack can be changed, and how it stands. */
export interface CheckResult {
  /** What was looked at, in a few words; the same in every run. */
  readonly name: string;
  /**
   * `missing`: looked at, and not as it must be. `unknown`: could not be asked, which says nothing about how it is.
   */
  readonly state: "ok" | "missing" | "unknown";
  /** What was found, in one line; never a secret. */
  readonly says: string;
  /** What to do; only where it is not ok. */
  readonly remedy?: string;
}

export function ok(name: string, says: string): CheckResult {
  return { name, state: "ok", says };
}

export function missing(name: string, says: string, remedy: string): CheckResult {
  return { name, state: "missing", says, remedy };
}

export function couldNotAsk(name: string, says: string, remedy: string): CheckResult {
  return { name, state: "unknown", says, remedy };
}
