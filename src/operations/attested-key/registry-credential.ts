import { z } from "zod";
import type { CredentialsSource } from "../../adapters/registry/settings.ts";
import { Failure } from "../../core/failure.ts";
import { parseStrictJson } from "../../core/json/strict-json.ts";
import { safeParse } from "../../core/safe-parse.ts";

/** Fetches the bytes of a resource of the key broker; they are overwritten once they were read. */
export type FetchCredential = (signal?: AbortSignal) => Promise<Uint8Array>;

const credentialSchema = z.strictObject({
  username: z.string().min(1).max(256),
  password: z.string().min(1).max(8192),
});

/** How long a credential is kept: the broker can take it back, and then it ends within this time. */
const keptMilliseconds = 10 * 60_000;

/**
 * The credential that the key broker gives to an attested signer, for one registry and no other: JSON with username and
 * password, or `user:token` in one line. It is fetched when it is first needed, and again after ten minutes. Throws
 * ATTESTED_CREDENTIAL_INVALID (usage), which shows nothing of it, and what the broker's client throws.
 */
export function brokerCredentials(registry: string, fetch: FetchCredential, now: () => number): CredentialsSource {
  let kept: { readonly at: number; readonly credentials: ReturnType<typeof readCredential> } | undefined;
  return async (host) => {
    if (host !== registry) return undefined;
    if (kept === undefined || now() - kept.at >= keptMilliseconds || now() < kept.at) {
      const bytes = await fetch();
      try {
        kept = { at: now(), credentials: readCredential(bytes) };
      } finally {
        bytes.fill(0);
      }
    }
    return { ...kept.credentials, until: kept.at + keptMilliseconds };
  };
}

/** Reads it. Throws ATTESTED_CREDENTIAL_INVALID. */
export function readCredential(bytes: Uint8Array): { kind: "basic"; username: string; password: string } {
  const json = parseStrictJson(bytes, { maxBytes: 16 * 1024, maxDepth: 2 });
  const parsed = json.ok ? safeParse(credentialSchema, json.value) : undefined;
  if (parsed?.success === true) return { kind: "basic", ...parsed.data };
  const [, username, password] = /^([^\s:]{1,256}):(\S{1,8192})\n?$/.exec(Buffer.from(bytes).toString("latin1")) ?? [];
  if (!json.ok && username !== undefined && password !== undefined) return { kind: "basic", username, password };
  throw new Failure({
    code: "ATTESTED_CREDENTIAL_INVALID",
    kind: "usage",
    message: "What the key broker gave is no registry credential; it is not shown, as it is a secret.",
    remedy: 'Publish {"username":"…","password":"…"}, or user:token in one line, as the broker\'s resource.',
  });
}
