import { createHash } from "node:crypto";
import type { Answer } from "../../core/oci/answer.ts";
import type { Digest } from "../../core/oci/digest.ts";
import { blobRequest, longerBlob, tooLargeBlob, unexpectedStatus } from "./pull.ts";
import type { Repository, Session } from "./session.ts";
import { unwrap } from "./unwrap.ts";

/** Blobs too large to hold: the answer comes with the first byte, and the rest is hashed while it passes. */

interface Blob {
  readonly digest: Digest;
  readonly size: number;
}

/**
 * Asks for a blob and leaves its body to be read. Signing in, redirects and retries are those of any other read; once the
 * body has begun nothing is resumed. A body that is announced as longer is broken before it is read.
 */
export async function openBlob(
  session: Session,
  repository: Repository,
  blob: Blob,
  maxBytes: number,
): Promise<Answer<AsyncIterable<Uint8Array>>> {
  if (blob.size > maxBytes) return tooLargeBlob(blob, maxBytes);
  const answer = await session.request({ ...blobRequest(repository, blob), open: true });
  if (answer.kind === "too-large") return longerBlob(blob);
  if (answer.kind !== "found") return answer;
  const refused = unexpectedStatus(answer.value);
  if (refused !== undefined) return refused;
  const { stream, url } = answer.value;
  if (stream === undefined) return { kind: "broken", detail: `${url.host} sent no bytes for ${blob.digest}` };
  return { kind: "found", value: verified(stream, blob, url.host) };
}

async function* verified(
  stream: AsyncIterable<Uint8Array>,
  { digest, size }: Blob,
  host: string,
): AsyncGenerator<Uint8Array, void> {
  const hash = createHash("sha256");
  let total = 0;
  for await (const chunk of stream) {
    total += chunk.length;
    if (total > size) unwrap(longerBlob({ digest, size }), `blob ${digest}`);
    hash.update(chunk);
    yield chunk;
  }
  if (total !== size) broken(`${host} sent ${total} bytes, its size is ${size}`, digest);
  const found = `sha256:${hash.digest("hex")}`;
  if (found !== digest) broken(`${host} served bytes of ${found}`, digest);
}

/** Answers of their own before the first byte are thrown once there was one. */
function broken(detail: string, digest: Digest): never {
  return unwrap({ kind: "broken", detail }, `blob ${digest}`);
}
