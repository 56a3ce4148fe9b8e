import type { ReleaseManifest } from "../release/manifest.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked } from "./finding.ts";
import type { TrustedStatement } from "./required-statements.ts";

const tagPrefix = "refs/tags/";

/**
 * Rule 3, for every statement that counts: its certificate was issued to a run of the commit that the manifest names
 * (.12, .13), and a tag (.14) is "v" and the manifest's version. Else a run of another commit could vouch for it.
 */
export function checkSource(statement: TrustedStatement, manifest: ReleaseManifest): Checked<TrustedStatement> {
  const { claims, kind, referrer } = statement;
  const subject = `${kind} ${referrer}`;
  const checks: Checked<null>[] = [];
  const repository = claims.sourceRepositoryUri;
  const commit = claims.sourceRepositoryDigest;
  if (manifest.flake.repository !== repository || manifest.flake.commit !== commit) {
    checks.push(
      refuse("PROVENANCE_SOURCE_MISMATCH", {
        subject,
        expected: `a certificate for ${manifest.flake.repository} at ${manifest.flake.commit} (the manifest's flake)`,
        found: `${repository ?? "no repository"} at ${commit ?? "no commit"}`,
        remedy: "Sign every statement of a release in a workflow run of the commit that was built.",
      }),
    );
  }
  const ref = claims.sourceRepositoryRef ?? "";
  if (ref.startsWith(tagPrefix) && ref.slice(tagPrefix.length) !== `v${manifest.version}`) {
    checks.push(
      refuse("MANIFEST_TAG_VERSION_MISMATCH", {
        subject,
        expected: `tag v${manifest.version}`,
        found: `tag ${ref.slice(tagPrefix.length)}`,
        remedy: "Release the version that the tag names: a tag is v and the version.",
      }),
    );
  }
  const checked = all(checks);
  return checked.ok ? proven(statement) : checked;
}
