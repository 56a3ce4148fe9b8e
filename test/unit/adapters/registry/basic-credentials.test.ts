import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import type { Credentials } from "../../../../src/adapters/registry/settings.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { startServer } from "./loopback-server.ts";

const content = "content";
const blob = { digest: digestOf(content), size: content.length };
const basic: Credentials = { kind: "basic", username: "ada", password: "passw0rd" };

/** A repository of a registry that wants Basic, and takes whatever is sent then. */
async function guardedRepository(t: TestContext): Promise<string> {
  const registry = await startServer(t, ({ headers }) =>
    headers.authorization === undefined
      ? { status: 401, headers: { "www-authenticate": "Basic realm=x" } }
      : { status: 200, body: content },
  );
  return `${registry.host}/team/app`;
}

test("Basic is answered with a user name and password only", async (t) => {
  const repository = await guardedRepository(t);
  const kindWith = async (credentials: Credentials | undefined): Promise<string> =>
    (await createRegistryClient({ credentials: () => Promise.resolve(credentials) }).blob(repository, blob)).kind;
  assert.equal(await kindWith(basic), "found");
  assert.equal(await kindWith(undefined), "unauthorized");
  assert.equal(await kindWith({ kind: "identity-token", token: "t0ken" }), "unauthorized");
});

test("credentials that end are not used any longer, and the source is asked again", async (t) => {
  const repository = await guardedRepository(t);
  let time = 0;
  let asked = 0;
  const credentials = (): Promise<Credentials> => {
    asked += 1;
    return Promise.resolve({ ...basic, until: time + 600_000 });
  };
  const client = createRegistryClient({ credentials, now: () => time });
  for (const at of [0, 599_999, 600_000, 3_600_000]) {
    time = at;
    assert.equal((await client.blob(repository, blob)).kind, "found");
  }
  assert.equal(asked, 3);
});
