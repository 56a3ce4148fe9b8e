import { Failure } from "../core/failure.ts";
import type { StackConfig } from "../config/stack-config.ts";
import { formatDigestReference, parseDigestReference } from "../core/release/reference.ts";
import type { DigestReference } from "../core/release/reference.ts";
import { imageOf } from "./change-releases.ts";
import type { OpenStackFile } from "./edit-stack-file.ts";

export interface PromotedFrom {
  readonly stack: string;
  readonly config: Pick<StackConfig, "policy" | "releases">;
}

/**
 * What stack `to` has to run to run what stack `from` runs: for each release of `from` the same digest, at the repository
 * where `to` has that image (by the name that both policies give it). `only` limits it to one image. Throws
 * PROMOTE_NOTHING, PROMOTE_IMAGE_UNKNOWN and PROMOTE_AMBIGUOUS (usage).
 */
export function promotedReferences(from: PromotedFrom, to: OpenStackFile, only?: string): DigestReference[] {
  const named = from.config.releases.map(({ image, current }) => ({
    name: imageOf(from.config.policy, image)?.name ?? image,
    repository: image,
    current,
  }));
  const chosen = named.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) {
    const names = [...new Set(named.map(({ name }) => name))];
    throw new Failure({
      code: "PROMOTE_NOTHING",
      kind: "usage",
      message:
        only === undefined || names.length === 0
          ? `Stack ${from.stack} has no release to promote.`
          : `Stack ${from.stack} has no release of an image that its policy calls "${only}".`,
      remedy:
        names.length === 0
          ? `Give it one first: npx neko-trust release set ${from.stack} <reference>.`
          : `Name one of: ${names.join(", ")}.`,
    });
  }
  const targets = new Map<string, DigestReference>();
  for (const { name, repository, current } of chosen) {
    const target = targetOf(to, name, repository);
    const reference = parseDigestReference(formatDigestReference(target, current));
    const before = targets.get(target);
    if (before !== undefined && before.digest !== reference.digest) {
      throw ambiguous(
        `Stack ${from.stack} has two releases of "${name}" (${before.digest} and ${current}), which stack ${to.stack} would both take from ${target}.`,
        `Leave one of them in stacks/Pulumi.${from.stack}.yaml, or set the release of stack ${to.stack} with release set.`,
      );
    }
    targets.set(target, reference);
  }
  return [...targets.values()];
}

/** Where stack `to` has an image: as its release says; else in the same repository; else in its policy's repository. */
function targetOf(to: OpenStackFile, name: string, repository: string): string {
  const { policy, releases } = to.config;
  const images = policy.images.filter((image) => image.name === name);
  const same = images.filter((image) => image === imageOf(policy, repository));
  const [image, ...more] = same.length > 0 ? same : images;
  if (image === undefined) {
    throw new Failure({
      code: "PROMOTE_IMAGE_UNKNOWN",
      kind: "usage",
      message: `Policy "${policy.name}" of stack ${to.stack} names no image "${name}": nothing was changed.`,
      remedy: `Review the image and add it to images in ${to.file}, or promote others with --image.`,
    });
  }
  if (more.length > 0) {
    throw ambiguous(
      `Policy "${policy.name}" of stack ${to.stack} has ${more.length + 1} images called "${name}", none of which lies in ${repository}.`,
      `Set the release with: npx neko-trust release set ${to.stack} <reference>.`,
    );
  }
  const entry = releases.find((release) => imageOf(policy, release.image) === image);
  if (entry !== undefined) return entry.image;
  return same.length > 0 ? repository : image.repository;
}

function ambiguous(message: string, remedy: string): Failure {
  return new Failure({ code: "PROMOTE_AMBIGUOUS", kind: "usage", message, remedy });
}
