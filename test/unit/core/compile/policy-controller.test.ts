import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../../../src/core/compile/policy-controller/compile.ts";
import type { PolicyControllerPlacement } from "../../../../src/core/compile/policy-controller/compile.ts";
import { support } from "../../../../src/core/compile/policy-controller/support.ts";
import { requirements } from "../../../../src/core/compile/requirement.ts";
import { sha256Hex } from "../../../../src/core/oci/digest.ts";
import { casesNow, casesPlacement } from "../../../support/admission.ts";
import { enginePolicy, privateRoots, publicGoodRoots } from "../../../support/engine-roots.ts";
import {
  sampleDigest,
  sampleMirror,
  samplePolicyFields,
  sampleRepository,
  sampleSigner,
} from "../../../support/policies.ts";

const compiled = (
  changes: Readonly<Record<string, unknown>> = {},
  placement: Partial<PolicyControllerPlacement> = {},
  roots = publicGoodRoots,
) => compile(enginePolicy(changes), roots, casesNow, { ...casesPlacement, ...placement });
const manifest = `manifest-${sha256Hex(sampleRepository).slice(0, 10)}`;
const named = (suffix: string, { policies } = compiled()) =>
  policies.find(({ metadata }) => metadata.name === `${casesPlacement.name}-${suffix}`);
const globs = (suffix: string, from = compiled()) => named(suffix, from)?.spec.images.map(({ glob }) => glob);

test("one policy per kind, so that each kind needs one of its signers and all kinds are needed", () => {
  assert.deepEqual(
    compiled().policies.map(({ metadata }) => metadata.name.slice(casesPlacement.name.length + 1)),
    ["signature", manifest, "revoked", "third-party"],
  );
});

test("matches repositories and mirrors by any digest, and nothing beside them", () => {
  assert.deepEqual(globs("signature"), [`${sampleRepository}@sha256:*`, `${sampleMirror}@sha256:*`]);
  const hub = [{ ...samplePolicyFields.images[0], repository: "docker.io/m1k1o/neko", mirrors: [] }];
  assert.deepEqual(globs("signature", compiled({ images: hub })), ["index.docker.io/m1k1o/neko@sha256:*"]);
});

test("one authority per identity, each with the bundle format and an attestation", () => {
  const other = { ...sampleSigner, id: "other", refs: ["refs/heads/main", "refs/tags/v*"] };
  const require = { signature: ["release", "other"], manifest: ["other"], provenance: [], sbom: [] };
  const result = compiled({ signers: [sampleSigner, other], require });
  const names = (suffix: string) => named(suffix, result)?.spec.authorities.map(({ name }) => name);
  assert.deepEqual(names("signature"), ["release-0", "other-0", "other-1"]);
  assert.deepEqual(names(manifest), ["other-0", "other-1"]);
  for (const { spec } of result.policies) {
    for (const authority of spec.authorities) {
      if ("static" in authority) continue;
      assert.equal(authority.signatureFormat, "bundle");
      assert.equal(authority.keyless.identities.length, 1);
      assert.equal(authority.attestations.length, 1);
      assert.equal(authority.keyless.url, "https://fulcio.sigstore.dev");
      assert.equal(authority.ctlog.url, "https://rekor.sigstore.dev");
    }
  }
});

test("a manifest has to be for this product and its signer's repository", () => {
  const [authority = assert.fail()] = named(manifest)?.spec.authorities ?? [];
  assert.ok("attestations" in authority);
  const [{ policy } = {}] = authority.attestations;
  assert.deepEqual(JSON.parse(policy?.data ?? ""), {
    predicateType: "https://github.com/m1k1o/neko/trust/release/v1",
    predicate: { name: "neko", flake: { repository: "https://github.com/m1k1o/neko" } },
  });
});

test("only a private root is named, as an entry of the ConfigMap and never as a TrustRoot", () => {
  assert.equal(compiled().sigstoreKeys, undefined);
  assert.doesNotMatch(JSON.stringify(compiled()), /trustRootRef/);
  const own = compiled({}, {}, privateRoots);
  assert.equal(own.sigstoreKeys?.configMap, "config-sigstore-keys");
  assert.equal(own.sigstoreKeys.key, casesPlacement.name);
  for (const { spec } of own.policies) {
    for (const authority of spec.authorities) {
      if ("static" in authority) continue;
      assert.equal(authority.keyless.trustRootRef, casesPlacement.name);
      assert.equal(authority.ctlog.trustRootRef, casesPlacement.name);
    }
  }
  assert.doesNotMatch(JSON.stringify(own.policies), /TrustRoot"/);
});

test("refuses revoked digests, and lets exactly the third parties' digests pass that have not ended", () => {
  assert.deepEqual(globs("revoked"), [
    `${sampleRepository}@${sampleDigest("6")}`,
    `${sampleMirror}@${sampleDigest("6")}`,
  ]);
  assert.deepEqual(
    named("revoked")?.spec.authorities.map((entry) => "static" in entry && entry.static.action),
    ["fail"],
  );
  assert.deepEqual(globs("third-party"), [`ghcr.io/example/proxy@${sampleDigest("e")}`]);
  assert.equal(named("third-party", compiled({ revoked: [sampleDigest("e")] })), undefined);
  assert.equal(named("revoked", compiled({ revoked: [] })), undefined);
});

test("warn is the mode warn in all of them", () => {
  assert.deepEqual([...new Set(compiled({}, { rollout: "warn" }).policies.map(({ spec }) => spec.mode))], ["warn"]);
  assert.deepEqual([...new Set(compiled().policies.map(({ spec }) => spec.mode))], ["enforce"]);
});

test("provenance on the index is demanded only where it is said to be there", () => {
  assert.equal(named("provenance"), undefined);
  const [authority = assert.fail()] =
    named("provenance", compiled({}, { indexProvenance: true }))?.spec.authorities ?? [];
  assert.ok("attestations" in authority);
  assert.equal(
    authority.attestations[0]?.policy?.data,
    'predicateType: "https://slsa.dev/provenance/v1"\n' +
      'predicate: buildDefinition: buildType: "https://github.com/m1k1o/neko/trust/nix-oci/v1"\n' +
      String.raw`predicate: runDetails: builder: id: =~"^https://github\\.com/m1k1o/neko/\\.github/workflows/release\\.yml(@[!-~]+)?$"` +
      "\n",
  );
});

test("nothing that weakens is ever written", () => {
  assert.doesNotMatch(JSON.stringify(compiled({}, { indexProvenance: true })), /rfc3161|insecure|oci11|legacy"/i);
});

test("every requirement has an answer; the same input gives the same bytes", () => {
  assert.deepEqual(Object.keys(support).toSorted(), Object.keys(requirements).toSorted());
  assert.equal(JSON.stringify(compiled()), JSON.stringify(compiled()));
});
