import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { openGitHubApi } from "../adapters/github/github-api.ts";
import type { GitHubApi, GitHubApiOptions } from "../adapters/github/github-api.ts";
import { Failure } from "../core/failure.ts";
import { safeParse } from "../core/safe-parse.ts";

/** A repository as GitHub's API names it; both parts are checked before they become part of an address. */
export interface RepositoryName {
  readonly owner: string;
  readonly name: string;
}

export interface ImmutableReleases {
  /** `changed`: it was set by this call; `unchanged`: it was so already. Both were read back. */
  readonly outcome: "changed" | "unchanged";
  readonly enabled: boolean;
  /** The organisation or user demands it of all its repositories. */
  readonly enforcedByOwner: boolean;
}

const settingSchema = z.looseObject({ enabled: z.boolean(), enforced_by_owner: z.boolean().default(false) });

/** What GitHub says of a repository to who administers it. */
const administeredSchema = z.looseObject({ permissions: z.looseObject({ admin: z.literal(true) }) });

/** Reads may lag some seconds behind a write. */
const readBack = { tries: 6, waitMilliseconds: 2_000 };

export interface SetImmutableReleasesOptions extends GitHubApiOptions {
  readonly repository: RepositoryName;
  readonly enabled: boolean;
  /** Between two reads that follow a write; two seconds if left out. */
  readonly waitMilliseconds?: number;
}

/**
 * Turns immutable releases on or off (docs.github.com/rest/repos: PUT, DELETE and GET of immutable-releases) and reads
 * back that it is so. A second call changes nothing.
 * Throws GITHUB_REPOSITORY_UNSEEN (usage), IMMUTABLE_RELEASES_ENFORCED, IMMUTABLE_RELEASES_NOT_SET (refused), and what
 * the API throws.
 */
export async function setImmutableReleases(options: SetImmutableReleasesOptions): Promise<ImmutableReleases> {
  const { repository, enabled } = options;
  const api = openGitHubApi(options);
  const path = `/repos/${pathPart(repository.owner)}/${pathPart(repository.name)}`;
  const before = await read(api, path, repository);
  if (before.enabled === enabled) return { outcome: "unchanged", ...before };
  if (before.enforcedByOwner) throw enforced(repository);
  const setting = `${path}/immutable-releases`;
  const answer = await (enabled ? api.put(setting) : api.delete(setting));
  if (answer.kind === "absent") throw unseen(repository);
  for (let tries = 0; tries < readBack.tries; tries += 1) {
    const after = await read(api, path, repository);
    if (after.enabled === enabled) return { outcome: "changed", ...after };
    await wait(options.waitMilliseconds ?? readBack.waitMilliseconds, undefined, { signal: options.signal });
  }
  throw new Failure({
    code: "IMMUTABLE_RELEASES_NOT_SET",
    kind: "refused",
    message: `GitHub took the call, but immutable releases of ${repository.owner}/${repository.name} are still ${enabled ? "off" : "on"}.`,
    remedy: "Look at the repository's settings, section Releases, and run it again.",
  });
}

/** The setting. GitHub says 404 of one that is off, and to who does not administer the repository: that is asked next. */
async function read(
  api: GitHubApi,
  path: string,
  repository: RepositoryName,
): Promise<{ enabled: boolean; enforcedByOwner: boolean }> {
  const answer = await api.get(`${path}/immutable-releases`);
  if (answer.kind === "absent") {
    const whole = await api.get(path);
    const administers = whole.kind === "ok" && safeParse(administeredSchema, whole.json).success;
    if (!administers) throw unseen(repository);
    return { enabled: false, enforcedByOwner: false };
  }
  const parsed = safeParse(settingSchema, answer.json);
  if (parsed.success) return { enabled: parsed.data.enabled, enforcedByOwner: parsed.data.enforced_by_owner };
  throw new Failure({
    code: "GITHUB_UNAVAILABLE",
    kind: "unavailable",
    message: "GitHub's answer about immutable releases does not say whether they are on.",
    remedy: "Try again; if it stays, look for a proxy or a wrong address.",
  });
}

/** Refuses what would lead to another address than the one that was meant. */
export function pathPart(text: string): string {
  if (/^[A-Za-z0-9._-]{1,100}$/.test(text) && !/^\.+$/.test(text)) return text;
  throw new Failure({
    code: "GITHUB_NAME_INVALID",
    kind: "usage",
    message: `${JSON.stringify(text)} is no name of an owner or repository.`,
    remedy: "Write owner/name, in letters, digits, dots, dashes and underscores.",
  });
}

function unseen({ owner, name }: RepositoryName): Failure {
  return new Failure({
    code: "GITHUB_REPOSITORY_UNSEEN",
    kind: "usage",
    message: `${owner}/${name} is not there, or the token may not administer it.`,
    remedy: "Check the name, and give the token administration of the repository (read and write).",
  });
}

function enforced({ owner, name }: RepositoryName): Failure {
  return new Failure({
    code: "IMMUTABLE_RELEASES_ENFORCED",
    kind: "refused",
    message: `${owner} demands immutable releases of all its repositories: they can't be turned off for ${name}.`,
    remedy: "Leave them on, or change it in the settings of the organisation.",
  });
}
