/**
 * What one benchmark tells the harness. To add one, put a file into bench/entries that exports
 * `entries: readonly BenchEntry[]`; nothing else needs to know of it.
 */
export interface BenchEntry {
  /** Unique, lower case with dashes; a prefix on the command line selects all that begin with it. */
  readonly name: string;
  /** What is measured, in one line. */
  readonly title: string;
  /** Makes data and services ready, once, and is not measured. */
  readonly prepare: (context: BenchContext) => Promise<Prepared>;
}

export interface BenchContext {
  /** An empty folder of this entry's own; removed afterwards. */
  readonly scratch: string;
  /** The checkout. */
  readonly checkout: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Tells what a long preparation is at. */
  readonly progress: (line: string) => void;
}

export type Prepared =
  /** The peer, or something else that it needs, is not here. */
  | { readonly kind: "skipped"; readonly reason: string }
  | {
      readonly kind: "ready";
      /** What is ours, at least one way; each is compared with `reference`. */
      readonly ours: readonly [Contestant, ...Contestant[]];
      readonly reference: Contestant & {
        /** A peer does the same work; a floor does less, and says how near to free ours is. */
        readonly kind: "peer" | "floor";
      };
      /** The ratio of ours to the reference that the project promises not to pass. */
      readonly limit?: number;
      /** What else was found out, in lines of words: shown with the times. */
      readonly notes?: readonly string[];
      /** Stops what `prepare` started. Called whatever happens. */
      readonly teardown?: () => Promise<void>;
    };

export interface Contestant {
  readonly label: string;
  /** One run. Without a result the harness takes the time that passed. Throws when the work came out wrong. */
  readonly run: () => Promise<RunResult | undefined>;
}

/** A run that times itself, because only part of it counts. */
export interface RunResult {
  readonly milliseconds: number;
  /** Parts to show apart, by name, in milliseconds. */
  readonly parts?: Readonly<Record<string, number>>;
}
