const prefix = "candidate-";

/**
 * The tag by which a release asks for its attested signature: the confidential signer sees only what a tag names. Nobody else has
 * a use for it: what it names lacks rebuilds and that signature. The version's own tag comes when nothing lacks.
 */
export function candidateTag(version: string): string {
  return `${prefix}${version}`;
}

/** The version of a candidate's tag, the tag itself where it is none. */
export function versionOfTag(tag: string): string {
  return tag.startsWith(prefix) ? tag.slice(prefix.length) : tag;
}
