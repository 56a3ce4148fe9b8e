import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, openSync, closeSync, ftruncateSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { predicateTypes } from "../../../src/core/intoto/statement.ts";
import { runInProcess } from "../../support/command-line.ts";
import type { CommandResult } from "../../support/command-line.ts";
import { sampleHex, sampleStatement } from "../../support/sigstore-handmade.ts";
import { keyedBundle, managedKey } from "../../support/sigstore-keyed.ts";
import { withLabSigstore } from "../../support/sigstore-lab.ts";
import type { LabSigstore } from "../../support/sigstore-lab.ts";
import { vectorsDirectory, vectors } from "../../support/vectors.ts";

const artifact = Buffer.from("an artifact");
const sha256 = createHash("sha256").update(artifact).digest("hex");
const statement = sampleStatement(predicateTypes.provenance, { sha256 });
const issuer = "https://token.actions.githubusercontent.com";

function folderOf(t: TestContext): {
  path: (name: string) => string;
  write: (name: string, bytes: Uint8Array | string) => string;
} {
  const folder = mkdtempSync(join(tmpdir(), "neko-verify-bundle-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const path = (name: string): string => join(folder, name);
  return {
    path,
    write: (name, bytes) => {
      writeFileSync(path(name), bytes);
      return path(name);
    },
  };
}

function verify(...args: readonly string[]): Promise<CommandResult> {
  return runInProcess(["verify-bundle", ...args]);
}

function codesIn({ stdout }: CommandResult): readonly string[] {
  return (JSON.parse(stdout) as { findings: { code: string }[] }).findings.map(({ code }) => code);
}

function errorCode({ stdout }: CommandResult): string {
  return (JSON.parse(stdout) as { error: { code: string } }).error.code;
}

/** A bundle of the lab in a folder, with the arguments that verify it. */
async function served(t: TestContext, lab: LabSigstore) {
  const { path, write } = folderOf(t);
  const { issuer: labIssuer, subject } = lab.identity();
  const bundle = write("bundle.json", await lab.sign(statement));
  const root = write("trusted_root.json", lab.trustedRoot);
  return {
    path,
    write,
    bundle,
    root,
    file: write("artifact", artifact),
    identity: ["--certificate-identity", subject, "--certificate-oidc-issuer", labIssuer],
    common: ["--bundle", bundle, "--trusted-root", root],
  } as const;
}

test("exits 0 for a file and for its digest, and says who signed what and when", async (t) => {
  await withLabSigstore(async (lab) => {
    const { common, identity, file } = await served(t, lab);
    for (const subject of [file, `sha256:${sha256}`]) {
      const { code, stdout, stderr } = await verify(...common, ...identity, subject);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /^✓ verified: /);
      assert.ok(stdout.includes(lab.identity().subject));
      const json = await verify(...common, ...identity, "--json", subject);
      const document = JSON.parse(json.stdout) as Record<string, unknown>;
      assert.equal(document["ok"], true);
      assert.equal(document["predicateType"], predicateTypes.provenance);
      assert.equal((document["claims"] as { issuer: string }).issuer, lab.identity().issuer);
    }
  });
});

test("exits 1 with findings for another artifact, identity, issuer, root and for what is no bundle", async (t) => {
  await withLabSigstore(async (lab) => {
    const { common, identity, file, root, write } = await served(t, lab);
    const { subject, issuer: labIssuer } = lab.identity();
    const named = (identityName: string, issuerName: string): readonly string[] => [
      "--certificate-identity",
      identityName,
      "--certificate-oidc-issuer",
      issuerName,
    ];
    const cases: [readonly string[], readonly string[]][] = [
      [[...common, ...identity, write("other", "another")], ["STATEMENT_SUBJECT_MISMATCH"]],
      [[...common, ...identity, `sha256:${sampleHex}`], ["STATEMENT_SUBJECT_MISMATCH"]],
      [[...common, ...named(`${subject}-evil`, labIssuer), file], ["IDENTITY_SUBJECT_MISMATCH"]],
      [[...common, ...named(".*", labIssuer), file], ["IDENTITY_SUBJECT_MISMATCH"]],
      [[...common, ...named(subject, issuer), file], ["IDENTITY_ISSUER_MISMATCH"]],
      [["--bundle", write("no.json", "{}"), "--trusted-root", root, ...identity, file], ["BUNDLE_MEDIA_TYPE"]],
      [["--bundle", write("bad.json", "{"), "--trusted-root", root, ...identity, file], ["BUNDLE_INVALID"]],
      [["--bundle", common[1], "--trusted-root", write("r.json", "{}"), ...identity, file], ["ROOT_INVALID"]],
    ];
    for (const [args, expected] of cases) {
      const json = await verify(...args, "--json");
      assert.equal(json.code, 1, json.stdout);
      assert.deepEqual(codesIn(json), expected, args.join(" "));
      const words = await verify(...args);
      assert.equal(words.code, 1);
      assert.match(words.stdout, /^✗ refused: /);
    }
  });
});

test("verifies with a managed key, and refuses a certificate for a key and a key for an identity", async (t) => {
  await withLabSigstore(async (lab) => {
    const { common, root, identity, file, write } = await served(t, lab);
    const [key, other] = [managedKey(), managedKey()];
    const keyed = write("keyed.json", keyedBundle(lab, key, statement));
    const [pem, otherPem] = [write("key.pub", key.pem), write("other.pub", other.pem)];
    const args = ["--bundle", keyed, "--trusted-root", root];
    const proven = await verify(...args, "--key", pem, "--json", file);
    assert.equal(proven.code, 0, proven.stdout);
    assert.equal((JSON.parse(proven.stdout) as { key: string }).key, key.trusted.sha256);
    assert.match((await verify(...args, "--key", pem, file)).stdout, /key {8}sha256:[0-9a-f]{64}/);
    const codes = async (...rest: readonly string[]): Promise<readonly string[]> =>
      codesIn(await verify(...rest, "--json"));
    assert.deepEqual(await codes(...args, "--key", otherPem, file), ["BUNDLE_SIGNATURE_INVALID", "BUNDLE_LOG_INVALID"]);
    assert.deepEqual(await codes(...common, "--key", pem, file), ["BUNDLE_CERTIFICATE_NOT_KEY"]);
    assert.deepEqual(await codes(...args, ...identity, file), ["BUNDLE_KEY_NOT_CERTIFICATE"]);
  });
});

test("T5: blank identities are told before any file is read; so are missing, half and double signers", async (t) => {
  const { path } = folderOf(t);
  const absent = ["--bundle", path("none"), "--trusted-root", path("none"), "--json", path("none")];
  const cases: [readonly string[], string][] = [
    [["--certificate-identity", "", "--certificate-oidc-issuer", issuer], "IDENTITY_EMPTY"],
    [["--certificate-identity", "x", "--certificate-oidc-issuer", " "], "IDENTITY_EMPTY"],
    [["--certificate-identity", " x", "--certificate-oidc-issuer", issuer], "IDENTITY_EMPTY"],
    [["--certificate-identity", "x"], "SIGNER_AMBIGUOUS"],
    [["--certificate-oidc-issuer", issuer], "SIGNER_AMBIGUOUS"],
    [["--key", path("none"), "--certificate-identity", "x"], "SIGNER_AMBIGUOUS"],
    [["--key", path("none"), "--certificate-identity", "x", "--certificate-oidc-issuer", issuer], "SIGNER_AMBIGUOUS"],
    [[], "SIGNER_AMBIGUOUS"],
  ];
  for (const [args, code] of cases) {
    const result = await verify(...args, ...absent);
    assert.equal(result.code, 2);
    assert.equal(errorCode(result), code, args.join(" "));
  }
  assert.equal(errorCode(await verify(...absent.slice(2), "--key", path("none"))), "BUNDLE_NOT_NAMED");
});

test("files that can't be read, and keys that are none, exit 2 and are named; a private key is never shown", async (t) => {
  await withLabSigstore(async (lab) => {
    const { common, bundle, root, identity, file, path, write } = await served(t, lab);
    const secret = managedKey().privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    const huge = path("huge");
    const descriptor = openSync(huge, "w");
    ftruncateSync(descriptor, 25 * 1024 * 1024);
    closeSync(descriptor);
    for (const [args, code] of [
      [["--bundle", path("none"), "--trusted-root", root, ...identity, file], "FILE_UNREADABLE"],
      [["--bundle", path("."), "--trusted-root", root, ...identity, file], "FILE_UNREADABLE"],
      [["--bundle", "/dev/zero", "--trusted-root", root, ...identity, file], "FILE_UNREADABLE"],
      [["--bundle", huge, "--trusted-root", root, ...identity, file], "FILE_UNREADABLE"],
      [["--bundle", bundle, "--trusted-root", path("none"), ...identity, file], "FILE_UNREADABLE"],
      [[...common, ...identity, path("none")], "FILE_UNREADABLE"],
      [[...common, ...identity, path(".")], "FILE_UNREADABLE"],
      [[...common, ...identity, `sha256:${sha256.toUpperCase()}`], "FILE_UNREADABLE"],
      [[...common, ...identity, `sha256:${sha256}0`], "FILE_UNREADABLE"],
      [[...common, "--key", write("secret", secret), file], "KEY_INVALID"],
      [[...common, "--key", path("none"), file], "FILE_UNREADABLE"],
    ] as const) {
      const result = await verify(...args, "--json");
      assert.equal(result.code, 2, args.join(" "));
      assert.equal(errorCode(result), code, args.join(" "));
      assert.ok(!result.stdout.includes(secret.slice(40, 70)));
    }
  });
});

test("a file whose name has the form of a digest is a file", async (t) => {
  await withLabSigstore(async (lab) => {
    const { common, identity, path, write } = await served(t, lab);
    const name = `sha256:${sampleHex}`;
    write(name, artifact);
    const previous = process.cwd();
    process.chdir(path("."));
    try {
      assert.equal((await verify(...common, ...identity, name)).code, 0);
    } finally {
      process.chdir(previous);
    }
  });
});

test("a large artifact is hashed as it is read: memory stays far below its size", async (t) => {
  await withLabSigstore(async (lab) => {
    const { common, identity, path } = await served(t, lab);
    const large = path("large");
    const descriptor = openSync(large, "w");
    ftruncateSync(descriptor, 256 * 1024 * 1024);
    closeSync(descriptor);
    const before = process.memoryUsage.rss();
    const result = await verify(...common, ...identity, "--json", large);
    assert.deepEqual(codesIn(result), ["STATEMENT_SUBJECT_MISMATCH"]);
    assert.ok(process.memoryUsage.rss() - before < 100 * 1024 * 1024);
  });
});

test("--staging exits 3 without a root, and gives way to a root that is named", async (t) => {
  await withLabSigstore(async (lab) => {
    const { bundle, common, identity, file } = await served(t, lab);
    const without = await verify("--staging", "--bundle", bundle, ...identity, "--json", file);
    assert.equal(without.code, 3);
    assert.equal(errorCode(without), "STAGING_ROOT_ABSENT");
    assert.equal((await verify("--staging", ...common, ...identity, file)).code, 0);
  });
});

for (const [name, file, signer, digest] of [
  [
    "sigstore-js-2.1.0-bundle.json",
    "sigstore-js-2.1.0.tgz",
    "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main",
    ["STATEMENT_SUBJECT_MISMATCH"], // its subject has no sha256
  ],
  [
    "reusable-workflow-attestation.sigstore.json",
    "reusable-workflow-artifact",
    "https://github.com/github/artifact-attestations-workflows/.github/workflows/attest.yml@09b495c3f12c7881b3cc17209a327792065c1a1d",
    [],
  ],
] as const) {
  test(`verifies ${name} of the public-good instance without --trusted-root`, async (t) => {
    const files = vectors(t, `sigstore/${name}`, `sigstore/${file}`);
    if (files === undefined) return;
    const folder = join(vectorsDirectory, "sigstore");
    const args = [
      "--bundle",
      join(folder, name),
      "--certificate-identity",
      signer,
      "--certificate-oidc-issuer",
      issuer,
    ];
    assert.equal((await verify(...args, join(folder, file))).code, 0);
    const hex = createHash("sha256").update(files[1]).digest("hex");
    const byDigest = await verify(...args, "--json", `sha256:${hex}`);
    assert.equal(byDigest.code, digest.length > 0 ? 1 : 0);
    if (digest.length > 0) assert.deepEqual(codesIn(byDigest), digest);
    const nearMiss = await verify(...args.with(3, `${signer}x`), "--json", join(folder, file));
    assert.deepEqual(codesIn(nearMiss), ["IDENTITY_SUBJECT_MISMATCH"]);
  });
}

test("refuses a bundle of GitHub's own instance under the public-good root", async (t) => {
  const bundle = "github_provenance_demo-0.0.12-py3-none-any-bundle.jsonl";
  const wheel = "github_provenance_demo-0.0.12-py3-none-any.whl";
  if (vectors(t, `sigstore/${bundle}`, `sigstore/${wheel}`) === undefined) return;
  const folder = join(vectorsDirectory, "sigstore");
  const identity = "https://github.com/actions/attest-demo/.github/workflows/build-python.yml@refs/heads/main";
  const json = await verify(
    ...["--bundle", join(folder, bundle), "--certificate-identity", identity],
    ...["--certificate-oidc-issuer", issuer, "--json", join(folder, wheel)],
  );
  assert.equal(json.code, 1);
  assert.deepEqual(codesIn(json), ["BUNDLE_TIME_INVALID", "BUNDLE_THRESHOLD"]);
});
