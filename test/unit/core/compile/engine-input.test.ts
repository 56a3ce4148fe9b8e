import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { callerWeaknesses, engineIdentities } from "../../../../src/core/compile/engine-input/identities.ts";
import { rootFacts } from "../../../../src/core/compile/engine-input/roots.ts";
import { sha256Hex } from "../../../../src/core/oci/digest.ts";
import { refMatches } from "../../../../src/core/verify/check-identity.ts";
import { enginePolicy, privateRoots, publicGoodRoot, publicGoodRoots } from "../../../support/engine-roots.ts";
import { codeThrown } from "../../../support/failures.ts";
import { sampleSigner } from "../../../support/policies.ts";

const workflow = "https://github.com/m1k1o/neko/.github/workflows/release.yml";

function subjects(changes: Readonly<Record<string, unknown>>) {
  const policy = enginePolicy({ signers: [{ ...sampleSigner, ...changes }] });
  return engineIdentities(policy).signature.map(({ subject }) => subject);
}

test("one identity per ref: exact where the ref is, anchored and escaped where it has a star", () => {
  assert.deepEqual(subjects({ refs: ["refs/heads/main", "refs/tags/v*"] }), [
    { exact: `${workflow}@refs/heads/main` },
    { pattern: String.raw`^https://github\.com/m1k1o/neko/\.github/workflows/release\.yml@refs/tags/v[!-.0-~]+$` },
  ]);
});

test("a reusable workflow's subject is its commit, and that anybody may call it is told", () => {
  const sha = "a".repeat(40);
  const signerWorkflow = { repository: "acme/build", path: ".github/workflows/build.yml", sha };
  assert.deepEqual(subjects({ signerWorkflow }), [
    { exact: `https://github.com/acme/build/.github/workflows/build.yml@${sha}` },
  ]);
  const policy = enginePolicy({ signers: [{ ...sampleSigner, signerWorkflow }] });
  assert.deepEqual(
    callerWeaknesses(policy).map(({ code }) => code),
    ["ANY_CALLER"],
  );
  assert.deepEqual(callerWeaknesses(enginePolicy()), []);
});

test("a pattern matches exactly the refs that verifyRelease allows", () => {
  const part = fc.stringMatching(/^[a-z0-9.+(|)$^*-]{0,6}$/).map((text) => text.replaceAll("*", ""));
  const tail = fc.stringMatching(/^[a-z0-9.+(|)$^/ \n-]{0,6}$/);
  fc.assert(
    fc.property(part, tail, (prefix, rest) => {
      const allowed = `refs/tags/${prefix}*`;
      const found = `refs/tags/${prefix}${rest}`;
      const [subject = assert.fail()] = subjects({ refs: [allowed] });
      assert.ok("pattern" in subject);
      const printable = /^[\x21-\x7e]+$/.test(found);
      assert.equal(new RegExp(subject.pattern).test(`${workflow}@${found}`), printable && refMatches(found, [allowed]));
    }),
  );
});

test("a revoked signer is left out, and whoever has its identity; none left refuses", () => {
  const other = { ...sampleSigner, id: "other", refs: ["refs/heads/main"] };
  const twin = { ...sampleSigner, id: "twin" };
  const require = { signature: ["release", "other", "twin"], manifest: ["other"], provenance: [], sbom: [] };
  const policy = enginePolicy({ signers: [sampleSigner, other, twin], require, revoked: ["release"] });
  assert.deepEqual(
    engineIdentities(policy).signature.map(({ name }) => name),
    ["other-0"],
  );
  assert.equal(
    codeThrown(() => engineIdentities(enginePolicy({ revoked: ["release"] })), "none"),
    "ENGINE_SIGNERS_REVOKED",
  );
});

test("refuses a policy of which an engine would see nothing", () => {
  const policy = enginePolicy({ require: { signature: [], manifest: [], provenance: ["release"], sbom: [] } });
  assert.equal(
    codeThrown(() => engineIdentities(policy), "none"),
    "ENGINE_SEES_NOTHING",
  );
});

test("takes addresses and the time stamp authority from the pinned root", () => {
  const facts = rootFacts(enginePolicy(), publicGoodRoots);
  assert.equal(facts.rekorUrl, "https://rekor.sigstore.dev");
  assert.equal(facts.fulcioUrl, "https://fulcio.sigstore.dev");
  assert.equal(facts.timestampChain?.match(/BEGIN CERTIFICATE/g)?.length, 2);
  assert.deepEqual(JSON.parse(facts.json), JSON.parse(new TextDecoder().decode(publicGoodRoot)));
  assert.deepEqual(rootFacts(enginePolicy(), privateRoots), facts);
});

test("leaves out the field that policy-controller refuses", () => {
  const root = JSON.parse(new TextDecoder().decode(publicGoodRoot)) as { tlogs: Record<string, unknown>[] };
  for (const log of root.tlogs) log["operator"] = "sigstore.dev";
  const trustedRoot = new TextEncoder().encode(JSON.stringify(root));
  const sigstore = { sha256: sha256Hex(trustedRoot), fetched: "2026-11-01T00:00:00Z", maxAge: "90d" };
  const policy = enginePolicy({ roots: { sigstore, tlog: 1, ct: 1, tsa: 1 } });
  assert.ok(!rootFacts(policy, { kind: "public-good", trustedRoot }).json.includes("operator"));
});

test("refuses a root that the policy does not pin, and one that is none", () => {
  const pinned = (text: string) => {
    const trustedRoot = new TextEncoder().encode(text);
    const sigstore = { sha256: sha256Hex(trustedRoot), fetched: "2026-11-01T00:00:00Z", maxAge: "90d" };
    const policy = enginePolicy({ roots: { sigstore, tlog: 1, ct: 1, tsa: 1 } });
    return codeThrown(() => rootFacts(policy, { kind: "public-good", trustedRoot }), "none");
  };
  const other = enginePolicy({
    roots: {
      ...enginePolicy().roots,
      sigstore: { sha256: "0".repeat(64), fetched: "2026-11-01T00:00:00Z", maxAge: "90d" },
    },
  });
  assert.equal(
    codeThrown(() => rootFacts(other, publicGoodRoots), "none"),
    "ENGINE_ROOT_MISMATCH",
  );
  assert.equal(pinned("{"), "ENGINE_ROOT_INVALID");
  assert.equal(pinned('{"tlogs": []}'), "ENGINE_ROOT_INVALID");
});
