import assert from "node:assert/strict";
import { test } from "node:test";
import { readMachineSettings } from "../../../../src/operations/attested-key/read-machine-settings.ts";
import { failureCodeOf, failureFrom } from "../../../support/failures.ts";
import { signerAttributes, startMetadataServer } from "../../../support/metadata-server.ts";

test("the settings are those that ConfidentialSigner writes; other attributes are not read", async (t) => {
  assert.deepEqual(await readMachineSettings({ address: await startMetadataServer(t, {}) }), {
    repositories: ["ghcr.io/m1k1o/neko/base"],
    kbsUrl: "https://kbs.example.org/kbs",
    kbsResource: "default/credential/registry",
    collateralUrl: "https://api.trustedservices.intel.com/sgx/certification/v4",
    tsaUrls: ["https://timestamp.sigstore.dev/api/v1/timestamp"],
  });
});

test("several time-stamp authorities stand in one attribute, four at most, each once", async (t) => {
  const read = async (value: string) => {
    const body = { ...signerAttributes, "neko-trust-timestamp-url": value };
    return readMachineSettings({ address: await startMetadataServer(t, { body }) });
  };
  const urls = ["https://a.example/tsa", "https://b.example", "https://c.example", "https://d.example"];
  assert.deepEqual((await read(urls.join(","))).tsaUrls, urls);
  for (const bad of [
    "",
    `${urls.join(",")},https://e.example`,
    "https://a.example,https://a.example",
    "https://a.example,",
    "https://a.example,http://b.example",
  ]) {
    const { code, details } = await failureFrom(read(bad));
    assert.equal(code, "METADATA_INVALID", bad);
    assert.ok(
      details.every((line) => line.startsWith("neko-trust-timestamp-url")),
      details.join(),
    );
  }
});

test("several repositories stand in one attribute, eight at most, each once", async (t) => {
  const read = async (value: string) => {
    const body = { ...signerAttributes, "neko-trust-repository": value };
    return readMachineSettings({ address: await startMetadataServer(t, { body }) });
  };
  const eight = Array.from({ length: 8 }, (_, index) => `ghcr.io/m1k1o/neko/${index}`);
  assert.deepEqual((await read(eight.join(","))).repositories, eight);
  for (const bad of [
    "",
    `${eight.join(",")},ghcr.io/a/b`,
    "ghcr.io/a/b,ghcr.io/a/b",
    "ghcr.io/a/b,",
    "ghcr.io/a/b, ghcr.io/a/c",
  ]) {
    const { code, details } = await failureFrom(read(bad));
    assert.equal(code, "METADATA_INVALID", bad);
    assert.ok(
      details.every((line) => line.startsWith("neko-trust-repository")),
      details.join(),
    );
  }
});

test("a machine that is told half, or nonsense, is told every fault", async (t) => {
  const { "neko-trust-repository": _, ...half } = signerAttributes;
  const body = { ...half, "neko-trust-key-broker-url": "http://kbs/kbs", "neko-trust-key-broker-resource": "a/../b" };
  const { code, details } = await failureFrom(readMachineSettings({ address: await startMetadataServer(t, { body }) }));
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
    const address = await startMetadataServer(t, answer);
    assert.equal(await failureCodeOf(readMachineSettings({ address })), "METADATA_UNREADABLE");
  });
}
