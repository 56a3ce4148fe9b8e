import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Installable, Nix } from "../adapters/nix/nix.ts";
import { withStorePath } from "../adapters/nix/on-disk.ts";
import type { ImageLayout } from "../adapters/oci-layout/open-image-layout.ts";
import { Failure } from "../core/failure.ts";
import { parsePlatformManifest } from "../core/oci/parse.ts";
import type { SignerPart } from "../core/release/manifest.ts";
import { measureSigner } from "./measure-signer.ts";

/** Where the flake says what the signer's disk boots, and how that is measured (docs/measurements.md). */
export const signerParts = { uki: "signer-uki", model: "measurementModel" } as const;

export interface RebuiltSigner {
  /** What was built: its one layer is the disk. */
  readonly layout: ImageLayout;
  readonly image: Installable;
  /** The output with the unified kernel image, one `.efi`. */
  readonly uki: Installable;
}

/**
 * What a machine measures that boots the disk of a rebuilt signer's image, by its own kernel image and model: nothing of it is
 * the release's word. Throws REBUILD_NO_DISK, REBUILD_NO_UKI (refused), and what Nix's adapter and measureSigner throw.
 */
export async function measureRebuiltSigner(
  nix: Nix,
  { layout, image, uki }: RebuiltSigner,
): Promise<SignerPart["measurements"]> {
  const manifest = parsePlatformManifest(layout.manifest.bytes, layout.folder);
  const [disk, ...more] = manifest.ok ? manifest.proof.layers : [];
  if (disk === undefined || more.length > 0) {
    throw refused("REBUILD_NO_DISK", "The rebuilt image has not one layer, so that none is the signer's disk.");
  }
  const model = await nix.text(image, signerParts.model);
  const built = (await nix.build(uki)).outputs.get("out");
  if (built === undefined) throw refused("REBUILD_NO_UKI", `${signerParts.uki} has no output "out".`);
  return withStorePath(nix, built, async (place) => {
    const [efi, ...others] = readdirSync(place).filter((name) => name.endsWith(".efi"));
    if (efi === undefined || others.length > 0) {
      throw refused("REBUILD_NO_UKI", `${built} has not one unified kernel image (.efi).`);
    }
    const { signal } = nix.settings;
    const { measurements } = await measureSigner({
      disk: join(layout.folder, "blobs", "sha256", disk.digest.slice("sha256:".length)),
      uki: join(place, efi),
      model,
      ...(signal === undefined ? {} : { signal }),
    });
    return measurements;
  });
}

/** As measureSigner's own refusals, a result of the rebuild and no failure of its machine. */
function refused(code: string, message: string): Failure {
  const remedy = `Rebuild the flake's signer-image, beside which ${signerParts.uki} lies; look at both builds.`;
  return new Failure({ code, kind: "refused", message, remedy });
}
