import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import type { Credentials, RegistryClientOptions } from "../../../../src/adapters/registry/settings.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { startServer } from "./loopback-server.ts";

const content = "content";
const blob = { digest: digestOf(content), size: content.length };
const basic: Credentials = { kind: "basic", username: "ada", password: "passw0rd" };

function clientWith(
  credentials?: Credentials,
  more: RegistryClientOptions = {},
): ReturnType<typeof createRegistryClient> {
  return createRegistryClient({ credentials: () => Promise.resolve(credentials), ...more });
}

test("Basic is answered with a user name and password only", async (t) => {
  const registry = await startServer(t, ({ headers }) =>
    headers.authorization === undefined
      ? { status: 401, headers: { "www-authenticate": "Basic realm=x" } }
      : { status: 200, body: content },
  );
  const repository = `${registry.host}/team/app`;
  assert.equal((await clientWith(basic).blob(repository, blob)).kind, "found");
  assert.equal((await clientWith().blob(repository, blob)).kind, "unauthorized");
  assert.equal(
    (await clientWith({ kind: "identity-token", token: "t0ken" }).blob(repository, blob)).kind,
    "unauthorized",
  );
});

test("credentials that end are not used any longer, and the source is asked again", async (t) => {
  const registry = await startServer(t, ({ headers }) =>
    headers.authorization === undefined
      ? { status: 401, headers: { "www-authenticate": "Basic" } }
      : { status: 200, body: content },
  );
  const repository = `${registry.host}/team/app`;
  let time = 0;
  let asked = 0;
  const source = (): Promise<Credentials> => {
    asked += 1;
    return Promise.resolve({ ...basic, until: time + 600_000 });
  };
  const client = clientWith(undefined, { credentials: source, now: () => time });
  for (const at of [0, 599_999, 600_000, 3_600_000]) {
    time = at;
    assert.equal((await client.blob(repository, blob)).kind, "found");
  }
  assert.equal(asked, 3);
});
