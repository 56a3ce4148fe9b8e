import type { Digest } from "../../src/core/oci/digest.ts";
import { mediaTypes } from "../../src/core/oci/formats.ts";
import { fallbackTag } from "../../src/core/oci/referrers.ts";
import type { ReferrerDescriptor } from "../../src/core/oci/referrers.ts";

/**
 * Lists a referrer as go-containerregistry does (pkg/v1/remote, commitSubjectReferrers), and cosign with it: it reads the
 * tag, adds its own entry and writes all of it, whatever others have written in between; it never looks again. `pause`
 * is what it takes between reading and writing, in milliseconds.
 */
export async function addCarelessly(
  repository: string,
  subject: Digest,
  descriptor: ReferrerDescriptor,
  pause: number,
): Promise<void> {
  const [host = "", ...path] = repository.split("/");
  const url = `http://${host}/v2/${path.join("/")}/manifests/${fallbackTag(subject)}`;
  const read = await fetch(url, { headers: { accept: mediaTypes.index } });
  const list = read.ok ? ((await read.json()) as { manifests: object[] }) : { schemaVersion: 2, manifests: [] };
  await new Promise((resolve) => setTimeout(resolve, pause));
  const body = JSON.stringify({
    ...list,
    mediaType: mediaTypes.index,
    manifests: [...list.manifests, descriptor],
  });
  const written = await fetch(url, { method: "PUT", headers: { "content-type": mediaTypes.index }, body });
  if (!written.ok) throw new Error(`the list was not taken: ${written.status}`);
}
