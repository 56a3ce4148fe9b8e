import { valid } from "semver";

/** Whether versions can be compared by it: strictly as semver.org has it, so that comparing never throws. */
export function isSemanticVersion(text: string): boolean {
  return valid(text) === text;
}
