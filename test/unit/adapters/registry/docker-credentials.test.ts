import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import { dockerCredentials } from "../../../../src/adapters/registry/docker-credentials.ts";
import type { CredentialsSource } from "../../../../src/adapters/registry/settings.ts";
import { Failure } from "../../../../src/core/failure.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { startServer } from "./loopback-server.ts";

interface Rig {
  readonly folder: string;
  readonly credentials: CredentialsSource;
}

/** A Docker config folder with the given file, and helper programs on a PATH of their own. */
function rig(t: TestContext, config: unknown, helpers: Readonly<Record<string, string>> = {}): Rig {
  const folder = mkdtempSync(join(tmpdir(), "neko-docker-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const bin = join(folder, "bin");
  mkdirSync(bin);
  for (const [name, script] of Object.entries(helpers)) {
    const path = join(bin, `docker-credential-${name}`);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  }
  writeFileSync(join(folder, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
  return { folder, credentials: dockerCredentials({ DOCKER_CONFIG: folder, PATH: `${bin}:/usr/bin:/bin` }) };
}

const auth = (user: string): { auth: string } => ({ auth: Buffer.from(`${user}:pa:ss`).toString("base64") });
const basic = (username: string): object => ({ kind: "basic", username, password: "pa:ss" });

test("a host gets what is stored for exactly that host, never for one that contains its name", async (t) => {
  const { credentials } = rig(t, { auths: { "ghcr.io": auth("ghcr"), "https://example.org:5000/v2/": auth("port") } });
  assert.deepEqual(await credentials("ghcr.io"), basic("ghcr"));
  assert.deepEqual(await credentials("example.org:5000"), basic("port"));
  for (const other of [
    "cr.io",
    "ghcr.io.evil.example",
    "evil-ghcr.io",
    "sub.ghcr.io",
    "ghcr.io:443",
    "example.org",
    "example.org:50001",
    "",
    "hcr",
    "__proto__",
    "constructor",
  ]) {
    assert.equal(await credentials(other), undefined, other);
  }
});

test("no request to cr.io carries ghcr.io's password", async (t) => {
  const { credentials } = rig(t, { auths: { "ghcr.io": auth("ghcr") } });
  const sent: (string | null)[] = [];
  const client = createRegistryClient({
    credentials,
    fetch: (_input, init) => {
      sent.push(new Headers(init.headers).get("authorization"));
      return Promise.resolve(new Response(null, { status: 401, headers: { "www-authenticate": "Basic realm=x" } }));
    },
  });
  await client.manifest("cr.io/team/app", digestOf("x"));
  assert.deepEqual(sent, [null]);
  await client.manifest("ghcr.io/team/app", digestOf("x"));
  assert.deepEqual(sent.slice(1), [null, `Basic ${Buffer.from("ghcr:pa:ss").toString("base64")}`]);
});

test("Docker Hub's entry goes by its old address", async (t) => {
  const { credentials } = rig(t, { auths: { "https://index.docker.io/v1/": auth("hub") } });
  assert.deepEqual(await credentials("docker.io"), basic("hub"));
});

test("entries in each of Docker's forms are read", async (t) => {
  const { credentials } = rig(t, {
    auths: {
      "plain.example": { username: "u", password: "p" },
      "token.example": { auth: "", identitytoken: "refresh" },
      "https://path.example/some/path": auth("path"),
      "empty.example": {},
      "broken.example": { auth: "!!!" },
    },
  });
  assert.deepEqual(await credentials("plain.example"), { kind: "basic", username: "u", password: "p" });
  assert.deepEqual(await credentials("token.example"), { kind: "identity-token", token: "refresh" });
  for (const host of ["path.example", "empty.example", "broken.example"])
    assert.equal(await credentials(host), undefined);
});

test("no file means no credentials", async (t) => {
  const { folder } = rig(t, {});
  const credentials = dockerCredentials({ DOCKER_CONFIG: join(folder, "absent") });
  assert.equal(await credentials("ghcr.io"), undefined);
  assert.equal(await dockerCredentials({ HOME: join(folder, "absent") })("ghcr.io"), undefined);
});

test("~/.docker/config.json is read when DOCKER_CONFIG is not set", async (t) => {
  const { folder } = rig(t, {});
  mkdirSync(join(folder, ".docker"));
  writeFileSync(join(folder, ".docker", "config.json"), JSON.stringify({ auths: { "ghcr.io": auth("home") } }));
  assert.deepEqual(await dockerCredentials({ HOME: folder })("ghcr.io"), basic("home"));
});

for (const [name, config] of [
  ["that is not JSON", '{"auths": {"ghcr.io": {"auth": "c2VjcmV0'],
  ["of another shape", { auths: { "ghcr.io": { auth: ["c2VjcmV0"] } } }],
  ["that is a list", []],
] as const) {
  test(`a file ${name} is a usage error that does not quote it`, async (t) => {
    const { credentials } = rig(t, config);
    await assert.rejects(credentials("ghcr.io"), (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.code, "DOCKER_CONFIG_INVALID");
      assert.equal(error.kind, "usage");
      assert.ok(!error.message.includes("c2VjcmV0"));
      return true;
    });
  });
}

const helper = `read server; test "$1" = get || exit 9; printf '{"ServerURL":"%s","Username":"from-helper","Secret":"for-%s"}' "$server" "$server"`;

test("credHelpers are asked for their own host, credsStore for every other", async (t) => {
  const { credentials } = rig(
    t,
    { credHelpers: { "one.example": "one" }, credsStore: "store", auths: { "https://two.example": {} } },
    { one: helper, store: helper.replace("from-helper", "from-store") },
  );
  assert.deepEqual(await credentials("one.example"), {
    kind: "basic",
    username: "from-helper",
    password: "for-one.example",
  });
  assert.deepEqual(await credentials("two.example"), {
    kind: "basic",
    username: "from-store",
    password: "for-https://two.example",
  });
  assert.deepEqual(await credentials("docker.io"), {
    kind: "basic",
    username: "from-store",
    password: "for-https://index.docker.io/v1/",
  });
});

test("a helper may hold an identity token, or nothing; then the file counts", async (t) => {
  const { credentials } = rig(
    t,
    { credHelpers: { "token.example": "token" }, credsStore: "nothing", auths: { "ghcr.io": auth("file") } },
    {
      token: `printf '{"Username":"<token>","Secret":"refresh"}'`,
      nothing: "echo 'credentials not found in native keychain'; exit 1",
    },
  );
  assert.deepEqual(await credentials("token.example"), { kind: "identity-token", token: "refresh" });
  assert.deepEqual(await credentials("ghcr.io"), basic("file"));
  assert.equal(await credentials("other.example"), undefined);
});

for (const [name, script, message] of [
  ["fails", "echo s3cret; echo s3cret >&2; exit 3", /exit code 3/],
  ["answers nonsense", "echo s3cret", /something else than credentials/],
  ["prints without end", "yes s3cret", /something else than credentials/],
] as const) {
  test(`a helper that ${name} is an error that repeats nothing of its output`, async (t) => {
    const { credentials } = rig(t, { credsStore: "bad" }, { bad: script });
    await assert.rejects(credentials("ghcr.io"), (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.code, "CREDENTIAL_HELPER_FAILED");
      assert.match(error.message, message);
      assert.ok(!error.message.includes("s3cret"));
      return true;
    });
  });
}

test("a helper that is not there, or whose name is a path, is an error", async (t) => {
  await assert.rejects(rig(t, { credsStore: "absent" }).credentials("ghcr.io"), {
    message: /docker-credential-absent is not on PATH/,
  });
  await assert.rejects(rig(t, { credHelpers: { "ghcr.io": "../../bin/sh" } }).credentials("ghcr.io"), {
    message: /no plain word/,
  });
});

test("a source that fails ends the call with its failure", async (t) => {
  const server = await startServer(t, () => ({ status: 401, headers: { "www-authenticate": "Basic realm=x" } }));
  const { credentials } = rig(t, "{");
  const client = createRegistryClient({ credentials });
  await assert.rejects(client.manifest(`${server.host}/team/app`, digestOf("x")), { code: "DOCKER_CONFIG_INVALID" });
});
