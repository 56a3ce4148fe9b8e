import type { Answer } from "../oci/answer.ts";
import { digestOf } from "../oci/digest.ts";
import type { Digest } from "../oci/digest.ts";
import { formatPlatform } from "../oci/formats.ts";
import { parseIndex, parsePlatformManifest } from "../oci/parse.ts";
import type { PlatformDescriptor } from "../oci/parse.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import type { Evidence } from "./evidence.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked } from "./finding.ts";
import { unanswered } from "./registry-answer.ts";

export interface CheckedImage {
  /** The policy's name for this image, which the signed manifest has to repeat. */
  readonly name: string;
  readonly digest: Digest;
  /** Platform name → image manifest digest, sorted by platform. */
  readonly platforms: ReadonlyMap<string, Digest>;
  /** Image manifest digest → digests of its layers. */
  readonly layers: ReadonlyMap<Digest, readonly Digest[]>;
}

/** Bytes whose hash is the digest that they were asked by; anything else is a finding. */
export function checkedBytes(
  answer: Answer<Uint8Array> | undefined,
  digest: Digest,
  what: string,
): Checked<Uint8Array> {
  if (answer === undefined || answer.kind !== "found")
    return unanswered(answer ?? { kind: "absent" }, `${what} ${digest}`);
  const found = digestOf(answer.value);
  if (found === digest) return proven(answer.value);
  return refuse("DIGEST_MISMATCH", {
    subject: what,
    expected: digest,
    found,
    remedy: "The registry served other bytes than asked for: do not use it, and report this to its operator.",
  });
}

function policyImage(repository: string, policy: TrustPolicy): Checked<TrustPolicy["images"][number]> {
  const image = policy.images.find((entry) => entry.repository === repository || entry.mirrors.includes(repository));
  if (image !== undefined) return proven(image);
  return refuse("IMAGE_NOT_IN_POLICY", {
    subject: repository,
    expected: policy.images.flatMap((entry) => [entry.repository, ...entry.mirrors]).join(", "),
    found: repository,
    remedy: `Add ${repository} to images in policy "${policy.name}" if it should be trusted.`,
  });
}

/**
 * One platform's manifest: its bytes are those of the digest, and it is the image manifest that the index describes. Gives its
 * digest, and those of its layers.
 */
function checkPlatformManifest(
  descriptor: PlatformDescriptor,
  evidence: Evidence,
): Checked<readonly [Digest, readonly Digest[]]> {
  const bytes = checkedBytes(evidence.manifests.get(descriptor.digest), descriptor.digest, "platform manifest");
  if (!bytes.ok) return bytes;
  const manifest = parsePlatformManifest(bytes.proof, descriptor.digest);
  if (!manifest.ok) return manifest;
  if (manifest.proof.mediaType === descriptor.mediaType && bytes.proof.length === descriptor.size) {
    return proven([descriptor.digest, manifest.proof.layers.map(({ digest }) => digest)]);
  }
  return refuse("PLATFORM_MANIFEST_INVALID", {
    subject: descriptor.digest,
    expected: `${descriptor.mediaType} of ${descriptor.size} bytes, as the index says`,
    found: `${manifest.proof.mediaType} of ${bytes.proof.length} bytes`,
    remedy: "Build and push the release again: its index does not describe its own platforms.",
  });
}

/** Rule 1: the repository is the policy's, the bytes hash to the digest, the index holds exactly the declared platforms. */
export function checkImage(evidence: Evidence, policy: TrustPolicy): Checked<CheckedImage> {
  const image = policyImage(evidence.repository, policy);
  const bytes = checkedBytes(evidence.manifests.get(evidence.digest), evidence.digest, "image index");
  if (!image.ok || !bytes.ok) return all<unknown>([image, bytes]) as Checked<never>;
  const index = parseIndex(bytes.proof, evidence.digest);
  if (!index.ok) return index;
  const found = new Map<string, Digest>(
    index.proof.manifests.map(({ platform, digest }) => [formatPlatform(platform), digest]),
  );
  const names = [...found.keys()].sort();
  const declared = [...image.proof.platforms].sort();
  const checks: Checked<unknown>[] = [];
  const manifests = all(index.proof.manifests.map((descriptor) => checkPlatformManifest(descriptor, evidence)));
  const same = names.length === declared.length && names.every((name, position) => name === declared[position]);
  if (!same || found.size !== index.proof.manifests.length) {
    checks.push(
      refuse("PLATFORM_SET_MISMATCH", {
        subject: evidence.digest,
        expected: `exactly ${declared.join(", ")}`,
        found: names.join(", ") || "no platform",
        remedy: "Publish an index with exactly the platforms that the policy declares for this image.",
      }),
    );
  }
  const checked = all(checks);
  if (!checked.ok || !manifests.ok) return all<unknown>([checked, manifests]) as Checked<never>;
  return proven({
    name: image.proof.name,
    digest: evidence.digest,
    platforms: new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1))),
    layers: new Map(manifests.proof),
  });
}
