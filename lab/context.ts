import type { Directories } from "../src/adapters/directories/directories.ts";

/** What every part of the lab gets from the command that runs it. */
export interface LabContext {
  readonly directories: Directories;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  /** Aborted by Ctrl-C: what was started is left as it is, and the next `make up` goes on from there. */
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** What a lab command tells: lines for people, a document for programs, and whether all is well. */
export interface LabReport {
  readonly lines: readonly string[];
  readonly document: unknown;
  readonly healthy: boolean;
}
