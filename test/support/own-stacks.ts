import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isPlaceholderText } from "../../src/config/placeholders.ts";
import { stackFile, yamlKeys } from "../../src/config/read-config.ts";
import { isRecord } from "../../src/core/is-record.ts";

/** The stacks that the project delivers as examples, to be filled in; local is the lab's and stays as it is. */
export const deliveredStacks = ["platform", "production", "staging"] as const;

const checkout = join(import.meta.dirname, "..", "..");

/**
 * Why a test of what the project delivers is skipped, for its `skip`: one of these stacks is an installation's own by now;
 * false while all of them are as delivered. `instead` says what looks at an own stack in the test's place.
 */
export function skipOwn(stacks: readonly string[], instead: string, root: string = checkout): string | false {
  const own = stacks.filter((stack) => isOwnStack(stack, root));
  if (own.length === 0) return false;
  return `${own.map(stackFile).join(", ")} ${own.length === 1 ? "is" : "are"} your own: ${instead}`;
}

/**
 * Whether somebody filled in whose releases a stack runs: the repository of each signer. That comes first, and alone says
 * that the file is somebody's: digests stay zeros until there is a release. A policy that can't be read is as delivered, so
 * that its tests run and fail; throws where the file is absent or no YAML.
 */
export function isOwnStack(stack: string, root: string = checkout): boolean {
  const { policy } = yamlKeys(readFileSync(join(root, stackFile(stack)), "utf8"), stack);
  const signers: unknown = isRecord(policy) ? policy["signers"] : undefined;
  if (!Array.isArray(signers) || signers.length === 0) return false;
  const repositories = signers.map((signer: unknown) => (isRecord(signer) ? signer["repository"] : undefined));
  return repositories.every((name) => typeof name === "string" && !isPlaceholderText(name));
}
