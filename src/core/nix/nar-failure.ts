import { Failure } from "../failure.ts";

/** Why an archive or a tree was refused; one code per rule of the format. */
export type NarFailureCode =
  /** Does not begin with `nix-archive-1`. */
  | "NAR_MAGIC"
  /** Ends within a token, or a length runs past the end. */
  | "NAR_TRUNCATED"
  /** Padding to eight bytes that is not zero. */
  | "NAR_PADDING"
  /** Bytes after the root node. */
  | "NAR_TRAILING_BYTES"
  /** Another token than the grammar allows here. */
  | "NAR_SYNTAX"
  /** An entry's name that is empty, `.`, `..`, not UTF-8, or holds `/` or NUL. */
  | "NAR_NAME"
  /** A symbolic link's target that is empty, not UTF-8, or holds NUL. */
  | "NAR_TARGET"
  /** Entries that are not sorted by bytes. */
  | "NAR_ORDER"
  /** One name twice. */
  | "NAR_DUPLICATE"
  /** More levels of directories than the cap. */
  | "NAR_TOO_DEEP";

export function narFailure(code: NarFailureCode, message: string): Failure {
  return new Failure({
    code,
    kind: "refused",
    message,
    remedy: "Make the archive anew from its source; do not use this one.",
  });
}
