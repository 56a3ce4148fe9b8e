import { z } from "zod";
import { parseStrictJson } from "../../core/json/strict-json.ts";
import { safeParse } from "../../core/safe-parse.ts";
import type { LoggingMachine } from "../../core/signer-log.ts";
import { askMetadata, metadataUnreadable } from "./ask-metadata.ts";
import type { MetadataOptions } from "./ask-metadata.ts";

const mostBytes = 1024;
const mostTokenBytes = 64 * 1024;

/** Which machine of which project this is, as its host says. Throws METADATA_UNREADABLE. */
export async function readMachine(options: MetadataOptions = {}): Promise<LoggingMachine> {
  const text = async (path: string, shape: RegExp): Promise<string> => {
    const [, found] = shape.exec(Buffer.from(await askMetadata(path, mostBytes, options)).toString("latin1")) ?? [];
    if (found === undefined) throw metadataUnreadable(`${path} has another form`);
    return found;
  };
  return {
    project: await text("project/project-id", /^((?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,61}[a-z0-9])$/),
    instanceId: await text("instance/id", /^([0-9]{1,20})$/),
    zone: await text("instance/zone", /^projects\/[0-9]+\/zones\/([a-z0-9-]+)$/),
  };
}

const tokenSchema = z.object({
  // Only what may stand in a header.
  access_token: z.string().regex(/^[\x21-\x7e]{1,16384}$/),
  expires_in: z.number().nonnegative(),
});

export interface MachineToken {
  /** Of this machine's service account; it is shown nowhere. */
  readonly token: string;
  readonly lifeSeconds: number;
}

/** A token of the machine's own service account, with the scopes that the machine has. Throws METADATA_UNREADABLE. */
export async function readMachineToken(options: MetadataOptions = {}): Promise<MachineToken> {
  const json = parseStrictJson(await askMetadata("instance/service-accounts/default/token", mostTokenBytes, options));
  const parsed = safeParse(tokenSchema, json.ok ? json.value : undefined);
  if (!parsed.success) throw metadataUnreadable("it gives no token of the machine's account");
  return { token: parsed.data.access_token, lifeSeconds: parsed.data.expires_in };
}
