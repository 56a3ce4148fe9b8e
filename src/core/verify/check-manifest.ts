import { releaseManifestSchema } from "../release/manifest.ts";
import type { ReleaseManifest } from "../release/manifest.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import { schemaFaults } from "../schema-faults.ts";
import { canonicalBytes } from "../json/canonical-json.ts";
import { sha256Hex } from "../oci/digest.ts";
import { safeParse } from "../safe-parse.ts";
import type { CheckedImage } from "./check-image.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked, Finding } from "./finding.ts";
import type { TrustedStatement } from "./required-statements.ts";

/** Reads a predicate as a release manifest. Findings: MANIFEST_SCHEMA_VERSION, MANIFEST_INVALID. */
export function parseManifest(predicate: unknown, subject: string): Checked<ReleaseManifest> {
  const version: unknown =
    typeof predicate === "object" && predicate !== null && "schema" in predicate ? predicate.schema : undefined;
  if (version !== 1) {
    return refuse("MANIFEST_SCHEMA_VERSION", {
      subject,
      expected: "schema 1",
      found: version === undefined ? "no schema" : `schema ${JSON.stringify(version)}`,
      remedy: "Publish the manifest with this version of publish-manifest, or verify with a newer neko-trust.",
    });
  }
  const parsed = safeParse(releaseManifestSchema, predicate);
  if (parsed.success) return proven(parsed.data);
  return refuse("MANIFEST_INVALID", {
    subject,
    expected: "a release manifest (schemas/release-manifest.v1.schema.json)",
    found: schemaFaults(parsed.error, predicate)
      .map((fault) => `${fault.path}: ${fault.allowed}`)
      .join("; "),
    remedy: "Publish the manifest again with publish-manifest.",
  });
}

type Refuse = (code: Finding["code"], expected: string, found: string, remedy: string) => void;

function compareImage(
  manifest: ReleaseManifest,
  image: Pick<CheckedImage, "digest" | "platforms">,
  fail: Refuse,
): void {
  if (manifest.digest !== image.digest) {
    fail(
      "MANIFEST_OTHER_IMAGE",
      image.digest,
      manifest.digest,
      "Attach the manifest of this image, not of another release.",
    );
  }
  const declared = manifest.platforms.map((entry) => `${entry.platform} ${entry.digest}`).join(", ");
  const found = [...image.platforms].map(([platform, digest]) => `${platform} ${digest}`).join(", ");
  if (declared !== found) {
    fail(
      "MANIFEST_PLATFORM_MISMATCH",
      found,
      declared,
      "Publish a manifest whose platforms are the index's, digest by digest.",
    );
  }
}

/** Statements name digests, not repositories: without this, a release copied elsewhere would pass as another image. */
function compareName(manifest: ReleaseManifest, image: CheckedImage, fail: Refuse): void {
  if (manifest.name === image.name) return;
  fail(
    "MANIFEST_OTHER_IMAGE",
    `a release of "${image.name}" (images[].name)`,
    `a release of "${manifest.name}"`,
    "Deploy a release of this image; if the product was renamed, change images[].name in the policy.",
  );
}

/** Whether the manifest is of this index: its digest, and its platforms digest by digest. For what is about to be signed. */
export function checkManifestImage(
  manifest: ReleaseManifest,
  image: Pick<CheckedImage, "digest" | "platforms">,
  subject: string,
): Checked<null> {
  const checks: Checked<null>[] = [];
  compareImage(manifest, image, (code, expected, found, remedy) => {
    checks.push({ ok: false, findings: [{ code, severity: "refuse", subject, expected, found, remedy }] });
  });
  const checked = all(checks);
  return checked.ok ? proven(null) : checked;
}

/**
 * Of a signer's release: the disk that the manifest speaks of is what was released and built again, the one layer of its one
 * platform. Else whoever signs manifests would name a machine that nobody else has built. A lab has no disk that boots.
 */
function requireDisk(manifest: ReleaseManifest, image: CheckedImage, policy: TrustPolicy, fail: Refuse): void {
  const { disk, measurements, platforms } = manifest;
  if (policy.environment === "local" || (disk === undefined && measurements === undefined)) return;
  const refused = (expected: string, found: string): void => {
    fail(
      "MANIFEST_DISK_MISMATCH",
      expected,
      found,
      "Publish the signer's release again: its image's one layer is the disk (.#signer-image), and measure-signer says the rest.",
    );
  };
  if (disk === undefined || measurements === undefined) {
    refused("disk and measurements, or neither", disk === undefined ? "no disk" : "no measurements");
    return;
  }
  const layers = platforms.flatMap(({ digest }) => image.layers.get(digest) ?? []);
  if (platforms.length === 1 && layers.length === 1 && layers[0] === `sha256:${disk.sha256}`) return;
  refused(`one platform, whose one layer is the disk sha256:${disk.sha256}`, layers.join(", ") || "no layer");
}

function requireComplete(manifest: ReleaseManifest, policy: TrustPolicy, fail: Refuse): void {
  if (policy.environment === "local") return;
  for (const entry of manifest.platforms) {
    if (entry.derivation === undefined || entry.closure === undefined) {
      fail(
        "MANIFEST_INCOMPLETE",
        `derivation and closure of ${entry.platform}`,
        "absent",
        "Publish the manifest from a Nix build; only environment local may leave them out.",
      );
    }
  }
}

/** The release manifest: of this image, complete, agreeing with its certificate, and one alone. */
export function checkManifest(
  statements: readonly TrustedStatement[],
  image: CheckedImage,
  policy: TrustPolicy,
): Checked<ReleaseManifest> {
  const parsed = all(
    statements.map(({ statement, referrer }) => parseManifest(statement.predicate, `manifest ${referrer}`)),
  );
  if (!parsed.ok) return parsed;
  const distinct = new Set(parsed.proof.map((manifest) => sha256Hex(canonicalBytes(manifest))));
  const [manifest] = parsed.proof;
  if (manifest === undefined) {
    return refuse("STATEMENT_MISSING", {
      subject: image.digest,
      expected: "a release manifest",
      found: "none: the policy's require.manifest names no signer",
      remedy: "Name the signers of the manifest in require.manifest: platforms can't be verified without it.",
    });
  }
  const checks: Checked<null>[] = [];
  const failAt =
    (subject: string): Refuse =>
    (code, expected, found, remedy) => {
      checks.push({ ok: false, findings: [{ code, severity: "refuse", subject, expected, found, remedy }] });
    };
  const fail = failAt(`manifest of ${image.digest}`);
  if (distinct.size > 1) {
    fail(
      "MANIFEST_EQUIVOCATION",
      "one release manifest",
      `${distinct.size} different ones, each validly signed`,
      "Find out which signer published a second manifest for the same image; trust none until you know.",
    );
  }
  compareImage(manifest, image, fail);
  compareName(manifest, image, fail);
  requireComplete(manifest, policy, fail);
  requireDisk(manifest, image, policy, fail);
  const checked = all(checks);
  return checked.ok ? proven(manifest) : checked;
}
