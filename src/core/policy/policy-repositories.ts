import type { TrustPolicy } from "./trust-policy.ts";

/** Every `registry/path` that a policy names for its images, mirrors included. */
export function repositoriesOf({ images }: Pick<TrustPolicy, "images">): readonly string[] {
  return images.flatMap(({ repository, mirrors }) => [repository, ...mirrors]);
}
