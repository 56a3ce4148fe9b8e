import { z } from "zod";
import { digestSchema } from "../oci/formats.ts";
import { versionSchema } from "../version.ts";

/**
 * The release manifest: what ties each platform's NAR hash to its OCI digest. It is the predicate of a statement
 * whose subject is the index digest, and is stored only as that index's referrer, and nothing
 * inside an image refers to it, so there is no cycle.
 */

const sriSha256 = z.string().regex(/^sha256-[A-Za-z0-9+/]{43}=$/, "must be an SRI hash: sha256- and base64");
const commit = z.string().regex(/^[0-9a-f]{40}$/, "must be a full commit SHA");
const repositoryUrl = z.string().regex(/^https:\/\/[^\s@?#]+$/, "must be an https URL without credentials");
const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits");
const storePath = z
  .string()
  .regex(/^\/nix\/store\/[0-9a-df-np-sv-z]{32}-[0-9A-Za-z+\-._?=]{1,211}$/, "must be a Nix store path");

export const platformReleaseSchema = z.strictObject({
  platform: z.string().regex(/^linux\/(?:amd64|arm64)(?:\/v[0-9]+)?$/),
  /** The platform's image manifest. */
  digest: digestSchema,
  /** Optional only in environment `local`. */
  derivation: storePath.optional(),
  /** The output: an OCI layout directory. */
  storePath,
  narHash: sriSha256,
  narSize: z.int().positive(),
  /** SHA-256 of the lines `storePath SP narHash LF`, sorted by bytes. Optional only in environment `local`. */
  closure: digestSchema.optional(),
  /** SHA-256 of the SBOM document's RFC 8785 form. */
  sbom: digestSchema,
});
export type PlatformRelease = z.infer<typeof platformReleaseSchema>;

/** What only the release of a signer says: its disk artifact, and what TDX measures of a machine that boots it. */
export const signerPartSchema = z.strictObject({
  disk: z.strictObject({ sha256: sha256Hex }),
  measurements: z.strictObject({
    /** How the two were predicted: docs/measurements.md. */
    model: z.string().min(1),
    /** Never zero: firmware measures what it boots, and zeros are what a machine has that measured nothing. */
    rtmr1: z.string().regex(/^(?!0{96}$)[0-9a-f]{96}$/),
    rtmr2: z.string().regex(/^[0-9a-f]{96}$/),
  }),
});
export type SignerPart = z.infer<typeof signerPartSchema>;

/** Measurements in a line, to be compared and shown. */
export function measurementsInWords(measurements: SignerPart["measurements"] | undefined): string | undefined {
  if (measurements === undefined) return undefined;
  const { model, rtmr1, rtmr2 } = measurements;
  return `${JSON.stringify(model)}, RTMR1 ${rtmr1}, RTMR2 ${rtmr2}`;
}

export const releaseManifestSchema = z
  .strictObject({
    schema: z.literal(1),
    name: z.string().min(1).max(128),
    version: versionSchema,
    source: z.strictObject({ repository: repositoryUrl, commit, narHash: sriSha256 }),
    flake: z.strictObject({ repository: repositoryUrl, commit, lock: digestSchema }),
    /** Seconds since 1970: the time stamp of every file in the image. */
    sourceDateEpoch: z.int().nonnegative(),
    /** The image index. */
    digest: digestSchema,
    platforms: z.array(platformReleaseSchema).min(1).max(16),
    /** Only a signer release has these two. */
    disk: signerPartSchema.shape.disk.optional(),
    measurements: signerPartSchema.shape.measurements.optional(),
  })
  .superRefine((manifest, context) => {
    const names = manifest.platforms.map((entry) => entry.platform);
    const sorted = names.every((entry, index) => index === 0 || (names[index - 1] ?? "") < entry);
    if (!sorted) {
      context.addIssue({
        code: "custom",
        path: ["platforms"],
        message: "must be sorted by platform, without duplicates",
      });
    }
  });
export type ReleaseManifest = z.infer<typeof releaseManifestSchema>;
