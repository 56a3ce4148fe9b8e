import { download } from "../adapters/downloads/download.ts";
import { askGitHub } from "../adapters/github/ask-github.ts";
import type { GitHubAccess } from "../adapters/github/ask-github.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import type { Answer } from "../core/oci/answer.ts";
import { digestOf } from "../core/oci/digest.ts";
import { parseReference } from "../core/release/reference.ts";
import { z } from "zod";
import { safeParse } from "../core/safe-parse.ts";
import { readChartIndex } from "../core/pins/chart-index.ts";
import { checksumOf } from "../core/pins/checksum-file.ts";
import type { PinEntry } from "./pin-entries.ts";

/** What is there now, by field path joined with a dot; or why that can't be said. */
export type Looked =
  | { readonly kind: "found"; readonly values: Readonly<Record<string, string>> }
  /** Whoever holds it says that there is no such version. */
  | { readonly kind: "absent"; readonly detail: string }
  /** Two sources of one digest don't agree: neither is taken. */
  | { readonly kind: "contradicted"; readonly detail: string }
  | { readonly kind: "unavailable"; readonly detail: string };

export interface PinSources {
  look(entry: PinEntry): Promise<Looked>;
}

export interface PinSourceOptions {
  readonly registry: RegistryClient;
  readonly github: GitHubAccess;
  readonly signal?: AbortSignal | undefined;
  /** Fetches a public file; from the network unless given. */
  readonly fetch?: (address: string, maxBytes: number) => Promise<Answer<Uint8Array>>;
}

const maxIndexBytes = 32 * 1024 * 1024;
const maxArchiveBytes = 64 * 1024 * 1024;
const mostDereferences = 5;

/** Asks registries, chart repositories and GitHub what each pinned version is now. One index is fetched once. */
export function openPinSources(options: PinSourceOptions): PinSources {
  const { registry, github, signal } = options;
  const fetchFile =
    options.fetch ?? ((address: string, maxBytes: number) => download(address, { maxBytes, signal: signal }));
  const indexes = new Map<string, Promise<Answer<Uint8Array>>>();
  const indexOf = (address: string): Promise<Answer<Uint8Array>> => {
    const held = indexes.get(address) ?? fetchFile(address, maxIndexBytes);
    indexes.set(address, held);
    return held;
  };
  return {
    async look(entry) {
      switch (entry.kind) {
        case "image":
          return lookInRegistry(registry, entry.pin.repository, entry.version, signal);
        case "chart": {
          const { repository, chart = entry.name } = entry.pin;
          if (!repository.startsWith("oci://"))
            return lookInIndex(repository, chart, entry.version, indexOf, fetchFile);
          // Helm writes + as _ in tags, which have no + (helm.sh/docs/topics/registries).
          const tag = entry.version.replaceAll("+", "_");
          return lookInRegistry(registry, repository.slice("oci://".length).replace(/\/$/, ""), tag, signal);
        }
        case "action":
          return lookAtTag(github, entry.pin.uses, entry.version);
        case "plugin":
          return lookAtRelease(github, entry.name, entry.version, fetchFile);
      }
    },
  };
}

/** Why there is no value: `absent` is about the content, everything else says nothing of it. */
function without(answer: Exclude<Answer<never>, { kind: "found" }>, what: string): Looked {
  if (answer.kind === "absent") return { kind: "absent", detail: `${what} is not there` };
  return { kind: "unavailable", detail: `${what}: ${answer.kind} (${answer.detail})` };
}

