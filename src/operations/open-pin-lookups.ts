import { gitHubApi } from "../adapters/github/ask-github.ts";
import { openRegistry } from "./open-registry.ts";
import { openPinSources } from "./pin-sources.ts";
import type { PinSources } from "./pin-sources.ts";

/** What answers for pins, with the credentials of an environment. Throws GITHUB_API_URL (usage). */
export function openPinLookups(
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): PinSources {
  const github = { api: gitHubApi(environment), token: gitHubToken(environment), signal };
  return openPinSources({ registry: openRegistry(environment, signal), github, signal });
}

/** GH_TOKEN, else GITHUB_TOKEN, as GitHub's own command line has it; undefined when neither is set. */
export function gitHubToken(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  return [environment["GH_TOKEN"], environment["GITHUB_TOKEN"]].find((token) => token !== undefined && token !== "");
}
