/**
 * What a registry answered, told apart (design rule 9): only `absent` is an answer about the content; the others say
 * nothing about whether it exists, and never count as "none".
 */
export type Answer<T> =
  | { readonly kind: "found"; readonly value: T }
  /** The registry said that it has no such thing (404). */
  | { readonly kind: "absent" }
  /** 401 after a token was tried. */
  | { readonly kind: "unauthorized"; readonly detail: string }
  /** 403. */
  | { readonly kind: "forbidden"; readonly detail: string }
  /** 429, after the allowed retries. `retryAfterSeconds` when the registry told. */
  | { readonly kind: "throttled"; readonly detail: string; readonly retryAfterSeconds?: number }
  /** Connection refused, 5xx, a time-out, or an answer that contradicts itself. */
  | { readonly kind: "broken"; readonly detail: string }
  /** More bytes, entries or depth than the caps allow. */
  | { readonly kind: "too-large"; readonly detail: string };

export type NoAnswer = Exclude<Answer<never>, { kind: "found" | "absent" }>;
