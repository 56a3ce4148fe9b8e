import type { ReleaseManifest } from "../release/manifest.ts";
import type { Evidence } from "./evidence.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked } from "./finding.ts";
import { unanswered } from "./registry-answer.ts";

/**
 * Where NARs were recomputed from the registry's blobs: each is the one that the manifest names, so that the image in the
 * registry is the Nix artifact, bit for bit. The proof is the platforms for which that was seen; none when it was not done.
 */
export function checkNars({ nars }: Evidence, manifest: ReleaseManifest): Checked<readonly string[]> {
  if (nars === undefined) return proven([]);
  return all(
    manifest.platforms.map(({ platform, digest, narHash, narSize }): Checked<string> => {
      const answer = nars.get(digest) ?? { kind: "broken", detail: "it was not recomputed" };
      if (answer.kind !== "found") return unanswered(answer, `NAR of ${platform} ${digest}`);
      const { value } = answer;
      if (value.narHash === narHash && value.narSize === narSize) return proven(platform);
      return refuse("NAR_HASH_MISMATCH", {
        subject: `${platform} ${digest}`,
        expected: `${narHash} of ${narSize} bytes (manifest)`,
        found: `${value.narHash} of ${value.narSize} bytes`,
        remedy: "Do not use this release: its image is not the Nix artifact that its manifest names.",
      });
    }),
  );
}
