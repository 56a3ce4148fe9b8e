/** Why a resource of a plan exists, and which of its properties a reviewer looks at first. */
export interface Purpose {
  readonly purpose: string;
  /** Dotted paths into the resource's inputs, in the order in which they are shown. */
  readonly properties: readonly string[];
}

const of = (purpose: string, ...properties: readonly string[]): Purpose => ({ purpose, properties });

/** By type token. The components' READMEs say more. */
const purposes: Readonly<Record<string, Purpose>> = {
  "github:index/repository:Repository": of("The repository that builds and publishes the image.", "name", "visibility"),
};

/** The purpose of a type; a type that nobody described throws, so that no resource gets into a plan unexplained. */
export function purposeOf(type: string): Purpose {
  const found = Object.hasOwn(purposes, type) ? purposes[type] : undefined;
  if (found === undefined) throw new Error(`src/report/resource-purposes.ts does not say why ${type} exists`);
  return found;
}
