import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { attestedKeyWatchAction } from "../../../../src/cli/actions/attested-key-watch.ts";
import { readMachineSettings } from "../../../../src/operations/attested-key/read-machine-settings.ts";
import { failureCodeOf, failureFrom } from "../../../support/failures.ts";

const good = {
  "neko-trust-repository": "ghcr.io/m1k1o/neko/base",
  "neko-trust-key-broker-url": "https://kbs.example.org/kbs",
  "neko-trust-key-broker-resource": "default/credential/registry",
  "neko-trust-collateral-url": "https://api.trustedservices.intel.com/sgx/certification/v4",
  "neko-trust-timestamp-url": "https://timestamp.sigstore.dev/api/v1/timestamp",
  "enable-oslogin": "true",
};

interface Answer {
  readonly body?: unknown;
  readonly text?: string;
  readonly status?: number;
  readonly flavor?: string;
}

/** A metadata server; what it was asked must have Google's header. */
async function server(t: TestContext, { body = good, text, status = 200, flavor = "Google" }: Answer): Promise<string> {
  const serving = createServer((request, response) => {
    const asked = request.url === "/computeMetadata/v1/instance/attributes/?recursive=true";
    const known = asked && request.headers["metadata-flavor"] === "Google";
    response.writeHead(known ? status : 403, { "metadata-flavor": flavor });
    response.end(text ?? JSON.stringify(body));
  });
  await new Promise<void>((resolve) => {
    serving.listen(0, "127.0.0.1", resolve);
  });
  t.after(() => serving.close());
  return `http://127.0.0.1:${(serving.address() as AddressInfo).port}`;
}

test("the settings are those that ConfidentialSigner writes; other attributes are not read", async (t) => {
  assert.deepEqual(await readMachineSettings({ address: await server(t, {}) }), {
    repository: "ghcr.io/m1k1o/neko/base",
    kbsUrl: "https://kbs.example.org/kbs",
    kbsResource: "default/credential/registry",
    collateralUrl: "https://api.trustedservices.intel.com/sgx/certification/v4",
    tsaUrl: "https://timestamp.sigstore.dev/api/v1/timestamp",
  });
});

test("a machine that is told half, or nonsense, is told every fault", async (t) => {
  const { "neko-trust-repository": _, ...half } = good;
  const body = { ...half, "neko-trust-key-broker-url": "http://kbs/kbs", "neko-trust-key-broker-resource": "a/../b" };
  const { code, details } = await failureFrom(readMachineSettings({ address: await server(t, { body }) }));
  assert.equal(code, "METADATA_INVALID");
  assert.deepEqual(
    [...new Set(details.map((line) => line.split(":")[0]))],
    ["neko-trust-repository", "neko-trust-key-broker-url", "neko-trust-key-broker-resource"],
  );
});

for (const [what, answer] of [
  ["no JSON", { text: "<html>" }],
  ["another status", { status: 404 }],
  ["a server that is not Google's", { flavor: "other" }],
] as const) {
  test(`${what} is no metadata`, async (t) => {
    const address = await server(t, answer);
    assert.equal(await failureCodeOf(readMachineSettings({ address })), "METADATA_UNREADABLE");
  });
}

test("what is said twice is refused before anything is asked", async () => {
  const context = {
    directories: { checkout: "/nonexistent", state: "/nonexistent", cache: "/nonexistent", run: "/nonexistent" },
    environment: {},
    now: () => new Date(),
    signal: new AbortController().signal,
    progress: () => undefined,
  };
  const options = { metadata: true, repository: "ghcr.io/a/b", tsaUrl: [], health: "127.0.0.1:0", interval: "60" };
  assert.equal(await failureCodeOf(attestedKeyWatchAction(options, context)), "ATTESTED_SAID_TWICE");
});
