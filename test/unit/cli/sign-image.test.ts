import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runInProcess } from "../../support/command-line.ts";

/** Bad input to the signing commands: refused before the network, with exit code 2, and no secret on either stream. */

const folder = mkdtempSync(join(tmpdir(), "neko-sign-cli-"));
after(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode });
  return path;
}

const reference = `127.0.0.1:1/m1k1o/neko/base@sha256:${"0".repeat(64)}`;
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const claims = { iss: "https://token.example", sub: "who", aud: "sigstore", exp: Date.now() / 1000 + 300 };
const tokenOf = (changes: Readonly<Record<string, unknown>>): string =>
  `${part({ alg: "ES256" })}.${part({ ...claims, ...changes })}.c2VjcmV0LXNpZ25hdHVyZQ`;

const tokens = [
  { what: "blank", token: "  \n", code: "IDENTITY_TOKEN_INVALID" },
  { what: "no JWT", token: "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB", code: "IDENTITY_TOKEN_INVALID" },
  { what: "for another audience", token: tokenOf({ aud: "sts.example" }), code: "IDENTITY_TOKEN_AUDIENCE" },
  { what: "expired", token: tokenOf({ exp: 1 }), code: "IDENTITY_TOKEN_EXPIRED" },
];

const commands: readonly (readonly string[])[] = [
  ["sign-image", reference],
  ["attest-image", reference, "--vsa", file("vsa.json", "{}")],
];

for (const command of commands) {
  const [name = ""] = command;

  for (const { what, token, code } of tokens) {
    test(`T22: ${name} refuses a token that is ${what}, from a file or the environment, and never prints it`, async () => {
      const path = file(`token-${what}`, token);
      for (const json of [[], ["--json"]]) {
        const runs = [
          await runInProcess([...command, "--identity-token-file", path, ...json]),
          await runInProcess([...command, ...json], { environment: { SIGSTORE_ID_TOKEN: token } }),
        ];
        for (const { code: exitCode, stdout, stderr } of runs) {
          assert.equal(exitCode, 2);
          const printed = `${stdout}${stderr}`;
          assert.ok(printed.includes(code), printed);
          for (const secret of token.trim().split(".")) {
            if (secret.length > 8) assert.ok(!printed.includes(secret), printed);
          }
        }
      }
    });
  }

  const usage = [
    { what: "no token at all", args: [], code: "IDENTITY_TOKEN_MISSING" },
    {
      what: "a token's file that isn't there",
      args: ["--identity-token-file", join(folder, "none")],
      code: "IDENTITY_TOKEN_UNREADABLE",
    },
    { what: "a folder for a token", args: ["--identity-token-file", folder], code: "IDENTITY_TOKEN_UNREADABLE" },
    { what: "both a key and a token", args: ["--key", "k", "--identity-token-file", "t"], code: "SIGNER_AMBIGUOUS" },
    { what: "a key's file that isn't there", args: ["--key", join(folder, "none")], code: "SIGNING_KEY_UNREADABLE" },
    { what: "a variable that isn't there", args: ["--key", "env://NOT_THERE"], code: "SIGNING_KEY_UNREADABLE" },
    { what: "a key that is none", args: ["--key", file("not.key", "nothing")], code: "SIGNING_KEY_INVALID" },
    {
      what: "a key that others may read",
      args: ["--key", file("open.key", "nothing", 0o644)],
      code: "SIGNING_KEY_EXPOSED",
    },
    {
      what: "services of two instances",
      args: ["--signing-config", "c", "--tsa-url", "https://t.example"],
      code: "SIGNING_SERVICES_AMBIGUOUS",
    },
    { what: "half an instance", args: ["--fulcio-url", "https://f.example"], code: "SIGNING_SERVICES_AMBIGUOUS" },
    {
      what: "services without TLS",
      args: ["--fulcio-url", "http://f.example", "--rekor-url", "https://r.example"],
      code: "SIGNING_USAGE",
    },
    {
      what: "Rekor v2 without a time",
      args: ["--fulcio-url", "https://f.example", "--rekor-url", "https://r.example", "--rekor-version", "2"],
      code: "SIGNING_USAGE",
    },
    { what: "a log of version 3", args: ["--rekor-version", "3"], code: "USAGE_INVALID" },
    {
      what: "a signing configuration that is none",
      args: ["--signing-config", file("c.json", "{}")],
      code: "SIGNING_CONFIG_INVALID",
    },
  ];
  for (const { what, args, code } of usage) {
    test(`${name} with ${what} exits 2 with ${code}`, async () => {
      const { code: exitCode, stdout, stderr } = await runInProcess([...command, ...args]);
      assert.equal(exitCode, 2);
      assert.equal(stdout, "");
      assert.match(stderr, new RegExp(`\\n\\(code ${code}\\)\\n$`));
    });
  }
}

