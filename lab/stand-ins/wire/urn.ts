/** The parts of a resource's URN: `urn:pulumi:<stack>::<project>::<types, parents first, with $>::<name>`. */
export interface Urn {
  readonly stack: string;
  readonly project: string;
  /** The resource's own type token, without its parents'. */
  readonly type: string;
  readonly name: string;
}

const form = /^urn:pulumi:([^:]+)::([^:]+)::(.+?)::(.*)$/su;

/** The parts of a URN, or undefined when the text is none. A resource's name may itself hold `::`; a type can't. */
export function parseUrn(text: string): Urn | undefined {
  const [, stack, project, types, name] = form.exec(text) ?? [];
  if (stack === undefined || project === undefined || types === undefined || name === undefined) return undefined;
  return { stack, project, type: types.slice(types.lastIndexOf("$") + 1), name };
}
