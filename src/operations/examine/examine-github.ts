import { z } from "zod";
import { askGitHub } from "../../adapters/github/ask-github.ts";
import type { GitHubAccess } from "../../adapters/github/ask-github.ts";
import type { StackConfig } from "../../config/stack-config.ts";
import { couldNotAsk, missing, ok } from "../../core/check-result.ts";
import type { CheckResult } from "../../core/check-result.ts";
import { safeParse } from "../../core/safe-parse.ts";
import type { Purpose } from "./purpose.ts";

/** Where the token that is examined came from, for the message. */
export interface GitHubToken {
  readonly token: string;
  readonly from: string;
}

/** What the stack asks of a token: read to show that the permission is there; writing is not tried. */
interface Probe {
  readonly permission: string;
  readonly path: (owner: string, name: string) => readonly string[];
}

const repositoryProbes: readonly Probe[] = [
  { permission: "Administration", path: (owner, name) => ["repos", owner, name, "actions", "permissions"] },
  { permission: "Environments", path: (owner, name) => ["repos", owner, name, "environments"] },
  { permission: "Secrets", path: (owner, name) => ["repos", owner, name, "actions", "secrets"] },
  { permission: "Variables", path: (owner, name) => ["repos", owner, name, "actions", "variables"] },
];

const repository = z.looseObject({ permissions: z.looseObject({ admin: z.boolean() }).optional() });

const listed = "docs/getting-started.md lists what the token needs.";
const soonMilliseconds = 14 * 24 * 3600 * 1000;

/** Checks of the GitHub token: accepted, not about to expire, sees what the stack manages; for an update, administers the repository. */
export async function examineGitHub(
  config: StackConfig,
  given: GitHubToken | undefined,
  purpose: Purpose,
  access: Omit<GitHubAccess, "token">,
  now: Date,
): Promise<CheckResult[]> {
  const name = "github token";
  const owner = config.githubOwner;
  if (owner === undefined) return [ok(name, "the stack manages nothing on GitHub")];
  if (given === undefined) {
    return [
      couldNotAsk(
        name,
        "no token at hand",
        "Set GH_TOKEN to the token that the stack uses, or install pulumi and sign in to the stack's backend.",
      ),
    ];
  }
  const github = { ...access, token: given.token };
  const limit = await askGitHub(github, ["rate_limit"]);
  if (limit.kind === "unauthorized") {
    return [missing(name, `GitHub does not accept the one from ${given.from}`, `Make another; ${listed}`)];
  }
  if (limit.kind !== "found") return [couldNotAsk(name, sentence(limit), "Try again where GitHub can be reached.")];
  const { headers } = limit.value;
  const checks = [ok(name, `accepted (${kindOf(headers)}, from ${given.from})`), ...expiry(headers, now)];
  const managed = config.ghcrRepository?.name;
  return managed === undefined ? checks : [...checks, ...(await examineRepository(github, purpose, owner, managed))];
}

async function examineRepository(
  github: GitHubAccess,
  purpose: Purpose,
  owner: string,
  name: string,
): Promise<CheckResult[]> {
  const title = `repository ${owner}/${name}`;
  const answer = await askGitHub(github, ["repos", owner, name]);
  if (answer.kind === "absent") {
    const says = "not there, or the token may not see it";
    return [ok(title, `${says}: the stack creates it, which takes the right to create repositories of ${owner}`)];
  }
  if (answer.kind !== "found") return [couldNotAsk(title, sentence(answer), "Try again where GitHub can be reached.")];
  const parsed = safeParse(repository, answer.value.value);
  const admin = parsed.success ? parsed.data.permissions?.admin : undefined;
  const administers =
    admin === false && purpose === "apply"
      ? missing(title, "the token does not administer it", `Give it the role admin there; ${listed}`)
      : ok(title, admin === true ? "the token administers it" : "the token sees it");
  const probes = await Promise.all(repositoryProbes.map((probe) => examineProbe(github, purpose, probe, owner, name)));
  return [administers, ...probes];
}

async function examineProbe(
  github: GitHubAccess,
  purpose: Purpose,
  { permission, path }: Probe,
  owner: string,
  name: string,
): Promise<CheckResult> {
  const title = `github permission ${permission}`;
  const answer = await askGitHub(github, path(owner, name));
  if (answer.kind === "found")
    return ok(title, purpose === "plan" ? "read" : "read; writing can't be tried without doing it");
  // GitHub says 404, too, to a token that lacks a permission.
  if (answer.kind === "absent" || answer.kind === "unauthorized" || answer.kind === "forbidden") {
    return missing(
      title,
      "the token lacks it",
      `Give it ${permission}: ${purpose === "plan" ? "read" : "read and write"}; ${listed}`,
    );
  }
  return couldNotAsk(title, sentence(answer), "Try again where GitHub can be reached.");
}

/** Classic tokens tell their scopes in a header; the others have none. */
function kindOf(headers: Headers): string {
  const scopes = headers.get("x-oauth-scopes");
  if (scopes === null) return "fine-grained, or of an app";
  return scopes === "" ? "classic, without scopes" : `classic, scopes ${scopes}`;
}

function expiry(headers: Headers, now: Date): CheckResult[] {
  // "2026-12-01 10:00:00 UTC" or "… +0100" (docs.github.com, "Token expiration and revocation").
  const text = headers.get("github-authentication-token-expiration");
  const time = text === null ? NaN : Date.parse(text.replace(" UTC", "Z").replace(" ", "T"));
  if (Number.isNaN(time)) return [];
  const date = new Date(time).toISOString().slice(0, 10);
  const name = "github token's expiry";
  return time - now.getTime() < soonMilliseconds
    ? [missing(name, `it expires on ${date}`, `Make another and set it; ${listed}`)]
    : [ok(name, date)];
}

function sentence(answer: { readonly kind: string; readonly detail?: string }): string {
  return answer.detail === undefined ? answer.kind : `${answer.kind}: ${answer.detail}`;
}