test("no message holds a passphrase", async () => {
  const locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
  const environment = { COSIGN_PASSWORD: "a-passphrase-of-mine", KEY: locked };
  const { code, stderr } = await runInProcess(["sign-image", reference, "--key", "env://KEY"], { environment });
  assert.equal(code, 2);
  assert.match(stderr, /\(code SIGNING_KEY_PASSPHRASE_WRONG\)/);
  assert.ok(!stderr.includes("a-passphrase-of-mine"));
});

test("what isn't a reference is refused before the token is looked at", async () => {
  for (const text of ["neko", "ghcr.io/m1k1o/neko@sha256:short", "ghcr.io/M1k1o/neko:x"]) {
    const { code, stderr } = await runInProcess(["sign-image", reference, text]);
    assert.equal(code, 2);
    assert.match(stderr, /\(code REFERENCE_INVALID\)/);
  }
});

const attest = ["attest-image", reference];
const good = file("good.json", "{}");
const attestUsage = [
  { what: "nothing to attest, and no token either,", args: [], code: "ATTEST_NOTHING" },
  { what: "a file that isn't there", args: ["--sbom", join(folder, "none")], code: "ATTEST_FILE_UNREADABLE" },
  { what: "a folder", args: ["--manifest", folder], code: "ATTEST_FILE_UNREADABLE" },
  { what: "no JSON", args: ["--sbom", file("x.json", "<x>")], code: "ATTEST_FILE_NOT_JSON" },
  {
    what: "JSON with two meanings",
    args: ["--sbom", `linux/amd64=${file("y.json", '{"a":1,"a":2}')}`],
    code: "ATTEST_FILE_NOT_JSON",
  },
  { what: "17 MiB", args: ["--sbom", file("large.json", " ".repeat(17 * 1024 * 1024))], code: "ATTEST_FILE_TOO_LARGE" },
  { what: "a type without a predicate", args: ["--type", "https://x.example"], code: "ATTEST_TYPE_MISSING" },
  { what: "a predicate without a type", args: ["--predicate", good], code: "ATTEST_TYPE_MISSING" },
  { what: "a type that is no URI", args: ["--predicate", good, "--type", "mine"], code: "ATTEST_TYPE_INVALID" },
  {
    what: "a type with an option of its own",
    args: ["--predicate", good, "--type", "https://spdx.dev/Document/v2.2"],
    code: "ATTEST_TYPE_RESERVED",
  },
  {
    what: "a signature as a predicate",
    args: ["--predicate", good, "--type", "https://sigstore.dev/cosign/sign/v1"],
    code: "ATTEST_TYPE_RESERVED",
  },
  {
    what: "provenance without its lock",
    args: ["--provenance", "--attribute", "image"],
    code: "PROVENANCE_INCOMPLETE",
  },
  { what: "a lock without provenance", args: ["--flake-lock", good], code: "PROVENANCE_INCOMPLETE" },
  {
    what: "provenance to make and the attribute alone beside a file",
    args: ["--provenance", good, "--provenance", "--attribute", "image"],
    code: "PROVENANCE_INCOMPLETE",
  },
];
for (const { what, args, code } of attestUsage) {
  test(`attest-image with ${what} exits 2 with ${code}`, async () => {
    const { code: exitCode, stderr } = await runInProcess([...attest, ...args]);
    assert.equal(exitCode, 2);
    assert.match(stderr, new RegExp(`\\n\\(code ${code}\\)\\n$`));
  });
}
