import { boundedReader } from "../adapters/registry/bounded-reader.ts";
import type { ReadLimits } from "../adapters/registry/bounded-reader.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import type { Digest } from "../core/oci/digest.ts";
import { collectReferrers } from "./collect-referrers.ts";
import type { ReferrersBySubject } from "./collect-referrers.ts";

/** A rebuilder of the policy, as far as reading its statements goes. */
export interface RebuilderLocation {
  readonly id: string;
  /** `registry/path` where it publishes. */
  readonly location: string;
}

export interface CollectRebuildsRequest {
  readonly rebuilders: readonly RebuilderLocation[];
  readonly platforms: readonly Digest[];
  /** The image's own repository, whose referrers are being read already. */
  readonly own: { readonly repository: string; readonly referrers: Promise<ReferrersBySubject> };
  /** For each location by itself: one that stalls or floods takes nothing from the others. */
  readonly limits: ReadLimits;
}

/**
 * By rebuilder's id: the referrers that its location lists for each platform. A location is read once for all
 * rebuilders that publish there. Rejects as the client does.
 */
export async function collectRebuilds(
  client: RegistryClient,
  { rebuilders, platforms, own, limits }: CollectRebuildsRequest,
): Promise<ReadonlyMap<string, ReferrersBySubject>> {
  const read = async (location: string): Promise<ReferrersBySubject> => {
    if (location === own.repository) return ofPlatforms(await own.referrers, platforms);
    const reader = boundedReader(client, location, limits);
    try {
      return new Map(
        await Promise.all(
          platforms.map(async (platform) => [platform, await collectReferrers(reader, platform)] as const),
        ),
      );
    } finally {
      reader.close();
    }
  };
  const locations = new Map<string, Promise<ReferrersBySubject>>();
  return new Map(
    await Promise.all(
      rebuilders.map(async ({ id, location }) => {
        const reading = locations.get(location) ?? read(location);
        locations.set(location, reading);
        return [id, await reading] as const;
      }),
    ),
  );
}

function ofPlatforms(all: ReferrersBySubject, platforms: readonly Digest[]): ReferrersBySubject {
  const wanted = new Set(platforms);
  return new Map([...all].filter(([subject]) => wanted.has(subject)));
}
