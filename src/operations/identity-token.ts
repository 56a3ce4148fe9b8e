import { createReadStream } from "node:fs";
import { addAbortSignal } from "node:stream";
import { fetchGitHubToken } from "../adapters/github-oidc/fetch-token.ts";
import { Failure, reasonOf } from "../core/failure.ts";

/** Where an identity token comes from: one place, which is named in the output. */
export interface TokenSource {
  /** For people: "GitHub Actions", "the environment (SIGSTORE_ID_TOKEN)", "the file x". */
  readonly name: string;
  /** Whether each reading gives a fresh token. */
  readonly renews: boolean;
  /** The token, as it came but for white space around it. Nothing about it is checked. */
  readonly read: () => Promise<string>;
}

export interface TokenSourceRequest {
  /** `--identity-token-file`; `-` is standard input. */
  readonly file?: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

/** A token is at most a few KiB; a file that is larger is another one. */
const maxBytes = 64 * 1024;

/**
 * Which of the three is used: the file when one is named, else GitHub Actions' endpoint, else SIGSTORE_ID_TOKEN. The
 * first that is there decides, and is not given up for the next when it fails. Throws IDENTITY_TOKEN_MISSING (usage).
 */
export function tokenSource({ file, environment, signal }: TokenSourceRequest): TokenSource {
  if (file !== undefined) {
    const name = file === "-" ? "standard input" : `the file ${file}`;
    return { name, renews: false, read: () => readTokenFile(file, name, signal) };
  }
  const url = environment["ACTIONS_ID_TOKEN_REQUEST_URL"] ?? "";
  const requestToken = environment["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] ?? "";
  if (url !== "" && requestToken !== "") {
    const options = signal === undefined ? {} : { signal };
    const read = (): Promise<string> => fetchGitHubToken({ url, requestToken }, options);
    return { name: "GitHub Actions", renews: true, read };
  }
  const token = environment["SIGSTORE_ID_TOKEN"];
  if (token !== undefined) {
    const name = "the environment (SIGSTORE_ID_TOKEN)";
    return { name, renews: false, read: () => Promise.resolve(token.trim()) };
  }
  throw new Failure({
    code: "IDENTITY_TOKEN_MISSING",
    kind: "usage",
    message: "There is no identity token to sign with.",
    remedy: "Give one of these, or sign with a key file (--key).",
    details: [
      "--identity-token-file <file>: a token for the audience sigstore (- reads standard input)",
      "a GitHub Actions job with `permissions: id-token: write`: nothing else is needed there",
      "SIGSTORE_ID_TOKEN in the environment: a token for the audience sigstore",
    ],
  });
}

async function readTokenFile(file: string, name: string, signal: AbortSignal | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    const stream = file === "-" ? process.stdin : createReadStream(file);
    // A terminal or pipe may stay silent for ever: Ctrl-C ends that too.
    if (signal !== undefined) addAbortSignal(signal, stream);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBytes) break;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw new Failure(
      {
        code: "IDENTITY_TOKEN_UNREADABLE",
        kind: "usage",
        message: `The identity token in ${name} can't be read: ${reasonOf(error)}.`,
        remedy: "Name a readable file that holds the token alone.",
      },
      { cause: error },
    );
  }
  if (size <= maxBytes) return Buffer.concat(chunks).toString("utf8").trim();
  throw new Failure({
    code: "IDENTITY_TOKEN_INVALID",
    kind: "usage",
    message: `What ${name} holds is larger than ${maxBytes} bytes, and no identity token.`,
    remedy: "Name the file that holds the token alone.",
  });
}
