import { join } from "node:path";
import { Failure, reasonOf } from "../../core/failure.ts";
import { canonicalBytes } from "../../core/json/canonical-json.ts";
import { alreadyAttached, publishEach, withDetails } from "../../operations/publish-each.ts";
import type { PublishedStatement } from "../../operations/publish-statement.ts";
import type { PlatformRebuild } from "../../operations/rebuild.ts";
import { writeFileWhole } from "../../operations/write-file.ts";

export interface RebuildPlace {
  /** The rebuilder's repository. */
  readonly location: string;
  /** Where the predicate of a rebuild is kept that could not be published. */
  readonly folder: string;
}

/**
 * Publishes rebuilds one after another. A build takes hours, and a token may end meanwhile: when one can't be signed or
 * published, its predicate and those after it are kept as `rebuild-<platform>.json`, and the Failure names them beside
 * what is attached already. Throws what `publish` throws.
 */
export async function publishRebuilds(
  rebuilds: readonly PlatformRebuild[],
  publish: (rebuild: PlatformRebuild) => Promise<PublishedStatement>,
  { location, folder }: RebuildPlace,
): Promise<PublishedStatement[]> {
  let done = 0;
  const publishOne = async (rebuild: PlatformRebuild): Promise<PublishedStatement> => {
    const one = await publish(rebuild);
    done += 1;
    return one;
  };
  try {
    return await publishEach(rebuilds, publishOne, (one) => [alreadyAttached(location, one)]);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const kept = rebuilds.slice(done).map((rebuild) => keep(rebuild, folder));
    throw withDetails(error, [
      ...kept,
      "to go on: run it again with a token that is valid; Nix builds nothing anew that its store has",
    ]);
  }
}

function keep({ platform, released, predicate }: PlatformRebuild, folder: string): string {
  const file = join(folder, `rebuild-${platform.replaceAll(/[^A-Za-z0-9_]/g, "-")}.json`);
  try {
    writeFileWhole(file, canonicalBytes(predicate));
    return `not published, predicate kept: ${platform} (${released}) in ${file}`;
  } catch (error) {
    return `not published, predicate not kept: ${platform} (${released}), as ${file} can't be written: ${reasonOf(error)}`;
  }
}
