import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHealth } from "../../../../src/adapters/health/serve-health.ts";
import { Failure } from "../../../../src/core/failure.ts";

test("health says whether it is healthy by its status, and nothing else is served", async (t) => {
  let healthy = false;
  const server = await serveHealth("127.0.0.1:0", {
    health: () => ({ healthy, document: { attested: healthy } }),
    metrics: () => "a 1\n",
  });
  t.after(() => server.stop());
  const ask = async (path: string, method = "GET"): Promise<[number, string]> => {
    const answer = await fetch(`${server.url}${path}`, { method });
    return [answer.status, await answer.text()];
  };
  assert.deepEqual(await ask("/healthz"), [503, '{"healthy":false,"attested":false}\n']);
  healthy = true;
  assert.deepEqual(await ask("/healthz"), [200, '{"healthy":true,"attested":true}\n']);
  assert.deepEqual(await ask("/metrics"), [200, "a 1\n"]);
  assert.deepEqual(await ask("/healthz", "HEAD"), [200, ""]);
  assert.equal((await ask("/"))[0], 404);
  assert.equal((await ask("/healthz?x=1"))[0], 404);
  assert.equal((await ask("/healthz", "POST"))[0], 405);
});

test("an address that is none, or taken, is refused by its code", async (t) => {
  const source = { health: () => ({ healthy: true, document: {} }), metrics: () => "" };
  const code = async (address: string): Promise<string> => {
    try {
      await (await serveHealth(address, source)).stop();
    } catch (error) {
      if (error instanceof Failure) return error.code;
      throw error;
    }
    return "served";
  };
  for (const wrong of ["", "8080", "127.0.0.1", "127.0.0.1:99999", "a b:80", "http://127.0.0.1:80"]) {
    assert.equal(await code(wrong), "HEALTH_ADDRESS_INVALID", wrong);
  }
  const first = await serveHealth("127.0.0.1:0", source);
  t.after(() => first.stop());
  assert.equal(await code(first.url.replace("http://", "")), "HEALTH_ADDRESS_TAKEN");
});
