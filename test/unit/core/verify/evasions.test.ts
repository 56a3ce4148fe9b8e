import assert from "node:assert/strict";
import { test } from "node:test";
import { isUnavailable } from "../../../../src/operations/verify-releases.ts";
import { verifyRelease } from "../../../../src/core/verify/verify-release.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();

test("without a time at which to verify, nothing is young enough", () => {
  assert.deepEqual(codesOf(verifyRelease(lab.evidence, lab.policy, new Date(Number.NaN))), ["BUNDLE_TIME_INVALID"]);
});

test("a flood of referrers that can't be read does not hide that the release is revoked", () => {
  const { digest, referrers } = lab.evidence;
  const flood = Array.from({ length: 300 }, (_, place) => ({
    digest: `sha256:${place.toString(16).padStart(64, "0")}` as const,
    manifest: { kind: "too-large", detail: "more than the cap" } as const,
    bundle: { kind: "absent" } as const,
  }));
  const list = referrers.get(digest);
  assert.ok(list?.kind === "found");
  const flooded = new Map(referrers).set(digest, { kind: "found", value: [...list.value, ...flood] });
  const evidence = { ...lab.evidence, referrers: flooded };
  const checked = lab.verify({ evidence, policy: lab.policyWith({ revoked: [digest] }) });
  assert.ok(!checked.ok);
  assert.equal(checked.findings[0].code, "REVOKED");
  assert.equal(isUnavailable(checked.findings), false);
});

test("a release of one image does not pass as another image of the policy", () => {
  const [image] = lab.policy.images;
  const other = { ...image, name: "other-product", repository: "127.0.0.1:5001/m1k1o/neko/other" };
  const policy = lab.policyWith({ images: [image, other] });
  const evidence = { ...lab.evidence, repository: other.repository };
  assert.ok(codesOf(lab.verify({ evidence, policy })).includes("MANIFEST_OTHER_IMAGE"));
});

test("a tag that ends in a line separator is not the version's tag", async () => {
  const evidence = await lab.replacing("manifest", {
    run: { ref: `refs/tags/v${lab.release.manifest.version}\u2028` },
  });
  const codes = codesOf(lab.verify({ evidence }));
  assert.ok(codes.includes("IDENTITY_REF_NOT_ALLOWED") || codes.includes("BUNDLE_CERTIFICATE_INVALID"), codes.join());
});
