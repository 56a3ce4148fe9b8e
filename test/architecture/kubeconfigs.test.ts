import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { parse } from "yaml";
import { z } from "zod";
import { readKubeconfig } from "../../src/adapters/cluster/kubeconfig.ts";
import { checkout } from "../support/engine/engine-under-test.ts";

/** Kubeconfigs are in git, so that CI's jobs have them: none may hold a credential. */

const script = join(checkout, "scripts", "gke-kubeconfig");

/** Only a command that asks for a token may stand in a user's entry, and no address may have a password in it. */
const withoutSecrets = z.object({
  users: z.array(
    z.strictObject({ name: z.string(), user: z.strictObject({ exec: z.looseObject({ env: z.null().optional() }) }) }),
  ),
  clusters: z.array(z.object({ cluster: z.object({ server: z.string().regex(/^https:\/\/[^@]+$/) }) })),
});

/** A folder whose `gcloud` answers as given; prints what it was asked to a file. */
function gcloud(t: TestContext, describes: string, token = "ya29.the-token"): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "neko-gcloud-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const body = `case "$1" in auth) ${token === "" ? "exit 1" : `echo ${token}`};; *) echo "$@" >"$0.asked"; echo "${describes}";; esac`;
  writeFileSync(join(folder, "gcloud"), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return { PATH: [folder, process.env["PATH"] ?? ""].join(delimiter), folder };
}

const written = (environment: Record<string, string>): string =>
  execFileSync(script, ["acme-staging", "europe-west4", "main"], { env: environment, encoding: "utf8" });

test("no kubeconfig of this checkout holds a secret", () => {
  const files = readdirSync(join(checkout, "kubeconfigs")).filter((name) => name !== "README.md");
  for (const name of files) {
    const text = readFileSync(join(checkout, "kubeconfigs", name), "utf8");
    assert.ok(
      withoutSecrets.safeParse(parse(text)).success,
      `kubeconfigs/${name} holds more than an address and a command`,
    );
  }
});

test("what gke-kubeconfig prints holds none, and the official client gets gcloud's token by it", async (t) => {
  const environment = gcloud(t, "203.0.113.7 TFMwdExTMUNSVWRK");
  const text = written(environment);
  assert.ok(withoutSecrets.safeParse(parse(text)).success, text);
  assert.match(
    readFileSync(join(environment["folder"] ?? "", "gcloud.asked"), "utf8"),
    /^container clusters describe main --project acme-staging --location europe-west4 /,
  );
  const file = join(environment["folder"] ?? "", "kubeconfig.yaml");
  writeFileSync(file, text);
  const access = await readKubeconfig(file);
  assert.equal(access.server.href, "https://203.0.113.7/");
  const before = process.env["PATH"];
  process.env["PATH"] = environment["PATH"];
  try {
    const options: { headers?: Record<string, string> } = {};
    await access.config.applyToHTTPSOptions(options);
    assert.equal(options.headers?.["Authorization"], "Bearer ya29.the-token");
  } finally {
    process.env["PATH"] = before;
  }
});

test("without a token the command fails instead of giving an empty one", (t) => {
  const environment = gcloud(t, "203.0.113.7 TFMwdExTMUNSVWRK", "");
  const { users } = z
    .object({
      users: z.array(
        z.object({ user: z.object({ exec: z.object({ command: z.string(), args: z.array(z.string()) }) }) }),
      ),
    })
    .parse(parse(written(environment)));
  const { command = "", args = [] } = users[0]?.user.exec ?? {};
  const { status, stdout } = spawnSync(command, args, { env: environment, encoding: "utf8" });
  assert.deepEqual([status === 0, stdout], [false, ""]);
});

test("an answer that is no address and certificate is refused, and so are wrong arguments", (t) => {
  for (const answer of ["", "203.0.113.7", "203.0.113.7 ", "203.0.113.7 a:b", "evil.example/ AAAA", "1.2.3.4 AA AA"]) {
    const { status, stdout } = spawnSync(script, ["p", "l", "c"], { env: gcloud(t, answer), encoding: "utf8" });
    assert.deepEqual([status === 0, stdout], [false, ""], answer);
  }
  assert.equal(spawnSync(script, ["p", "l"]).status, 2);
});

test("a token, a key, a password or a variable in a kubeconfig is found", () => {
  const good = { name: "u", user: { exec: { command: "sh" } } };
  const clusters = [{ name: "c", cluster: { server: "https://203.0.113.7" } }];
  assert.ok(withoutSecrets.safeParse({ users: [good], clusters }).success);
  for (const user of [
    { token: "t" },
    { "client-key-data": "k", exec: {} },
    { username: "u", password: "p" },
    { exec: { env: [{ name: "TOKEN", value: "t" }] } },
    { "auth-provider": { config: {} } },
  ]) {
    assert.ok(!withoutSecrets.safeParse({ users: [{ name: "u", user }], clusters }).success, JSON.stringify(user));
  }
  const server = [{ cluster: { server: "https://me:secret@203.0.113.7" } }];
  assert.ok(!withoutSecrets.safeParse({ users: [good], clusters: server }).success);
});
