import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "../../../../src/core/failure.ts";
import { isRepository, parseDigestReference, parseReference } from "../../../../src/core/release/reference.ts";
import { codeThrown } from "../../../support/failures.ts";

const digest = `sha256:${"a".repeat(64)}`;

const codeOf = (call: () => unknown): string => codeThrown(call, "accepted");

test("takes a reference apart", () => {
  assert.deepEqual(parseReference(`127.0.0.1:5001/neko/base:v1@${digest}`), {
    registry: "127.0.0.1:5001",
    path: "neko/base",
    repository: "127.0.0.1:5001/neko/base",
    tag: "v1",
    digest,
  });
});

test("refuses a tag where a digest is required, and says how to resolve it", () => {
  assert.equal(
    codeOf(() => parseDigestReference("ghcr.io/m1k1o/neko/base:latest")),
    "REFERENCE_NEEDS_DIGEST",
  );
  assert.equal(parseDigestReference(`ghcr.io/m1k1o/neko/base@${digest}`).digest, digest);
});

for (const [why, text] of [
  ["no registry", "neko/base"],
  ["no path", "ghcr.io"],
  ["upper case in the path", "ghcr.io/Neko/base"],
  ["an upper-case digest", `ghcr.io/neko/base@sha256:${"A".repeat(64)}`],
  ["a short digest", "ghcr.io/neko/base@sha256:abc"],
  ["sha512", `ghcr.io/neko/base@sha512:${"a".repeat(128)}`],
  ["two digests", `ghcr.io/neko/base@${digest}@${digest}`],
  ["a space", "ghcr.io/neko/ base"],
  ["a scheme", "https://ghcr.io/neko/base"],
  ["credentials", "user:pass@ghcr.io/neko/base"],
  ["a path that climbs", "ghcr.io/../etc"],
  ["an empty tag", "ghcr.io/neko/base:"],
  ["a Cyrillic look-alike", "ghcr.io/nеko/base"],
  ["a port beyond 65535", "ghcr.io:99999/a/b"],
  ["port 0", "ghcr.io:0/a/b"],
  ["a port with leading zeros", "ghcr.io:0443/a/b"],
  ["an address that is none", "127.0.0.999/a"],
  ["an address in hex", "0x7f.1/a"],
  ["a short address", "127.1:5000/a"],
  ["an octal address", "0177.0.0.1/a"],
  ["a host that ends in a number", "ghcr.io.1/a"],
  ["an IPv6 address that is none", "[1:2]:5000/a"],
  ["an IPv6 address in its long form", "[0:0:0:0:0:0:0:1]:5000/a"],
  ["nothing", ""],
] as const) {
  test(`refuses ${why}`, () => {
    assert.equal(
      codeOf(() => parseReference(text)),
      "REFERENCE_INVALID",
    );
  });
}

test("never throws anything but REFERENCE_INVALID, whatever the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 80 }), (text) => {
      assert.ok(["accepted", "REFERENCE_INVALID"].includes(codeOf(() => parseReference(text))));
    }),
  );
});

test("whatever host it accepts, a URL can name it and means the same host", () => {
  const part = fc.oneof(
    fc.stringMatching(/^[a-z0-9-]{1,6}$/),
    fc.constantFrom(
      "0x7f",
      "0",
      "1",
      "127",
      "255",
      "256",
      "xn--a",
      "xn--mnchen-3ya",
      "localhost",
      "[::1]",
      "[1:2]",
      "08",
    ),
  );
  const hosts = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("."));
  const ports = fc.option(fc.nat(100_000), { nil: undefined });
  fc.assert(
    fc.property(hosts, ports, (host, port) => {
      const registry = port === undefined ? host : `${host}:${port}`;
      const code = codeOf(() => parseReference(`${registry}/a`));
      if (code === "accepted") assert.equal(new URL(`https://${registry}/v2/a/`).hostname, host);
      else assert.equal(code, "REFERENCE_INVALID");
    }),
    { numRuns: 2000 },
  );
});

for (const text of ["ghcr.io/a", "ghcr.io:443/a", "ghcr.io:65535/a", "localhost/a", "[::1]:5000/a", "10.0.0.1/a__b"]) {
  test(`takes ${text} for a repository`, () => {
    assert.equal(parseReference(text).repository, text);
    assert.equal(isRepository(text), true);
  });
}

test("a repository has neither tag nor digest, and is a reference in all else", () => {
  for (const text of ["ghcr.io/a:v1", `ghcr.io/a@${digest}`, "ghcr.io/a:", "ghcr.io:99999/a", "a/b", "ghcr.io/A", ""]) {
    assert.equal(isRepository(text), false, text);
  }
});

test("what may hold a password is not quoted", () => {
  for (const text of [
    "https://u:geheim@ghcr.io/a/b",
    "u:geheim@ghcr.io/a/b:1",
    `u:geheim@ghcr.io/a/b@sha256:${"a".repeat(64)}`,
    "geheim@",
  ]) {
    assert.throws(
      () => parseReference(text),
      (error) => {
        assert.ok(error instanceof Failure);
        assert.equal(error.code, "REFERENCE_INVALID");
        assert.doesNotMatch([error.message, error.remedy, ...error.details].join(), /geheim/);
        return true;
      },
    );
  }
  assert.throws(() => parseReference("ghcr.io/a@sha256:1"), { message: /^"ghcr.io\/a@sha256:1" is not an image/ });
});
