import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { pushLayout } from "../../src/adapters/registry/layout-transfer.ts";
import { unwrap } from "../../src/adapters/registry/unwrap.ts";
import { bundleAttachment } from "../../src/core/oci/bundle-attachment.ts";
import { parseDigestReference } from "../../src/core/release/reference.ts";
import type { SampleStatement } from "../../lab/sample-release/statements.ts";
import { workflowClaims } from "../../lab/sigstore/issue-token.ts";
import { verifyImage } from "../../src/operations/verify-image.ts";
import { labRun, startReleaseLab } from "../support/release-lab.ts";
import type { Kind } from "../support/release-lab.ts";
import { signingConfig } from "../support/signing.ts";
import { codesOf } from "../support/sigstore-findings.ts";
import { withCosign } from "../support/sigstore-peer.ts";
import type { CosignPeer } from "../support/sigstore-peer.ts";

/** Ours as the judge of what real cosign made: a whole release in crane's registry, with one statement of cosign's making. */

const lab = await startReleaseLab();
const { release, sigstore } = lab;
const { digest } = release.index.index;
const claims = workflowClaims(labRun);

function file(name: string, content: string): string {
  const path = join(sigstore.stateDirectory, name);
  writeFileSync(path, content);
  return path;
}

/** In a file: cosign takes a long token for a file's name, and prints it. */
function identity(): readonly string[] {
  return ["--identity-token", file("token.jwt", sigstore.token(claims))];
}

function services(rekor: 1 | 2): readonly string[] {
  const config = signingConfig(sigstore, rekor === 1 ? "rekorV1" : "rekorV2");
  const root = join(sigstore.stateDirectory, "material", "trusted_root.json");
  return ["--yes", "--signing-config", config, "--trusted-root", root, "--allow-http-registry"];
}

function descriptorOf({ subject }: SampleStatement): { mediaType: string; digest: typeof subject; size: number } {
  const parts = [release.index.index, ...release.platforms.map(({ image }) => image.manifest)];
  const found = parts.find((part) => part.digest === subject);
  if (found === undefined) throw new Error(`the release has no part ${subject}`);
  return { mediaType: found.mediaType, digest: subject, size: found.size };
}

/** The release with all statements of ours but those of one kind, which cosign makes. */
async function publishWithout(kind: Kind, repository: string): Promise<readonly SampleStatement[]> {
  const client = createRegistryClient();
  await pushLayout(client, repository, release.layout);
  for (const statement of release.statements.filter((one) => one.kind !== kind)) {
    const bundle = await sigstore.sign(statement.payload, { claims });
    const attachment = bundleAttachment(bundle, statement.predicateType);
    unwrap(await client.attach(repository, descriptorOf(statement), attachment), statement.kind);
  }
  return release.statements.filter((one) => one.kind === kind);
}

async function judged(repository: string, changes: Readonly<Record<string, unknown>> = {}): Promise<readonly string[]> {
  const policy = lab.policyWith({ "images.0.repository": repository, ...changes });
  const reference = parseDigestReference(`${repository}@${digest}`);
  const request = { reference, policy, trustedRoot: sigstore.trustedRoot, now: new Date(), tee: undefined };
  return codesOf((await verifyImage(createRegistryClient(), request)).result);
}

async function withPeer(t: TestContext, use: (peer: CosignPeer) => Promise<void>): Promise<void> {
  const outcome = await withCosign(sigstore, use);
  if (outcome !== undefined) t.skip(outcome.absent);
}

async function done(peer: CosignPeer, ...args: readonly string[]): Promise<void> {
  const { code, output } = await peer.bare(...args);
  assert.equal(code, 0, output);
}

for (const rekor of [1, 2] as const) {
  test(`made by cosign sign (Rekor v${rekor}), judged by verify-image: the signature of a whole release`, async (t) => {
    await withPeer(t, async (peer) => {
      await publishWithout("signature", peer.repository);
      assert.deepEqual(await judged(peer.repository), ["STATEMENT_MISSING"]);
      await done(peer, "sign", ...services(rekor), ...identity(), `${peer.repository}@${digest}`);
      assert.deepEqual(await judged(peer.repository), []);
    });
  });

  test(`made by cosign attest (Rekor v${rekor}), judged by verify-image: provenance and SBOM of both platforms`, async (t) => {
    await withPeer(t, async (peer) => {
      for (const [kind, type] of [
        ["provenance", "slsaprovenance1"],
        ["sbom", "spdxjson"],
      ] as const) {
        const repository = `${peer.repository}-${kind}`;
        for (const { statement, subject } of await publishWithout(kind, repository)) {
          const { predicate } = statement as { predicate: unknown };
          const predicateFile = file("predicate.json", JSON.stringify(predicate));
          const about = ["--type", type, "--predicate", predicateFile];
          await done(peer, "attest", ...about, ...services(rekor), ...identity(), `${repository}@${subject}`);
        }
        assert.deepEqual(await judged(repository), [], kind);
      }
    });
  });
}

test("made by cosign attest for another image, judged by verify-image: refused", async (t) => {
  await withPeer(t, async (peer) => {
    const [one, other] = await publishWithout("provenance", peer.repository);
    assert.ok(one !== undefined && other !== undefined);
    // Each platform gets the other's provenance.
    for (const [{ statement }, { subject }] of [
      [one, other],
      [other, one],
    ] as const) {
      const { predicate } = statement as { predicate: unknown };
      const about = ["--type", "slsaprovenance1", "--predicate", file("predicate.json", JSON.stringify(predicate))];
      await done(peer, "attest", ...about, ...services(1), ...identity(), `${peer.repository}@${subject}`);
    }
    const codes = await judged(peer.repository);
    assert.deepEqual([...new Set(codes)], ["PROVENANCE_PARAMETER_MISMATCH"]);
  });
});

test("made by cosign sign in its older form, judged by verify-image: told apart, taken only where the policy allows it", async (t) => {
  await withPeer(t, async (peer) => {
    await publishWithout("signature", peer.repository);
    const { fulcio, rekorV1, tsa, tuf } = sigstore.server.urls;
    // Its own root is the lab's, so that it asks nobody else.
    await done(peer, "initialize", "--mirror", tuf, "--root", join(sigstore.stateDirectory, "tuf-root.json"));
    const older = ["--new-bundle-format=false", "--use-signing-config=false", "--yes", "--allow-http-registry"];
    const asked = ["--fulcio-url", fulcio, "--rekor-url", rekorV1, "--timestamp-server-url", tsa];
    await done(peer, "sign", ...older, ...asked, ...identity(), `${peer.repository}@${digest}`);
    assert.deepEqual(await judged(peer.repository), ["LEGACY_SIGNATURE_NOT_ALLOWED"]);
    assert.deepEqual(await judged(peer.repository, { legacySignatures: "allow" }), []);
    const stranger = { legacySignatures: "allow", "signers.0.refs": ["refs/tags/w*"] };
    const codes = await judged(peer.repository, stranger);
    assert.deepEqual([...new Set(codes)].sort(), ["IDENTITY_REF_NOT_ALLOWED", "SKIPPED"]);
  });
});
