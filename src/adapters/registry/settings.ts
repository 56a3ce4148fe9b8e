import { isLoopbackName } from "../../core/loopback.ts";
import { httpFetch } from "./http-fetch.ts";
import type { HttpFetch } from "./http-fetch.ts";

/** Options of the registry client, and what they are when not given. */

/** A user's credentials for one registry host. */
export type Credentials =
  | {
      readonly kind: "basic";
      readonly username: string;
      readonly password: string;
      /** Milliseconds since 1970: nothing that was made of them is used any longer, and the source is asked again. */
      readonly until?: number;
    }
  /** An OAuth2 refresh token (`identitytoken` in Docker's config). */
  | { readonly kind: "identity-token"; readonly token: string };

/** Credentials for a host (with its port), or undefined: then the registry is asked anonymously. May throw Failure. */
export type CredentialsSource = (host: string) => Promise<Credentials | undefined>;

/** What is read at most, in bytes and entries. */
export interface RegistryCaps {
  readonly manifestBytes: number;
  readonly blobBytes: number;
  /** Entries of one list of referrers. */
  readonly referrers: number;
}

export interface RegistryClientOptions {
  readonly credentials?: CredentialsSource;
  /** Whether a host (with its port) is spoken to without TLS. Only loopback hosts, unless given. */
  readonly plainHttp?: (host: string) => boolean;
  /** 4 MiB per manifest, 16 MiB per blob, 1,000 referrers, unless given. */
  readonly caps?: Partial<RegistryCaps>;
  /** For one request and its answer; large uploads and downloads get a second more per 256 KiB. 30 s unless given. */
  readonly timeoutMilliseconds?: number;
  /** After a 429, a 5xx or a failed connection; 3 unless given. */
  readonly retries?: number;
  /** All waits of one request together; a registry that asks for more is throttling. 20 s unless given. */
  readonly maxWaitMilliseconds?: number;
  /** Ends everything that is under way; calls then reject with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly sleep?: (milliseconds: number) => Promise<void>;
  /** The global fetch fits, too. */
  readonly fetch?: HttpFetch;
  /** Milliseconds since 1970, for the life time of tokens. */
  readonly now?: () => number;
}

export interface Settings extends Required<Omit<RegistryClientOptions, "caps" | "signal">> {
  readonly caps: RegistryCaps;
  readonly signal: AbortSignal | undefined;
}

export const defaultCaps: RegistryCaps = {
  manifestBytes: 4 * 1024 * 1024,
  blobBytes: 16 * 1024 * 1024,
  referrers: 1000,
};

export function settingsOf(options: RegistryClientOptions): Settings {
  return {
    credentials: options.credentials ?? (() => Promise.resolve(undefined)),
    plainHttp: options.plainHttp ?? isLoopbackHost,
    caps: { ...defaultCaps, ...options.caps },
    timeoutMilliseconds: options.timeoutMilliseconds ?? 30_000,
    retries: options.retries ?? 3,
    maxWaitMilliseconds: options.maxWaitMilliseconds ?? 20_000,
    signal: options.signal,
    sleep: options.sleep ?? ((milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))),
    fetch: options.fetch ?? httpFetch,
    now: options.now ?? Date.now,
  };
}

/** `localhost`, `127.0.0.0/8` and `[::1]`, with or without a port. */
export function isLoopbackHost(host: string): boolean {
  return isLoopbackName(host.replace(/:[0-9]{1,5}$/, ""));
}
