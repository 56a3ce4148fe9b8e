import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { pushLayout } from "../../src/adapters/registry/layout-transfer.ts";
import { unwrap } from "../../src/adapters/registry/unwrap.ts";
import { bundleAttachment } from "../../src/core/oci/bundle-attachment.ts";
import { identityOf, workflowClaims } from "../../lab/sigstore/issue-token.ts";
import { checkout } from "../support/engine/engine-under-test.ts";
import { labRun, startReleaseLab } from "../support/release-lab.ts";
import { withCosign } from "../support/sigstore-peer.ts";

/** The verification checklist that the project grew from, line by line against the lab: docs/verify-artifacts.md maps it. */

const lab = await startReleaseLab();
const { release, sigstore } = lab;

async function publish(repository: string): Promise<void> {
  const client = createRegistryClient();
  await pushLayout(client, repository, release.layout, "edge");
  const parts = [release.index.index, ...release.platforms.map(({ image }) => image.manifest)];
  for (const { payload, subject, predicateType } of release.statements) {
    const { mediaType = "", size = 0 } = parts.find(({ digest }) => digest === subject) ?? {};
    const bundle = await sigstore.sign(payload, { claims: workflowClaims(labRun) });
    const attachment = bundleAttachment(bundle, predicateType);
    unwrap(await client.attach(repository, { mediaType, digest: subject, size }, attachment), predicateType);
  }
}

function script(name: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((done) => {
    const environment = { ...process.env, DOCKER_CONFIG: sigstore.stateDirectory };
    execFile(join(checkout, "scripts", name), args, { env: environment }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), output: `${stdout}${stderr}` });
    });
  });
}

test("every line of the verification checklist has a form that works, and its outdated form does not", async (t) => {
  const outcome = await withCosign(sigstore, async (peer) => {
    await publish(peer.repository);
    const { issuer, subject } = identityOf(workflowClaims(labRun));
    const [platform] = release.platforms;
    assert.ok(platform !== undefined);
    const index = `${peer.repository}@${release.index.index.digest}`;
    const image = `${peer.repository}@${platform.image.manifest.digest}`;
    const root = ["--trusted-root", join(sigstore.stateDirectory, "material", "trusted_root.json")];
    const signer = ["--certificate-identity", subject, "--certificate-oidc-issuer", issuer];
    const how = [...root, ...signer, "--use-signed-timestamps"];
    const works = async (...args: readonly string[]): Promise<string> => {
      const { code, output } = await peer.bare(...args);
      assert.equal(code, 0, `cosign ${args.join(" ")}: ${output}`);
      return output;
    };
    const fails = async (...args: readonly string[]): Promise<void> => {
      assert.notEqual((await peer.bare(...args)).code, 0, `cosign ${args.join(" ")}`);
    };

    // Image pushed: a tag names it, and verify-image says which digest that is.
    const policy = lab.policyWith({ "images.0.repository": peer.repository });
    const policyFile = join(sigstore.stateDirectory, "policy.yaml");
    writeFileSync(policyFile, stringify(policy));
    const verified = await script("verify-image.sh", [`${peer.repository}:edge`, "--policy", policyFile, ...root]);
    assert.equal(verified.code, 0, verified.output);
    assert.ok(verified.output.includes(index));

    await fails("verify", ...root, "--certificate-oidc-issuer", issuer, index);
    await works("verify", ...how, index);

    await fails("verify-attestation", "--type", "slsaprovenance", ...how, image);
    await works("verify-attestation", "--type", "slsaprovenance1", ...how, image);

    await fails("download", "sbom", image);
    const attested = await works("verify-attestation", "--type", "https://spdx.dev/Document/v2.3", ...how, image);
    const line = attested.split("\n").find((text) => text.startsWith("{")) ?? "{}";
    const { payload } = JSON.parse(line) as { payload: string };
    const statement = JSON.parse(Buffer.from(payload, "base64").toString()) as { predicate: { spdxVersion: string } };
    assert.equal(statement.predicate.spdxVersion, "SPDX-2.3");
  });
  if (outcome !== undefined) t.skip(outcome.absent);
});

test("the seed's script names call the commands", async () => {
  for (const [name, command] of [
    ["verify-image.sh", "verify-image"],
    ["sign-image.sh", "sign-image"],
    ["attest-image.sh", "attest-image"],
    ["repro-check.sh", "repro-check"],
    ["publish-manifest.py", "publish-manifest"],
  ] as const) {
    const { code, output } = await script(name, ["--help"]);
    assert.equal(code, 0, output);
    assert.ok(output.startsWith(`Usage: neko-trust ${command} `), output);
  }
});