async function lookInRegistry(
  client: RegistryClient,
  repository: string,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<Looked> {
  const answer = await client.resolve(parseReference(`${repository}:${tag}`), signal);
  if (answer.kind === "found") return { kind: "found", values: { digest: answer.value.digest } };
  return without(answer, `${repository}:${tag}`);
}

async function lookInIndex(
  repository: string,
  chart: string,
  version: string,
  indexOf: (address: string) => Promise<Answer<Uint8Array>>,
  fetchFile: (address: string, maxBytes: number) => Promise<Answer<Uint8Array>>,
): Promise<Looked> {
  const base = repository.endsWith("/") ? repository : `${repository}/`;
  const answer = await indexOf(`${base}index.yaml`);
  if (answer.kind !== "found") return without(answer, `${base}index.yaml`);
  const listed = readChartIndex(answer.value, chart, version);
  if (listed.kind === "absent") return { kind: "absent", detail: `${base}index.yaml lists no ${chart} ${version}` };
  if (listed.kind === "invalid") return { kind: "unavailable", detail: `${base}index.yaml: ${listed.why}` };
  const address = URL.parse(listed.url, base)?.href;
  if (address === undefined) return { kind: "unavailable", detail: `${base}index.yaml names no address for ${chart}` };
  const archive = await fetchFile(address, maxArchiveBytes);
  if (archive.kind !== "found") return without(archive, `the archive of ${chart} ${version}`);
  const digest = digestOf(archive.value);
  if (listed.digest !== undefined && listed.digest !== digest) {
    return { kind: "contradicted", detail: `the index lists ${listed.digest}, the archive is ${digest}` };
  }
  return { kind: "found", values: { digest } };
}

const gitObject = z.looseObject({
  object: z.looseObject({ type: z.string(), sha: z.string().regex(/^[0-9a-f]{40}$/) }),
});

/** The commit that a tag means: an annotated tag is an object that names another. */
async function lookAtTag(github: GitHubAccess, uses: string, version: string): Promise<Looked> {
  const [owner = "", name = ""] = uses.split("/");
  const repository = `${owner}/${name}`;
  let path = ["repos", owner, name, "git", "ref", "tags", version];
  for (let step = 0; step <= mostDereferences; step += 1) {
    const answer = await askGitHub(github, path);
    if (answer.kind !== "found") return without(answer, `tag ${version} of ${repository}`);
    const parsed = safeParse(gitObject, answer.value.value);
    if (!parsed.success) return { kind: "unavailable", detail: `GitHub's answer for ${repository} names no object` };
    const { type, sha } = parsed.data.object;
    if (type === "commit") return { kind: "found", values: { commit: sha } };
    if (type !== "tag") return { kind: "absent", detail: `tag ${version} of ${repository} names no commit` };
    path = ["repos", owner, name, "git", "tags", sha];
  }
  return { kind: "unavailable", detail: `tag ${version} of ${repository} leads to more than ${mostDereferences} tags` };
}

const release = z.looseObject({
  assets: z.array(
    z.looseObject({
      name: z.string(),
      browser_download_url: z.string(),
      /** GitHub's own, of the bytes that it holds; releases before June 2025 have none. */
      digest: z.string().nullish(),
    }),
  ),
});

const platforms = { "linux/amd64": "linux-amd64", "linux/arm64": "linux-arm64" } as const;

/** The archives of a provider's release: by its publisher's file of checksums, compared with what GitHub says of them. */
async function lookAtRelease(
  github: GitHubAccess,
  name: string,
  version: string,
  fetchFile: (address: string, maxBytes: number) => Promise<Answer<Uint8Array>>,
): Promise<Looked> {
  const what = `release v${version} of pulumi/pulumi-${name}`;
  const answer = await askGitHub(github, ["repos", "pulumi", `pulumi-${name}`, "releases", "tags", `v${version}`]);
  if (answer.kind !== "found") return without(answer, what);
  const parsed = safeParse(release, answer.value.value);
  if (!parsed.success) return { kind: "unavailable", detail: `GitHub's answer for ${what} lists no assets` };
  const { assets } = parsed.data;
  const file = assets.find((asset) => /(?:checksums\.txt|SHA256SUMS?)$/i.test(asset.name));
  let checksums = "";
  if (file !== undefined) {
    const fetched = await fetchFile(file.browser_download_url, 1024 * 1024);
    if (fetched.kind !== "found") return without(fetched, `${file.name} of ${what}`);
    checksums = Buffer.from(fetched.value).toString("utf8");
  }
  const values: Record<string, string> = {};
  for (const [platform, suffix] of Object.entries(platforms)) {
    const archive = `pulumi-resource-${name}-v${version}-${suffix}.tar.gz`;
    const published = checksumOf(checksums, archive);
    const held = assets.find((asset) => asset.name === archive)?.digest ?? undefined;
    if (published !== undefined && held !== undefined && published !== held) {
      return { kind: "contradicted", detail: `${archive}: the publisher says ${published}, GitHub holds ${held}` };
    }
    const digest = published ?? held;
    if (digest === undefined) return { kind: "absent", detail: `${what} has no checksum of ${archive}` };
    values[`sha256.${platform}`] = digest;
  }
  return { kind: "found", values };
}
