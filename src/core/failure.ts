/**
 * What went wrong, in terms a user can act on. A `Failure` is an expected outcome: the command line prints it without
 * a stack trace and maps `kind` to an exit code; anything else that is thrown is a bug and exits as internal.
 */
export type FailureKind =
  /** The evidence does not prove what the policy demands (exit 1). */
  | "refused"
  /** The call, a file or the configuration is at fault (exit 2). */
  | "usage"
  /** Something outside is absent, down or throttling; trying again may help (exit 3). */
  | "unavailable";

export interface FailureDetail {
  /** Stable, upper snake case, one per distinguishable cause: tests and scripts compare it. */
  readonly code: string;
  readonly kind: FailureKind;
  /** One sentence: what was wrong and where. No secrets, no stack. */
  readonly message: string;
  /** What to do next, as an imperative sentence. */
  readonly remedy: string;
  /** Further lines (for example each fault of a configuration), already readable on their own. */
  readonly details?: readonly string[];
}

/** The one error type that this project throws on purpose. */
export class Failure extends Error {
  readonly code: string;
  readonly kind: FailureKind;
  readonly remedy: string;
  readonly details: readonly string[];

  constructor(detail: FailureDetail, options?: { cause?: unknown }) {
    super(detail.message, options);
    this.name = "Failure";
    this.code = detail.code;
    this.kind = detail.kind;
    this.remedy = detail.remedy;
    this.details = detail.details ?? [];
  }
}

/** What a thrown value says, for messages that quote a cause. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
