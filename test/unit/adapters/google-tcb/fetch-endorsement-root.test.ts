import assert from "node:assert/strict";
import { test } from "node:test";
import { fetchEndorsementRoot } from "../../../../src/adapters/google-tcb/fetch-endorsement-root.ts";
import { failureCodeOf } from "../../../support/failures.ts";
import { startServer } from "../registry/loopback-server.ts";

test("gives the bytes as they come: who reads them compares their digest", async (t) => {
  const server = await startServer(t, () => ({ status: 200, body: Buffer.from([0, 255, 10]) }));
  assert.deepEqual([...(await fetchEndorsementRoot({ url: `http://${server.host}/root_1.crt` }))], [0, 255, 10]);
  assert.deepEqual(
    server.seen.map(({ url }) => url),
    ["/root_1.crt"],
  );
});

for (const [what, answer] of [
  ["an address without a certificate", { status: 404 }],
  ["a server that fails", { status: 500 }],
  ["a redirect", { status: 302, headers: { location: "http://127.0.0.1:9/" } }],
  ["a huge answer", { status: 200, body: Buffer.alloc(16 * 1024 + 1) }],
] as const) {
  test(`tells ${what}`, async (t) => {
    const server = await startServer(t, () => answer);
    const code = await failureCodeOf(fetchEndorsementRoot({ url: `http://${server.host}`, retries: 0 }));
    assert.equal(code, "ENDORSEMENT_ROOT_UNAVAILABLE");
  });
}

test("takes an address with TLS, and no credentials", async () => {
  for (const url of ["", "http://pki.example/root.crt", "https://a:b@pki.example/root.crt", "file:///root.crt"])
    assert.equal(await failureCodeOf(fetchEndorsementRoot({ url })), "ENDORSEMENT_URL_INVALID");
});
