import { Failure } from "../../core/failure.ts";
import { legible } from "../../core/legible.ts";

/** The library's errors have names only as classes, and it wraps some of them in texts of others. */
const networkErrors = ["DownloadHTTPError", "TimeoutError", "AbortError", "HeadersTimeoutError", "BodyTimeoutError"];
const networkWords = /\b(?:fetch failed|terminated|Failed to download|operation was aborted|timed? ?out)\b/i;
const networkCode =
  /^(?:E(?:CONN|HOST|NET|ADDR|PIPE|TIMEDOUT|AI_|NOTFOUND)|UND_ERR_|CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/;

interface Link {
  readonly name: string;
  readonly message: string;
  readonly code: string;
  readonly status: number | undefined;
}

/** An error and its causes, the outermost first. */
function chainOf(error: unknown): Link[] {
  const chain: Link[] = [];
  for (let link: unknown = error; link instanceof Error && chain.length < 8; link = link.cause) {
    chain.push({
      name: link.name === "Error" ? link.constructor.name : link.name,
      message: link.message,
      code: "code" in link && typeof link.code === "string" ? link.code : "",
      status: "statusCode" in link && typeof link.statusCode === "number" ? link.statusCode : undefined,
    });
  }
  return chain;
}

/**
 * What went wrong with a TUF repository: TUF_UNAVAILABLE when it could not be read; TUF_EXPIRED, TUF_ROLLED_BACK or
 * TUF_REFUSED when it was read and does not verify; TUF_TARGET_MISSING when it has no such file.
 */
export function tufFailure(error: unknown, mirror: string, target: string): Failure {
  const chain = chainOf(error);
  const has = (...names: readonly string[]): boolean => chain.some(({ name }) => names.includes(name));
  const says = (words: RegExp): boolean => chain.some(({ message }) => words.test(message));
  const options = { cause: error };
  const words = wordsOf(chain);
  const repository = `The TUF repository ${mirror}`;
  if (chain.some(({ code }) => code === "TUF_FIND_TARGET_ERROR")) {
    return new Failure(
      {
        code: "TUF_TARGET_MISSING",
        kind: "usage",
        message: `${repository} is valid, and has no ${target}.`,
        remedy: "Name the repository of a Sigstore instance with --tuf-mirror and --tuf-root.",
      },
      options,
    );
  }
  if (has(...networkErrors) || says(networkWords) || chain.some(({ code }) => networkCode.test(code))) {
    return new Failure(
      {
        code: "TUF_UNAVAILABLE",
        kind: "unavailable",
        message: `${repository} can't be read: ${words}.`,
        remedy: "Check the network and the address, and try again; nothing was changed.",
      },
      options,
    );
  }
  const refused = (code: string, why: string, remedy: string): Failure =>
    new Failure({ code, kind: "refused", message: `${repository} is refused: ${why} (${words}).`, remedy }, options);
  if (has("ExpiredMetadataError") || says(/\bexpired\b/)) {
    return refused(
      "TUF_EXPIRED",
      "its metadata has expired, so that somebody may be hiding newer keys",
      "Try again later, and check this machine's clock; if it stays, ask who runs the repository.",
    );
  }
  if (has("BadVersionError") || says(/is less than current version|Expected version/)) {
    return refused(
      "TUF_ROLLED_BACK",
      "it offers older metadata than was seen before, so that somebody may be bringing back revoked keys",
      "Try again later; if it stays, ask who runs the repository.",
    );
  }
  return refused(
    "TUF_REFUSED",
    "it does not verify",
    "Check --tuf-mirror and --tuf-root; if they are right, ask who runs the repository. Nothing was changed.",
  );
}

/** The most telling words of an error and its causes. */
function wordsOf(chain: readonly Link[]): string {
  const status = chain.find((link) => link.status !== undefined)?.status;
  if (status !== undefined) return `it answered HTTP ${status}`;
  const inner = chain.findLast(({ message }) => message !== "");
  const text = inner?.message ?? "no reason was given";
  return legible(text.replace(/\s+/g, " ").slice(0, 300)).replace(/\.$/, "");
}
