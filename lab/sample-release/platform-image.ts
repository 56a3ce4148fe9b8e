import { buildImage, buildLayer } from "../../src/core/oci/layout-builder.ts";
import { imageLayout } from "../../src/core/oci/layout-files.ts";
import { formatPlatform } from "../../src/core/oci/formats.ts";
import { imageEntries, storeObject } from "./store-object.ts";
import type { BuiltImage } from "../../src/core/oci/layout-builder.ts";
import type { LayoutFiles } from "../../src/core/oci/layout-files.ts";
import type { SamplePlatform } from "./sample-input.ts";
import type { StoreObject } from "./store-object.ts";

/** One platform's image, and the Nix output that it is: an OCI layout directory. */
export interface PlatformImage {
  /** `linux/amd64`. */
  readonly platform: string;
  readonly image: BuiltImage;
  readonly layout: LayoutFiles;
  /** The layout directory as a store object. */
  readonly output: StoreObject;
  /** What the image holds: the given trees and the platform's own. */
  readonly contents: readonly StoreObject[];
}

/**
 * Layers are not compressed: then the digests do not depend on the version of zlib, and a layer of text of this size
 * is small anyway.
 */
const compression = "none";

export function buildPlatformImage(input: {
  readonly name: string;
  readonly platform: SamplePlatform;
  readonly trees: readonly StoreObject[];
  readonly sourceDateEpoch: number;
  readonly annotations: Readonly<Record<string, string>>;
}): PlatformImage {
  const { name, platform, trees, sourceDateEpoch, annotations } = input;
  const text = formatPlatform(platform);
  const marker = { executable: false, contents: new TextEncoder().encode(`${text}\n`) };
  const own = storeObject(`${name}-platform`, new Map([["etc/neko-trust/platform", marker]]));
  const contents = [...trees, own];
  const settings = { sourceDateEpoch, compression } as const;
  const layers = trees.map((tree) => buildLayer(imageEntries(tree), settings));
  const link = { kind: "symlink", path: "etc/neko-trust", target: `${own.storePath}/etc/neko-trust` } as const;
  layers.push(buildLayer([...imageEntries(own), link], settings));
  const image = buildImage(layers, { platform, sourceDateEpoch, labels: annotations, annotations });
  const layout = imageLayout(image);
  const files = new Map(Array.from(layout, ([path, bytes]) => [path, { executable: false, contents: bytes }] as const));
  const output = storeObject(`${name}-image-${platform.os}-${platform.architecture}`, files);
  return { platform: text, image, layout, output, contents };
}
