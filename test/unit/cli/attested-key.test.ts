import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { stringify } from "yaml";
import { runInProcess } from "../../support/command-line.ts";
import { startReleaseLab } from "../../support/release-lab.ts";
import { serveRelease } from "../../support/release-registry.ts";
import { teeLabOf } from "../../support/tee.ts";

const lab = await startReleaseLab();
const tee = teeLabOf(lab);

const sha = `sha256:${"0".repeat(64)}`;
const quoteInto = (folder: string) => ["quote", "--report-data", "0".repeat(128), "--output", folder];
const digest = `registry.example/a/b@${sha}`;

for (const [what, args, code, exit] of [
  ["status without a trust domain", ["status"], "TSM_ABSENT", 2],
  ["quote over too little", ["quote", "--report-data", "00"], "ATTESTED_REPORT_DATA_INVALID", 2],
  ["quote over nothing", ["quote"], "ATTESTED_REPORT_DATA_INVALID", 2],
  ["quote into no folder", quoteInto("/nonexistent/folder"), "FILE_NOT_WRITTEN", 2],
  ["quote into a file", quoteInto(import.meta.filename), "FILE_NOT_WRITTEN", 2],
  ["quote into a folder, elsewhere", quoteInto(tmpdir()), "TSM_ABSENT", 2],
  ["attest to nobody", ["attest"], "ATTESTED_BROKER_UNNAMED", 2],
  ["attest to somebody unknown", ["attest", "--kbs-url", "https://kbs.example/kbs"], "KBS_TRUST_INVALID", 2],
  ["attest to an address without TLS", ["attest", "--kbs-url", "http://x/kbs"], "KBS_URL_INVALID", 2],
  ["sign a tag", ["sign", "registry.example/a/b:tag"], "ATTESTED_DIGEST_NEEDED", 2],
  ["sign without a policy", ["sign", digest], "POLICY_NOT_NAMED", 2],
  [
    "sign with half a key broker",
    ["sign", digest, "--stack", "production", "--kbs-resource", "default/credential/registry"],
    "ATTESTED_BROKER_UNNAMED",
    2,
  ],
  [
    "sign with a floor that is none",
    ["sign", digest, "--stack", "production", "--min-evaluation", "-1"],
    "ATTESTED_EVALUATION_INVALID",
    2,
  ],
  ["watch nothing", ["watch"], "ATTESTED_REPOSITORY_INVALID", 2],
  ["watch all the time", ["watch", "--repository", "r.example/a", "--interval", "0"], "ATTESTED_INTERVAL_INVALID", 2],
  ["watch too seldom", ["watch", "--repository", "r.example/a", "--interval", "241"], "ATTESTED_INTERVAL_INVALID", 2],
] as const) {
  test(`attested-key ${what}: exits ${String(exit)} with ${code}`, async () => {
    const { code: exitCode, stderr, stdout } = await runInProcess(["attested-key", ...args]);
    assert.equal(exitCode, exit, stderr);
    assert.ok(stderr.endsWith(`(code ${code})\n`), stderr);
    assert.equal(stdout, "");
  });
}

test("whoever names a key broker without its pins is told which options lack, all at once", async () => {
  const key = "0".repeat(64);
  for (const [args, told] of [
    [[], "--kbs-token-authority or --kbs-token-key is missing, and so is --kbs-tls-authority or --kbs-tls-key."],
    [["--kbs-tls-key", key], "--kbs-token-authority or --kbs-token-key is missing."],
    [["--kbs-token-key", "t.pem"], "--kbs-tls-authority or --kbs-tls-key is missing."],
    [
      ["--kbs-tls-key", key, "--kbs-tls-authority", "a.pem"],
      "--kbs-token-authority or --kbs-token-key is missing; --kbs-tls-authority and --kbs-tls-key are both given.",
    ],
  ] as const) {
    const { code, stderr } = await runInProcess([
      "attested-key",
      "attest",
      "--kbs-url",
      "https://kbs.example/kbs",
      ...args,
    ]);
    assert.equal(code, 2);
    const message = `error: It isn't clear who the key broker has to be: ${told}\n`;
    assert.ok(stderr.startsWith(message) && stderr.endsWith("\n(code KBS_TRUST_INVALID)\n"), stderr);
  }
});

test("watch refuses another policy than the one that is expected, before anything is asked", async (t) => {
  const { trust, repository } = await serveRelease(t, lab);
  const args = ["attested-key", "watch", "--repository", repository, ...trust, "--policy-digest", sha];
  const { code, stderr } = await runInProcess(args);
  assert.equal(code, 2);
  assert.match(stderr, /\(code ATTESTED_POLICY_OTHER\)\n$/);
});

