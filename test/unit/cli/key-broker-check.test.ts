import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { makeKbsAuthority } from "../../../lab/kbs/authority.ts";
import { json, problem } from "../../../lab/kbs/messages.ts";
import type { KbsHttpAnswer } from "../../../lab/kbs/messages.ts";
import { runInProcess } from "../../support/command-line.ts";
import { labAuthority, sha256, startLabKbs } from "../../support/kbs.ts";
import type { LabKbsOptions } from "../../support/kbs.ts";

function fileOf(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "neko-trust-check-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const path = join(folder, "root.pem");
  writeFileSync(path, text);
  return path;
}

async function check(t: TestContext, options: LabKbsOptions = {}, root = labAuthority.tlsAuthority) {
  const kbs = await startLabKbs(t, options);
  const authority = fileOf(t, root);
  return runInProcess(["key-broker", "check", kbs.url, "--tls-authority", authority]);
}

test("a broker that gives nothing to who can't attest is told so, by its root or its key", async (t) => {
  const result = await check(t);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(
    result.stdout,
    [
      "✓ ok             connection: the pinned key broker answers, with a challenge of protocol 0.4.0",
      "✓ ok             sessions: two have nonces and identifiers of their own",
      "✓ ok             default/credential/registry without a token: refused (TokenNotFound)",
      "✓ ok             default/credential/registry with a token of one's own making: refused (TokenVerifierError)",
      "✓ ok             administration without a token: refused (AdminAuthAccess)",
      "The key broker gives nothing to who can't attest.",
      "",
    ].join("\n"),
  );
  const kbs = await startLabKbs(t);
  const { publicKey } = new X509Certificate(labAuthority.tlsCertificate);
  const pin = sha256(publicKey.export({ type: "spki", format: "der" }));
  const pinned = await runInProcess(["key-broker", "check", kbs.url, "--tls-key", pin, "--json"]);
  assert.equal(pinned.code, 0, pinned.stderr);
  assert.equal((JSON.parse(pinned.stdout) as { ok: boolean }).ok, true);
});

const isGet = (path: string) => path.startsWith("/kbs/v0/resource/");
const given: KbsHttpAnswer = json({});

const weak: Readonly<Record<string, readonly [says: RegExp, options: LabKbsOptions]>> = {
  "a broker that gives a resource to anybody": [
    /✗ missing +default\/credential\/registry without a token: given/,
    { alter: (answer, { path }) => (isGet(path) ? given : answer) },
  ],
  "a broker that believes a token by its own key": [
    /✗ missing +.* with a token of one's own making: refused, but not by TokenVerifierError: HTTP 401, PolicyDeny/,
    { alter: (answer, { authorization }) => (authorization === "" ? answer : problem("PolicyDeny")) },
  ],
  "a broker whose policy anybody may read": [
    /✗ missing +administration without a token: the resource policy is given to anybody/,
    { alter: (answer, { path }) => (path === "/kbs/v0/resource-policy" ? given : answer) },
  ],
  "a broker that is broken": [
    /✗ missing +administration without a token: refused, but not by AdminAuthAccess: HTTP 400/,
    { alter: (answer, { path }) => (path === "/kbs/v0/resource-policy" ? { status: 400, body: "" } : answer) },
  ],
};

for (const [name, [says, options]] of Object.entries(weak)) {
  test(`refuses ${name}`, async (t) => {
    const result = await check(t, options);
    assert.equal(result.code, 1);
    assert.match(result.stdout, says);
    assert.match(result.stdout, /to do: /);
  });
}

test("a gateway that does not let administrators' routes through is good, too", async (t) => {
  const alter = (answer: KbsHttpAnswer, { path }: { path: string }) =>
    path === "/kbs/v0/resource-policy" ? { status: 404, body: "no such route" } : answer;
  const result = await check(t, { alter });
  assert.equal(result.code, 0);
  assert.match(result.stdout, /✓ ok +administration without a token: not reachable here: HTTP 404/);
});

test("one nonce for all is no Trustee", async (t) => {
  let first: KbsHttpAnswer | undefined;
  const alter = (answer: KbsHttpAnswer, { path }: { path: string }) =>
    path === "/kbs/v0/auth" ? (first ??= answer) : answer;
  const result = await check(t, { alter });
  assert.equal(result.code, 1);
  assert.match(result.stdout, /✗ missing +sessions: two have one nonce or identifier/);
});

test("another at its address, none, and bad options are told by their codes", async (t) => {
  const stranger = await check(t, {}, makeKbsAuthority(new Date()).tlsAuthority);
  assert.equal(stranger.code, 1);
  assert.match(stranger.stderr, /KBS_TLS_UNTRUSTED/);
  const root = fileOf(t, labAuthority.tlsAuthority);
  const run = (...args: string[]) => runInProcess(["key-broker", "check", ...args]);
  for (const [args, code, exit] of [
    [["http://kbs.example.org/kbs", "--tls-authority", root], "KBS_URL_INVALID", 2],
    [["https://kbs.example.org/kbs"], "KBS_TRUST_INVALID", 2],
    [["https://kbs.example.org/kbs", "--tls-key", "abc"], "KBS_TRUST_INVALID", 2],
    [["https://kbs.example.org/kbs", "--tls-authority", `${root}.absent`], "FILE_UNREADABLE", 2],
    [["https://127.0.0.1:1/kbs", "--tls-authority", root, "--resource", "a/../b"], "KBS_RESOURCE_ID_INVALID", 2],
    [["https://127.0.0.1:1/kbs", "--tls-authority", root], "KBS_UNREACHABLE", 3],
  ] as const) {
    const result = await run(...args);
    assert.equal(result.code, exit, result.stderr);
    assert.match(result.stderr, new RegExp(`\\(code ${code}\\)`));
  }
});
