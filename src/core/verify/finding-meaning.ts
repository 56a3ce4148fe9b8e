/** What a finding's code says, and what to do about it: one line each, shown in docs/generated/finding-codes.md. */
export interface FindingMeaning {
  readonly meaning: string;
  readonly remedy: string;
}
