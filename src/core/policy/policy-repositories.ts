/** The part of a policy, parsed or about to be, that names repositories. */
interface NamesRepositories {
  readonly images: readonly { readonly repository: string; readonly mirrors: readonly string[] }[];
}

/** Every `registry/path` that a policy names for its images, mirrors included. */
export function repositoriesOf({ images }: NamesRepositories): readonly string[] {
  return images.flatMap(({ repository, mirrors }) => [repository, ...mirrors]);
}
