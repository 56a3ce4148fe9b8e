import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { getEventListeners } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { httpFetch } from "../../../../src/adapters/registry/http-fetch.ts";
import type { HttpInit, HttpResponse } from "../../../../src/adapters/registry/http-fetch.ts";

async function serve(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<URL> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

const init = (more: Partial<HttpInit> = {}): HttpInit => {
  return { method: "GET", headers: {}, redirect: "manual", signal: AbortSignal.timeout(10_000), ...more };
};

async function textOf({ body }: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

test("gives what fetch gives: status, headers by any case, repeated ones joined, the body", async (t) => {
  const url = await serve(t, ({ method, headers }, response) => {
    response.writeHead(201, { "X-Twice": ["a", "b"], "Content-Type": "text/plain" });
    response.end(`${method ?? ""} ${headers.accept ?? ""} ${headers["user-agent"] ?? ""}`);
  });
  const response = await httpFetch(url, init());
  assert.equal(response.status, 201);
  assert.equal(response.ok, true);
  assert.equal(response.headers.get("x-twice"), "a, b");
  assert.equal(response.headers.get("Content-Type"), "text/plain");
  assert.equal(response.headers.get("etag"), null);
  assert.equal(await textOf(response), "GET */* neko-trust");
});

test("follows no redirect, and leaves a compressed body as it came", async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(302, { location: "/elsewhere", "content-encoding": "gzip" });
    response.end("not gzip");
  });
  const response = await httpFetch(url, init());
  assert.deepEqual([response.status, response.ok, response.headers.get("location")], [302, false, "/elsewhere"]);
  assert.equal(await textOf(response), "not gzip");
});

test("sends a body with its length, also an empty one", async (t) => {
  const url = await serve(t, (request, response) => {
    let length = 0;
    request.on("data", (chunk: Buffer) => (length += chunk.length));
    request.on("end", () => response.end(`${request.headers["content-length"] ?? "none"} ${length}`));
  });
  assert.equal(await textOf(await httpFetch(url, init({ method: "PUT", body: Buffer.from("four") }))), "4 4");
  assert.equal(await textOf(await httpFetch(url, init({ method: "POST" }))), "0 0");
});

test("an answer to HEAD, or with nothing in it, has no body", async (t) => {
  const url = await serve(t, ({ method }, response) => {
    response.writeHead(method === "HEAD" ? 200 : 204, method === "HEAD" ? { "content-length": "5" } : {});
    response.end();
  });
  for (const method of ["HEAD", "GET"]) assert.equal((await httpFetch(url, init({ method }))).body, null);
});

test("the signal ends the request, and the reading of its answer", async (t) => {
  const url = await serve(t, ({ url: path }, response) => {
    if (path === "/body") response.writeHead(200).write("begin");
  });
  const first = new AbortController();
  const waiting = httpFetch(url, init({ signal: first.signal }));
  first.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  const second = new AbortController();
  const response = await httpFetch(new URL("/body", url), init({ signal: second.signal }));
  setTimeout(() => {
    second.abort();
  }, 50);
  await assert.rejects(textOf(response));
});

test("a signal that was aborted before asks nothing; one that is not is left alone afterwards", async (t) => {
  let asked = 0;
  const url = await serve(t, (_request, response) => {
    asked += 1;
    response.end("body");
  });
  await assert.rejects(httpFetch(url, init({ signal: AbortSignal.abort() })), { name: "AbortError" });
  assert.equal(asked, 0);
  const { signal } = new AbortController();
  assert.equal(await textOf(await httpFetch(url, init({ signal }))), "body");
  await new Promise(setImmediate);
  assert.deepEqual(getEventListeners(signal, "abort"), []);
});

test("an answer that is cut off is no whole answer; a refused connection tells its code", async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(200, { "content-length": "10" });
    response.write("five", () => response.destroy());
  });
  const response = await httpFetch(url, init());
  await assert.rejects(textOf(response));
  await assert.rejects(httpFetch(new URL("http://127.0.0.1:1/"), init()), { code: "ECONNREFUSED" });
});

test("loads no second HTTP library, and a kept connection keeps no process alive", async (t) => {
  const url = await serve(t, (_request, response) => response.end("ok"));
  const module = new URL("../../../../src/adapters/registry/http-fetch.ts", import.meta.url);
  const program = `
    const { httpFetch } = await import(${JSON.stringify(module.href)});
    const response = await httpFetch(new URL(${JSON.stringify(url.href)}), { method: "GET", headers: {}, redirect: "manual", signal: AbortSignal.timeout(10000) });
    for await (const _ of response.body);
    console.log(process.moduleLoadList.some((name) => name.includes("undici")));
  `;
  const begin = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  assert.equal(stdout.trim(), "false");
  // The agent gives up a connection after 5 s.
  assert.ok(performance.now() - begin < 4500);
});
