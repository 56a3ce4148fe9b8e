/**
 * What a credential is examined for: `plan` for a preview and for drift, which only read; `apply` for an update, which writes
 * what it read. CI has an identity for each (docs/getting-started.md).
 */
export const purposes = ["plan", "apply"] as const;
export type Purpose = (typeof purposes)[number];