test("watch and sign refuse to start under a policy with tee: no signature of theirs could ever meet it first", async (t) => {
  const { write, repository, reference } = await serveRelease(t, lab);
  const policy = { ...tee.policy(), images: [{ ...tee.policy().images[0], repository }] };
  const trust = ["--policy", write("tee.yaml", stringify(policy)), "--trusted-root"];
  trust.push(write("root.json", lab.evidence.trustedRoot));
  const address = ["--health", "127.0.0.1:not-a-port"];
  for (const command of [
    ["watch", "--repository", repository, ...address],
    ["sign", reference],
  ]) {
    const { code, stderr } = await runInProcess(["attested-key", ...command, ...trust]);
    assert.equal(code, 2);
    assert.match(stderr, /\(code ATTESTED_POLICY_HAS_TEE\)\n$/);
  }
});

test("watch and sign refuse to start with another root than their policy pins", async (t) => {
  const { trust, write, repository, reference } = await serveRelease(t, lab);
  const [, policy = ""] = trust;
  const roots = ["--policy", policy, "--trusted-root", write("quote.bin", Buffer.from([4, 0, 2, 0]))];
  for (const command of [
    ["watch", "--repository", repository],
    ["sign", reference],
  ]) {
    const { code, stderr, stdout } = await runInProcess(["attested-key", ...command, ...roots]);
    assert.equal(code, 2);
    assert.match(stderr, /^error: The trusted root is none to sign by under policy "[^"]+": expected sha256 /);
    assert.match(stderr, /\nto do: Restore the pinned file, .+\n\(code ROOT_DIGEST_MISMATCH\)\n$/);
    assert.equal(stdout, "");
  }
});

test("fewer time-stamp authorities than roots.tsa asks for are refused before anything is asked", async (t) => {
  const { write, repository, reference } = await serveRelease(t, lab);
  const policy = lab.policyWith({ "images.0.repository": repository, "roots.tsa": 2 });
  const trust = ["--policy", write("two.yaml", stringify(policy)), "--trusted-root"];
  trust.push(write("root.json", lab.evidence.trustedRoot));
  const once = ["--tsa-url", "http://127.0.0.1:1/"];
  for (const command of [
    ["watch", "--repository", repository],
    ["sign", reference],
  ]) {
    for (const urls of [[], once, [...once, ...once]]) {
      const { code, stderr } = await runInProcess(["attested-key", ...command, ...trust, ...urls]);
      assert.equal(code, 2);
      assert.match(stderr, /\(code ATTESTED_TOO_FEW_AUTHORITIES\)\n$/);
    }
  }
});

test("more time-stamp authorities than a signature can carry are refused before anything is asked", async (t) => {
  const { trust, repository, reference } = await serveRelease(t, lab);
  const urls = Array.from({ length: 5 }, (_, index) => ["--tsa-url", `http://127.0.0.1:${String(index + 1)}/`]);
  for (const command of [
    ["watch", "--repository", repository],
    ["sign", reference],
  ]) {
    const { code, stderr } = await runInProcess(["attested-key", ...command, ...trust, ...urls.flat()]);
    assert.equal(code, 2);
    assert.match(stderr, /\(code ATTESTED_TOO_MANY_AUTHORITIES\)\n$/);
  }
});

test("verify refuses a policy that demands no attested signature", async (t) => {
  const { trust, reference } = await serveRelease(t, lab);
  const { code, stderr } = await runInProcess(["attested-key", "verify", reference, ...trust]);
  assert.equal(code, 2);
  assert.match(stderr, /\(code ATTESTED_NOT_DEMANDED\)\n$/);
});

test("verify-image and attested-key verify need the signer's release, and say how to name it", async (t) => {
  const signature = tee.signed({ challengedAgo: 182, stampedAgo: [181] });
  const { write, repository, reference } = await serveRelease(t, lab, { evidence: tee.evidence([signature]) });
  const policy = { ...tee.policy(), images: [{ ...tee.policy().images[0], repository }] };
  const root = write("root.json", lab.evidence.trustedRoot);
  const args = [reference, "--policy", write("tee.yaml", stringify(policy)), "--trusted-root", root];
  for (const command of [["verify-image"], ["attested-key", "verify"]]) {
    const unnamed = await runInProcess([...command, ...args, "--json"]);
    assert.equal(unnamed.code, 1, unnamed.stderr);
    assert.match(unnamed.stdout, /"TEE_SIGNER_RELEASE"[\s\S]+--signer-image/);
    // The signer's release is not in this registry: nothing is verified without it.
    const absent = await runInProcess([...command, ...args, "--signer-image", repository]);
    assert.equal(absent.code, 3, absent.stderr);
    assert.match(absent.stderr, /\(code REGISTRY_ABSENT\)\n$/);
    const policyAlone = await runInProcess([...command, ...args, "--signer-policy", root]);
    assert.match(policyAlone.stderr, /\(code SIGNER_IMAGE_UNNAMED\)\n$/);
  }
});
