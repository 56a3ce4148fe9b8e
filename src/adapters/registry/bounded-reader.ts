import type { Answer } from "../../core/oci/answer.ts";
import type { Digest } from "../../core/oci/digest.ts";
import type { BlobDescriptor } from "../../core/oci/parse.ts";
import type { ReferrerDescriptor } from "../../core/oci/referrers.ts";
import { parseReference } from "../../core/release/reference.ts";
import type { RegistryClient } from "./client.ts";

/** What a group of reads may take together. */
export interface ReadLimits {
  /** Of all manifests and blobs that are answered. */
  readonly bytes: number;
  /** From the making of the reader on. */
  readonly milliseconds: number;
  /** Calls to the client that are under way at once. */
  readonly calls: number;
}

/** Reads of one repository that share their limits. */
export interface BoundedReader {
  /** `too-large` once the bytes are used up, `broken` once the time is; so with the others. */
  manifest(digest: Digest): Promise<Answer<Uint8Array>>;
  /** What the tag names now; read once, as it may name something else the next time. */
  tagged(tag: string): Promise<Answer<Uint8Array>>;
  blob(blob: Pick<BlobDescriptor, "digest" | "size">, maxBytes: number): Promise<Answer<Uint8Array>>;
  referrers(digest: Digest): Promise<Answer<readonly ReferrerDescriptor[]>>;
  /** Ends what is under way and asks nothing more; must be called, as the reader holds a timer. */
  close(): void;
}

/**
 * Bounds what many reads cost together: each one's own caps say nothing about a thousand of them. Rejects as the
 * client does.
 */
export function boundedReader(client: RegistryClient, repository: string, limits: ReadLimits): BoundedReader {
  const ending = new AbortController();
  const { signal } = ending;
  const timer = setTimeout(() => {
    ending.abort();
  }, limits.milliseconds);
  const inTurn = turns(limits.calls);
  let bytesLeft = limits.bytes;

  const late: Answer<never> = {
    kind: "broken",
    detail: `not all of it could be read within the ${limits.milliseconds / 1000} s allowed for one release`,
  };
  const exhausted: Answer<never> = {
    kind: "too-large",
    detail: `with it, more than the ${limits.bytes} bytes allowed for one release would be read`,
  };

  /** Asks in turn; nothing waits for the client any longer once the time is over. */
  const ask = <T>(call: () => Promise<Answer<T>>): Promise<Answer<T>> =>
    inTurn(() => {
      if (signal.aborted) return Promise.resolve(late);
      return new Promise((resolve, reject) => {
        const expire = (): void => {
          resolve(late);
        };
        signal.addEventListener("abort", expire);
        call()
          .then(resolve, reject)
          .finally(() => {
            signal.removeEventListener("abort", expire);
          });
      });
    });

  /** Of what has a size that is known only once it is read: what does not fit is not kept. */
  const whole = (call: () => Promise<Answer<Uint8Array>>): Promise<Answer<Uint8Array>> =>
    ask(async () => {
      if (bytesLeft <= 0) return exhausted;
      const answer = await call();
      if (answer.kind !== "found") return answer;
      if (answer.value.length > bytesLeft) return exhausted;
      bytesLeft -= answer.value.length;
      return answer;
    });

  return {
    manifest: (digest) => whole(() => client.manifest(repository, digest, signal)),
    tagged: (tag) =>
      whole(async () => {
        const answer = await client.resolve(parseReference(`${repository}:${tag}`), signal);
        return answer.kind === "found" ? { kind: "found", value: answer.value.bytes } : answer;
      }),
    blob: ({ digest, size }, maxBytes) =>
      ask(async () => {
        if (size > maxBytes) return client.blob(repository, { digest, size }, maxBytes, signal);
        if (size > bytesLeft) return exhausted;
        // Taken before it is read, so that those under way can't exceed the limit together.
        bytesLeft -= size;
        const answer = await client.blob(repository, { digest, size }, maxBytes, signal);
        if (answer.kind !== "found") bytesLeft += size;
        return answer;
      }),
    referrers: (digest) => ask(() => client.referrers(repository, digest, signal)),
    close: () => {
      clearTimeout(timer);
      ending.abort();
    },
  };
}

/** Runs at most `most` calls at once, in the order in which they came. */
function turns(most: number): <T>(call: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = most;
  return async (call) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await call();
    } finally {
      const next = waiting.shift();
      // Whoever waits takes this turn over, so that nobody who comes now gets in between.
      if (next === undefined) free += 1;
      else next();
    }
  };
}
