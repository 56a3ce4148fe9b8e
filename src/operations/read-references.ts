import { isTooLarge, readRegularFile } from "../adapters/files/read-regular-file.ts";
import { Failure, reasonOf } from "../core/failure.ts";

/** More than any cluster runs; a list that is longer is no list of images. */
const maxBytes = 4 * 1024 * 1024;

const standardInput = "Standard input";

/**
 * Reads a list of references: one in each line; blank lines and lines that begin with # are passed over. `-` is standard
 * input. Throws REFERENCES_UNREADABLE or REFERENCES_TOO_LONG (usage), or the signal's reason.
 */
export async function readReferences(path: string, signal?: AbortSignal): Promise<string[]> {
  const name = path === "-" ? standardInput : path;
  let text: string;
  try {
    text = path === "-" ? await textOf(process.stdin, signal) : readRegularFile(path, maxBytes).toString("utf8");
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Failure) throw error;
    if (isTooLarge(error)) throw tooLong(name);
    throw new Failure(
      {
        code: "REFERENCES_UNREADABLE",
        kind: "usage",
        message: `${name} can't be read: ${reasonOf(error)}.`,
        remedy: "Name a file with one reference in each line, or - for standard input.",
      },
      { cause: error },
    );
  }
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

async function textOf(
  stream: AsyncIterable<Buffer> & { destroy(): unknown },
  signal: AbortSignal | undefined,
): Promise<string> {
  const stop = (): void => {
    stream.destroy();
  };
  signal?.addEventListener("abort", stop);
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of stream) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLong(standardInput);
      chunks.push(chunk);
    }
    signal?.throwIfAborted();
    return Buffer.concat(chunks).toString("utf8");
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function tooLong(name: string): Failure {
  return new Failure({
    code: "REFERENCES_TOO_LONG",
    kind: "usage",
    message: `${name} is longer than the ${maxBytes / 1024 / 1024} MiB that are read of a list of references.`,
    remedy: "Name a file with one reference in each line.",
  });
}
