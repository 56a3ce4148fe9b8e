import { z } from "zod";
import { openGitHubApi } from "../adapters/github/github-api.ts";
import type { GitHubApiOptions } from "../adapters/github/github-api.ts";
import { Failure } from "../core/failure.ts";
import { legible } from "../core/legible.ts";
import { safeParse } from "../core/safe-parse.ts";
import { pathPart } from "./set-immutable-releases.ts";
import type { RepositoryName } from "./set-immutable-releases.ts";

export interface CheckPackageOptions extends GitHubApiOptions {
  /** The organisation or user that the package is of. */
  readonly owner: string;
  readonly ownerKind: "organization" | "user";
  /** Below the owner, for example `neko` or `neko/base`. */
  readonly name: string;
  readonly visibility: "public" | "private" | "internal";
  /** The repository that it has to be linked to: its access is the package's. */
  readonly repository: RepositoryName;
}

export type PackageState =
  /** Nothing was pushed yet. Not a fault: the first release makes the package. */
  | { readonly state: "awaiting-first-release"; readonly settings: string }
  | { readonly state: "as-declared"; readonly settings: string };

const packageSchema = z.looseObject({
  visibility: z.string(),
  repository: z.looseObject({ full_name: z.string() }).nullish(),
});

/** Scopes of a classic token with which a package would have been seen. */
const readingScopes = ["read:packages", "write:packages", "delete:packages"];

/**
 * Whether a GHCR package is as it was declared. GitHub has no call that sets visibility or link, so that all this can do
 * is to look, and to say where a person sets it.
 * Throws PACKAGE_NOT_AS_DECLARED (refused, with a line for each difference), PACKAGE_UNSEEN (usage) when the token can't
 * tell "not there" from "not for you", and what the API throws.
 */
export async function checkPackage(options: CheckPackageOptions): Promise<PackageState> {
  const { owner, ownerKind, visibility, repository } = options;
  const api = openGitHubApi(options);
  const name = options.name.split("/").map(pathPart).join("%2F");
  const collection = ownerKind === "organization" ? "orgs" : "users";
  const settings = `https://github.com/${collection}/${pathPart(owner)}/packages/container/${name}/settings`;
  const answer = await api.get(`/${collection}/${pathPart(owner)}/packages/container/${name}`);
  if (answer.kind === "absent") {
    if (answer.scopes?.some((scope) => readingScopes.includes(scope)) !== true) throw unseen(owner, options.name);
    return { state: "awaiting-first-release", settings };
  }
  const parsed = safeParse(packageSchema, answer.json);
  if (!parsed.success) {
    throw new Failure({
      code: "GITHUB_UNAVAILABLE",
      kind: "unavailable",
      message: "GitHub's answer about the package does not say who may see it.",
      remedy: "Try again; if it stays, look for a proxy or a wrong address.",
    });
  }
  const found = parsed.data;
  const wanted = `${repository.owner}/${repository.name}`;
  const linked = found.repository?.full_name;
  const differences = [
    ...(found.visibility === visibility ? [] : [`It is ${legible(found.visibility)}, and was declared ${visibility}.`]),
    // GitHub takes names in any case for the same one.
    ...(linked?.toLowerCase() === wanted.toLowerCase()
      ? []
      : [`It is linked to ${linked === undefined ? "no repository" : legible(linked)}, and not to ${wanted}.`]),
  ];
  if (differences.length === 0) return { state: "as-declared", settings };
  throw new Failure({
    code: "PACKAGE_NOT_AS_DECLARED",
    kind: "refused",
    message: `The package ghcr.io/${owner}/${options.name} is not as it was declared.`,
    remedy: `GitHub has no call that changes it: set it by hand at ${settings}`,
    details: differences,
  });
}

function unseen(owner: string, name: string): Failure {
  return new Failure({
    code: "PACKAGE_UNSEEN",
    kind: "usage",
    message: `GitHub shows no package ghcr.io/${owner}/${name}, and the token does not say whether it could have seen it.`,
    remedy: "Use a classic token with the scope read:packages: no other kind can read packages of an account.",
  });
}
