import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { pushLayout } from "../../src/adapters/registry/layout-transfer.ts";
import { predicateTypes } from "../../src/core/intoto/statement.ts";
import { readSigningKey } from "../../src/core/sigstore/signing-key.ts";
import { runInProcess } from "../support/command-line.ts";
import { smallRelease } from "../support/release-lab.ts";
import { labToken, signingConfig } from "../support/signing.ts";
import { withLabSigstore } from "../support/sigstore-lab.ts";
import type { LabSigstore } from "../support/sigstore-lab.ts";
import { withCosign } from "../support/sigstore-peer.ts";
import type { CosignPeer, CosignRun } from "../support/sigstore-peer.ts";

/** Real cosign judges what sign-image and attest-image publish in crane's registry, which has no referrers API. */

const release = smallRelease();
const identity = "https://github.com/m1k1o/neko/.github/workflows/nix-build-sign.yml@refs/tags/v1.2.3";
const issuer = "https://token.neko-lab.test";
const exactly = (name = identity, by = issuer) => ["--certificate-identity", name, "--certificate-oidc-issuer", by];

interface Rig {
  readonly lab: LabSigstore;
  readonly folder: string;
  /** `host:port/path@digest` of the release's index. */
  readonly reference: string;
  /** The same repository with another digest. */
  readonly at: (digest: string) => string;
  readonly withVariables: CosignPeer["withVariables"];
  /** cosign with the lab's root. */
  readonly cosign: (...args: readonly string[]) => Promise<CosignRun>;
  /** A command of ours that must succeed. */
  readonly ours: (args: readonly string[], environment?: Readonly<Record<string, string>>) => Promise<void>;
}

/** A release in crane's registry, unsigned, with cosign beside it; skipped, with the reason, where cosign can't be built. */
async function withRelease(t: TestContext, use: (rig: Rig) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "neko-cosign-sign-"));
  try {
    await withLabSigstore(async (lab) => {
      const outcome = await withCosign(lab, async (peer) => {
        const { repository } = peer;
        await pushLayout(createRegistryClient(), repository, release.layout, "v1.2.3");
        const root = join(folder, "trusted_root.json");
        writeFileSync(root, lab.trustedRoot);
        const at = (digest: string): string => `${repository}@${digest}`;
        await use({
          lab,
          folder,
          reference: at(release.manifest.digest),
          at,
          withVariables: (variables, ...args) => peer.withVariables(variables, ...args),
          cosign: (command = "", ...args) => peer.bare(command, "--trusted-root", root, ...args),
          ours: async (args, environment = { SIGSTORE_ID_TOKEN: labToken(lab) }) => {
            const { code, stdout, stderr } = await runInProcess([...args, "--json"], { environment });
            assert.equal(code, 0, `${stdout}${stderr}`);
          },
        });
      });
      if (outcome !== undefined) t.skip(outcome.absent);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const log of ["rekorV1", "rekorV2"] as const) {
  test(`cosign verifies what sign-image signed with ${log}, for exactly its identity, on the index and each platform`, async (t) => {
    await withRelease(t, async ({ lab, reference, at, cosign, ours }) => {
      await ours(["sign-image", reference, "--recursive", "--signing-config", signingConfig(lab, log)]);
      const stamps = "--use-signed-timestamps";
      for (const subject of [release.manifest.digest, ...release.manifest.platforms.map(({ digest }) => digest)]) {
        const { code, output } = await cosign("verify", stamps, ...exactly(), at(subject));
        assert.equal(code, 0, output);
      }
      for (const wrong of [
        exactly(`${identity}-evil`),
        exactly(identity.slice(0, -1)),
        exactly(identity, `${issuer}.x`),
      ]) {
        assert.notEqual((await cosign("verify", stamps, ...wrong, reference)).code, 0);
      }
    });
  });

  test(`cosign verifies what a key of its own making signed with ${log}, with this key and no other`, async (t) => {
    await withRelease(t, async ({ lab, folder, reference, withVariables, cosign, ours }) => {
      const environment = { COSIGN_PASSWORD: "made for this test" };
      for (const name of ["own", "other"]) {
        const prefix = ["--output-key-prefix", join(folder, name)];
        const { code, output } = await withVariables(environment, "generate-key-pair", ...prefix);
        assert.equal(code, 0, output);
      }
      const key = join(folder, "own.key");
      assert.throws(() => readSigningKey(readFileSync(key, "utf8"), "another", "own.key"), {
        code: "SIGNING_KEY_PASSPHRASE_WRONG",
      });
      await ours(["sign-image", reference, "--key", key, "--signing-config", signingConfig(lab, log)], environment);
      const pub = (name: string) => ["--key", join(folder, `${name}.pub`)];
      const right = await cosign("verify", ...pub("own"), reference);
      assert.equal(right.code, 0, right.output);
      assert.notEqual((await cosign("verify", ...pub("other"), reference)).code, 0);
      assert.notEqual((await cosign("verify", ...exactly(), reference)).code, 0);
    });
  });
}

test("cosign verifies what attest-image attached: provenance and SBOM of each platform, and the manifest", async (t) => {
  await withRelease(t, async ({ lab, folder, reference, at, cosign, ours }) => {
    const write = (name: string, content: unknown): string => {
      const path = join(folder, name);
      writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
      return path;
    };
    const sboms = release.platforms.flatMap(({ platform, sbom }) => [
      "--sbom",
      `${platform}=${write(`${platform.replace("/", "-")}.json`, sbom)}`,
    ]);
    await ours([
      ...["attest-image", reference, "--signing-config", signingConfig(lab)],
      ...["--manifest", write("manifest.json", release.manifest), ...sboms],
      ...["--provenance", "made", "--attribute", "sample-image", "--flake-lock", write("flake.lock", "{}")],
    ]);
    const verify = (type: string, subject: string, identified = exactly()): Promise<CosignRun> =>
      cosign("verify-attestation", "--use-signed-timestamps", "--type", type, ...identified, at(subject));
    const { digest, platforms } = release.manifest;
    const attested: [string, string][] = [
      [predicateTypes.release, digest],
      ...platforms.flatMap((entry): [string, string][] => [
        ["slsaprovenance1", entry.digest],
        [predicateTypes.spdx23, entry.digest],
      ]),
    ];
    for (const [type, subject] of attested) {
      const right = await verify(type, subject);
      assert.equal(right.code, 0, `${type}: ${right.output}`);
      assert.notEqual((await verify(type, subject, exactly(`${identity}x`))).code, 0);
    }
    assert.notEqual((await verify("slsaprovenance1", digest)).code, 0);
  });
});

test("a platform's manifest can be signed alone, and a key in a variable signs like one in a file", async (t) => {
  await withRelease(t, async ({ lab, folder, at, cosign, ours }) => {
    const key = join(folder, "plain.pem");
    const made = await new Promise((resolve) => {
      const args = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key];
      execFile("openssl", args, resolve);
    });
    if (made !== null) {
      t.skip("openssl is not there");
      return;
    }
    const pem = readFileSync(key, "utf8");
    const pub = join(folder, "plain.pub");
    writeFileSync(pub, readSigningKey(pem, undefined, key).publicKey);
    const one = at(release.manifest.platforms[0]?.digest ?? "");
    await ours(["sign-image", one, "--key", "env://COSIGN_KEY", "--signing-config", signingConfig(lab)], {
      COSIGN_KEY: pem,
    });
    const { code, output } = await cosign("verify", "--key", pub, one);
    assert.equal(code, 0, output);
  });
});
