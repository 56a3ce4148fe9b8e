import { gitHubApi } from "../adapters/github/ask-github.ts";
import type { GitHubAccess } from "../adapters/github/ask-github.ts";
import type { GoogleAccess } from "./adopt-existing.ts";
import { accessToken, googleApi } from "./google-token.ts";
import { gitHubToken } from "./open-pin-lookups.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where existing things are asked for, with the credentials of an environment. Throws GITHUB_API_URL (usage). */
export async function adoptionAccess(
  environment: Environment,
  signal: AbortSignal,
): Promise<{ readonly github: GitHubAccess; readonly google: GoogleAccess | undefined }> {
  const github = { api: gitHubApi(environment), token: gitHubToken(environment), signal, retries: 1 };
  const token = await accessToken(environment, signal);
  if (token.kind !== "found") return { github, google: undefined };
  const iam = googleApi("iam", environment);
  const kms = googleApi("cloudkms", environment);
  return { github, google: { token: token.token, iam, kms, signal } };
}
