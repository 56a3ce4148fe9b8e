import { Failure } from "../failure.ts";
import { isDigest } from "../oci/digest.ts";
import type { Digest } from "../oci/digest.ts";

/**
 * An image reference, taken apart. There is no implied registry: `docker.io` must be written out, so that what a
 * policy names and what a registry is asked for are the same string.
 */
export interface Reference {
  /** Host with optional port, lower case: `ghcr.io`, `127.0.0.1:5001`. */
  readonly registry: string;
  /** Path below the registry, lower case: `m1k1o/neko/base`. */
  readonly path: string;
  /** `registry/path`, the form that a TrustPolicy names. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

export type DigestReference = Reference & { readonly digest: Digest };

// OCI distribution-spec, "Pulling manifests": name and tag grammar.
const hostPattern =
  /^([a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])(?::([1-9][0-9]{0,4}))?$/;
const pathPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

function invalid(text: string, why: string): Failure {
  // What is before an @ and no digest after it may be a user's password, as in a URL.
  const [, ...afterAt] = text.split("@");
  const shown = afterAt.every((part) => part.startsWith("sha256:")) ? `"${text.slice(0, 200)}"` : "What is given";
  return new Failure({
    code: "REFERENCE_INVALID",
    kind: "usage",
    message: `${shown} is not an image reference: ${why}.`,
    remedy: "Write it as registry/path@sha256:<64 hex digits>, for example ghcr.io/m1k1o/neko/base@sha256:….",
  });
}

/** Parses `registry/path[:tag][@digest]`; throws REFERENCE_INVALID. */
export function parseReference(text: string): Reference {
  const read = readReference(text);
  if (typeof read === "string") throw invalid(text, read);
  return read;
}

/** Whether the text is `registry/path` alone, without tag or digest: the form that a TrustPolicy names. */
export function isRepository(text: string): boolean {
  const read = readReference(text);
  return typeof read !== "string" && read.tag === undefined && read.digest === undefined;
}

/** The parts of a reference, or why the text is none. */
function readReference(text: string): Reference | string {
  if (text.length > 1024) return "it is longer than 1024 characters";
  const [beforeAt = "", digest, ...more] = text.split("@");
  if (more.length > 0) return "it has more than one @";
  if (digest !== undefined && !isDigest(digest)) return "its digest is not sha256 with 64 lower-case hex digits";
  const slash = beforeAt.indexOf("/");
  if (slash < 0) return "it names no registry";
  const registry = beforeAt.slice(0, slash);
  const rest = beforeAt.slice(slash + 1);
  const colon = rest.indexOf(":");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (!isRegistryHost(registry)) return `"${registry}" is not a registry host`;
  if (path.length > 255 || !pathPattern.test(path)) return `"${path}" is not a repository path`;
  if (tag !== undefined && !tagPattern.test(tag)) return `"${tag}" is not a tag`;
  return {
    registry,
    path,
    repository: `${registry}/${path}`,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/**
 * Whether a host, with its port if any, is one that a URL can name, written as the URL writes it. Other ways to write an
 * address (`0x7f.1` and `127.1` for 127.0.0.1) would be asked elsewhere than their name says.
 */
function isRegistryHost(registry: string): boolean {
  const [, name, port] = hostPattern.exec(registry) ?? [];
  if (name === undefined || !(registry.includes(".") || registry.includes(":") || name === "localhost")) return false;
  if (port !== undefined && Number(port) > 65_535) return false;
  // The name alone: a URL leaves its scheme's own port away.
  const url = `https://${name}/`;
  return URL.canParse(url) && new URL(url).host === name;
}

/** Parses a reference that must carry a digest; a tag alone is refused, as it may move between check and use. */
export function parseDigestReference(text: string): DigestReference {
  const reference = parseReference(text);
  const { digest } = reference;
  if (digest !== undefined) return { ...reference, digest };
  throw new Failure({
    code: "REFERENCE_NEEDS_DIGEST",
    kind: "usage",
    message: `"${text}" names a tag, but a digest is required here: a tag may move between the check and the use.`,
    remedy: `Resolve it once with "npx neko-trust verify-image ${text}" and write the digest that it prints.`,
  });
}

/** `repository@digest`, the only form that is used after resolution. */
export function formatDigestReference(repository: string, digest: Digest): string {
  return `${repository}@${digest}`;
}
