import type { Directories } from "../adapters/directories/directories.ts";

/** What commands get from the process, so that tests can give them another. */
export interface CommandContext {
  readonly directories: Directories;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Progress of long steps, for people; silent with --json. */
  readonly progress: (line: string) => void;
}
