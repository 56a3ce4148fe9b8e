import assert from "node:assert/strict";
import { test } from "node:test";
import { download } from "../../../../src/adapters/downloads/download.ts";
import { startServer } from "../registry/loopback-server.ts";

const options = { maxBytes: 100, retries: 0, timeoutMilliseconds: 2000 };
const to = (location: string) => ({ status: 302, headers: { location } });

test("fetches a file over redirects, and sends no credentials anywhere", async (t) => {
  const server = await startServer(t, ({ url }) => (url === "/a" ? to("/b") : { status: 200, body: "bytes" }));
  const answer = await download(`http://${server.host}/a`, options);
  assert.ok(answer.kind === "found");
  assert.equal(Buffer.from(answer.value).toString(), "bytes");
  for (const { headers } of server.seen) assert.equal(headers.authorization, undefined);
});

test("only 404 and 410 are answers about the content", async (t) => {
  const server = await startServer(t, ({ url }) => ({ status: Number(url.slice(1)) }));
  const kinds = [];
  for (const status of [404, 410, 401, 403, 429, 500, 204]) {
    kinds.push((await download(`http://${server.host}/${status}`, options)).kind);
  }
  assert.deepEqual(kinds, ["absent", "absent", "unauthorized", "forbidden", "throttled", "broken", "broken"]);
});

test("leaves TLS for nobody but loopback, follows no circle, and reads no more than allowed", async (t) => {
  const server = await startServer(t, ({ url }) => {
    if (url === "/circle") return to("/circle");
    if (url === "/plain") return to("http://plain.example/x");
    if (url === "/user") return to(`https://user:pass@host.example/x`);
    if (url === "/file") return to("file:///etc/passwd");
    if (url === "/none") return { status: 302 };
    return { status: 200, body: "x".repeat(101) };
  });
  for (const path of ["/circle", "/plain", "/user", "/file", "/none", "/long"]) {
    assert.equal((await download(`http://${server.host}${path}`, options)).kind, "broken", path);
  }
  for (const address of ["http://plain.example/x", "no address", "ftp://host.example/x"]) {
    assert.equal((await download(address, options)).kind, "broken", address);
  }
});
