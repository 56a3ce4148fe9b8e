import assert from "node:assert/strict";
import { test } from "node:test";
import { readSigningConfig } from "../../../../src/core/sigstore/signing-config.ts";
import { assertServices, isServiceUrl, publicGoodServices } from "../../../../src/core/sigstore/signing-services.ts";
import type { SigningServices } from "../../../../src/core/sigstore/signing-services.ts";
import { withValues } from "../../../support/documents.ts";
import { codeThrown } from "../../../support/failures.ts";

const now = new Date("2026-06-01T00:00:00Z");

const service = (url: string, majorApiVersion = 1, operator = "sigstore.dev", start = "2025-01-01T00:00:00Z") => ({
  url,
  majorApiVersion,
  validFor: { start },
  operator,
});

const config = {
  mediaType: "application/vnd.dev.sigstore.signingconfig.v0.2+json",
  caUrls: [service("https://fulcio.sigstore.dev")],
  oidcUrls: [service("https://oauth2.sigstore.dev/auth")],
  rekorTlogUrls: [service("https://rekor.sigstore.dev")],
  tsaUrls: [service("https://timestamp.sigstore.dev/api/v1/timestamp")],
  rekorTlogConfig: { selector: "ANY" },
  tsaConfig: { selector: "ANY" },
};

function read(document: unknown): SigningServices {
  return readSigningConfig(new TextEncoder().encode(JSON.stringify(document)), now, "signing_config.json");
}

const codeWith = (changes: Readonly<Record<string, unknown>>): string =>
  codeThrown(() => read(withValues(config, changes)), "accepted");

const logsWith = (changes: Readonly<Record<string, unknown>>) => read(withValues(config, changes)).rekor;

test("the public instance's file gives its services, as they are when nothing is named", () => {
  const services = read(config);
  assert.deepEqual(services, {
    fulcioUrl: "https://fulcio.sigstore.dev",
    rekor: [{ url: "https://rekor.sigstore.dev", version: 1 }],
    tsaUrls: ["https://timestamp.sigstore.dev/api/v1/timestamp"],
  });
  assert.deepEqual(publicGoodServices.rekor, services.rekor);
});

test("services are of the highest version spoken here, valid now (both ends inclusive), the newest of each operator", () => {
  const v2 = service("https://log2025-1.example", 2, "a");
  const newer = service("https://log2026-1.example", 2, "a", "2026-01-01T00:00:00Z");
  const future = service("https://log2027-1.example", 2, "a", "2027-01-01T00:00:00Z");
  const v3 = service("https://v3.example", 3, "a", "2026-02-01T00:00:00Z");
  assert.deepEqual(logsWith({ rekorTlogUrls: [service("https://v1.example"), v2, newer, future, v3] }), [
    { url: "https://log2026-1.example", version: 2 },
  ]);
  const ended = { ...newer, validFor: { start: "2026-01-01T00:00:00Z", end: "2026-05-31T23:59:59Z" } };
  assert.deepEqual(logsWith({ rekorTlogUrls: [v2, ended] }), [{ url: "https://log2025-1.example", version: 2 }]);
  const ending = { ...newer, validFor: { start: now.toISOString(), end: now.toISOString() } };
  assert.deepEqual(logsWith({ rekorTlogUrls: [v2, ending] }), [{ url: "https://log2026-1.example", version: 2 }]);
});

test("ALL takes one of each operator, EXACT as many as it says, and too few are refused", () => {
  const rekorTlogUrls = ["a", "b", "b", "c"].map((operator, position) =>
    service(`https://${operator}${position}.example`, 1, operator),
  );
  assert.equal(logsWith({ rekorTlogUrls, rekorTlogConfig: { selector: "ALL" } }).length, 3);
  assert.equal(logsWith({ rekorTlogUrls, rekorTlogConfig: { selector: "EXACT", count: 2 } }).length, 2);
  const unusable = [
    { rekorTlogUrls, rekorTlogConfig: { selector: "EXACT", count: 4 } },
    { rekorTlogUrls: [service("https://v3.example", 3)] },
    { caUrls: [service("https://late.example", 1, "x", "2027-01-01T00:00:00Z")] },
    { tsaUrls: [] },
  ];
  for (const changes of unusable) assert.equal(codeWith(changes), "SIGNING_CONFIG_UNUSABLE");
});

test("a file that could mean something else is refused: other versions, unknown keys, plain HTTP, passwords", () => {
  for (const changes of [
    { mediaType: "application/vnd.dev.sigstore.signingconfig.v0.1+json" },
    { rekorTlogConfig: undefined },
    { rekorTlogConfig: { selector: "EXACT" } },
    { rekorTlogConfig: { selector: "EXACT", count: 0 } },
    { rekorTlogConfig: { selector: "SOME" } },
    { rekorTlogConfig: { selector: "ALL", cuont: 2 } },
    { "caUrls.0.url": "http://fulcio.sigstore.dev" },
    { "caUrls.0.url": "https://user:secret@fulcio.sigstore.dev" },
    { "caUrls.0.validFor": undefined },
    { "caUrls.0.valid": {} },
    { "caUrls.0.majorApiVersion": "1" },
    { rekorUrls: [] },
    { caUrls: [] },
  ])
    assert.equal(codeWith(changes), "SIGNING_CONFIG_INVALID", JSON.stringify(changes));
  const duplicate = new TextEncoder().encode('{"mediaType":"a","mediaType":"b"}');
  assert.equal(
    codeThrown(() => readSigningConfig(duplicate, now, "x"), "accepted"),
    "SIGNING_CONFIG_INVALID",
  );
});

test("services are spoken to with TLS, on this machine alone without, and never with a password in the address", () => {
  for (const url of ["https://a.example", "http://127.0.0.1:1/x", "http://localhost:80", "http://[::1]:2"])
    assert.ok(isServiceUrl(url), url);
  for (const url of [
    "http://a.example",
    "http://127.0.0.1.example",
    "http://localhost.example",
    "https://u:p@a.example",
    "https://u@a.example",
    "ftp://a.example",
    "a.example",
    "",
  ])
    assert.ok(!isServiceUrl(url), url);
  const rekor = [{ url: "https://r.example", version: 2 }] as const;
  for (const services of [
    { rekor: [], tsaUrls: [] },
    { rekor, tsaUrls: [] },
    { rekor, tsaUrls: ["http://t.example"] },
  ])
    assert.equal(
      codeThrown(() => {
        assertServices(services);
      }, "accepted"),
      "SIGNING_USAGE",
    );
});

test("a service's address that is refused is not quoted: it may hold a password", () => {
  const good = "https://a.example";
  for (const bad of ["https://u:geheim@a.example", "https://geheim@a.example", "https://u:geheim@a b", "u:geheim@a"]) {
    const kinds = [
      ["certificate authority", { fulcioUrl: bad, rekor: [{ url: good, version: 1 }], tsaUrls: [] }],
      ["transparency log", { rekor: [{ url: bad, version: 1 }], tsaUrls: [good] }],
      ["time-stamp authority", { rekor: [{ url: good, version: 1 }], tsaUrls: [good, bad] }],
    ] as const;
    for (const [kind, services] of kinds) {
      assert.throws(
        () => {
          assertServices(services);
        },
        { code: "SIGNING_USAGE", message: `What is given as the address of a ${kind} is none.` },
      );
    }
  }
});
