import { rcompare, valid } from "semver";
import { versionOfTag } from "./candidate-tag.ts";

/**
 * Tags in the order in which they matter to somebody who can't look at all: the newest versions first (semver.org, section 11,
 * with or without a leading v, and candidates of a version as the version), then whatever else there is, in the order given.
 * Nothing is lost.
 */
export function orderTags(tags: readonly string[]): readonly string[] {
  const isVersion = (tag: string): boolean => valid(versionOfTag(tag)) !== null;
  const versions = tags.filter(isVersion).sort((a, b) => rcompare(versionOfTag(a), versionOfTag(b)));
  return [...versions, ...tags.filter((tag) => !isVersion(tag))];
}
