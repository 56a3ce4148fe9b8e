import { z } from "zod";
import { parseStrictJson } from "../json/strict-json.ts";
import { decodeBase64 } from "../sigstore/base64.ts";
import { safeParse } from "../safe-parse.ts";

const envelope = z.object({ dsseEnvelope: z.object({ payload: z.string() }) });
const statement = z.object({ predicateType: z.string().max(512) });

/**
 * What a bundle's envelope says that its statement is, unverified. Only for telling users why a required kind is
 * missing; nothing is decided by it.
 */
export function claimedPredicateType(bundle: Uint8Array): string | undefined {
  const outer = parseStrictJson(bundle);
  const read = safeParse(envelope, outer.ok ? outer.value : undefined);
  const payload = read.success ? decodeBase64(read.data.dsseEnvelope.payload) : undefined;
  const inner = payload === undefined ? undefined : parseStrictJson(payload);
  const parsed = safeParse(statement, inner?.ok === true ? inner.value : undefined);
  return parsed.success ? parsed.data.predicateType : undefined;
}
