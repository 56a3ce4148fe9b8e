import { Failure } from "../../core/failure.ts";
import { checkPackage } from "../../operations/check-package.ts";
import { setImmutableReleases } from "../../operations/set-immutable-releases.ts";
import type { RepositoryName } from "../../operations/set-immutable-releases.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";

export interface GitHubImmutableReleasesOptions {
  readonly json?: boolean;
}

export interface GitHubPackageOptions {
  readonly ownerKind?: string;
  readonly visibility?: string;
  readonly repository?: string;
  readonly json?: boolean;
}

/** The action of `github immutable-releases`. */
export async function gitHubImmutableReleasesAction(
  repositoryText: string,
  state: string,
  _options: GitHubImmutableReleasesOptions,
  context: CommandContext,
): Promise<Outcome> {
  const enabled = oneOf("<state>", state, ["on", "off"]) === "on";
  const repository = repositoryOf(repositoryText);
  const result = await setImmutableReleases({ ...apiOf(context), repository, enabled });
  const became = result.outcome === "changed" ? "are now" : "are";
  const reason = result.enforcedByOwner ? `, as ${repository.owner} demands it` : "";
  return {
    exitCode: exitCodes.done,
    lines: [`✓ immutable releases of ${repositoryText} ${became} ${result.enabled ? "on" : "off"}${reason}`],
    document: { ok: true, repository: repositoryText, ...result },
  };
}

/** The action of `github package`. */
export async function gitHubPackageAction(
  text: string,
  options: GitHubPackageOptions,
  context: CommandContext,
): Promise<Outcome> {
  const [owner = "", ...rest] = text.split("/");
  if (rest.length === 0) throw badArgument("<package>", text, "owner/name, below ghcr.io");
  const ownerKind = oneOf("--owner-kind", options.ownerKind, ["organization", "user"]);
  const visibility = oneOf("--visibility", options.visibility, ["public", "private", "internal"]);
  const repository = repositoryOf(options.repository ?? "");
  const name = rest.join("/");
  const result = await checkPackage({ ...apiOf(context), owner, ownerKind, name, visibility, repository });
  return {
    exitCode: exitCodes.done,
    lines:
      result.state === "as-declared"
        ? [`✓ ghcr.io/${text} is ${visibility} and linked to ${repository.owner}/${repository.name}`]
        : [
            `○ ghcr.io/${text} is awaiting the first release`,
            `  Once it was pushed, set it ${visibility} at ${result.settings}`,
          ],
    document: { ok: true, package: `ghcr.io/${text}`, ...result },
  };
}

function apiOf({ environment, signal }: CommandContext): { url: string; token: string; signal: AbortSignal } {
  return {
    url: environment["NEKO_TRUST_TARGET"] ?? "https://api.github.com",
    token: environment["NEKO_TRUST_GITHUB_TOKEN"] ?? "",
    signal,
  };
}

function repositoryOf(text: string): RepositoryName {
  const [owner = "", name = "", ...more] = text.split("/");
  if (owner === "" || name === "" || more.length > 0) throw badArgument("the repository", text, "owner/name");
  return { owner, name };
}

function oneOf<Word extends string>(what: string, found: string | undefined, allowed: readonly Word[]): Word {
  const word = allowed.find((each) => each === found);
  if (word === undefined) throw badArgument(what, found ?? "", allowed.join(" or "));
  return word;
}

function badArgument(what: string, found: string, allowed: string): Failure {
  return new Failure({
    code: "ARGUMENT_INVALID",
    kind: "usage",
    message: `${what} is ${JSON.stringify(found)}, and must be ${allowed}.`,
    remedy: "See the command's --help for an example.",
  });
}
