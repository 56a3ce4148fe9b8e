import { parseStrictJson } from "../../core/json/strict-json.ts";
import { askMetadata, metadataUnreadable } from "./ask-metadata.ts";
import type { MetadataOptions } from "./ask-metadata.ts";

/**
 * The custom attributes of this machine. They are the host's word, and nothing secret. Throws METADATA_UNREADABLE
 * (unavailable) for anything but a JSON object from a server that says to be Google's.
 */
export async function readAttributes(options: MetadataOptions = {}): Promise<unknown> {
  const parsed = parseStrictJson(await askMetadata("instance/attributes/?recursive=true", 1024 * 1024, options));
  if (!parsed.ok) throw metadataUnreadable("the answer is no JSON");
  return parsed.value;
}
