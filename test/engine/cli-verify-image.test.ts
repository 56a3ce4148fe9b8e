import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { digestOf } from "../../src/core/oci/digest.ts";
import { mediaTypes } from "../../src/core/oci/formats.ts";
import { withIndex } from "../support/evidence-changes.ts";
import { startReleaseLab } from "../support/release-lab.ts";
import { serveRelease } from "../support/release-registry.ts";
import { documentOf, refusalCodes, runCli } from "../support/run-cli.ts";

const lab = await startReleaseLab();

test("proves a release: exit 0, the chain as a tree, and as one JSON document", async (t) => {
  const { reference, trust } = await serveRelease(t, lab);
  const words = await runCli(t, ["verify-image", reference, ...trust]);
  assert.equal(words.code, 0, words.stderr);
  assert.match(words.stdout, /^✓ verified under policy "neko-lab"\n/);
  assert.ok(words.stdout.includes(reference));
  assert.equal(words.stderr, "");
  const json = await runCli(t, ["verify-image", reference, ...trust, "--json"]);
  assert.equal(json.code, 0);
  const document = documentOf(json);
  assert.equal(document["ok"], true);
  assert.equal(document["resolved"], reference);
  assert.deepEqual((document["release"] as { manifest: unknown }).manifest, lab.release.manifest);
});

test("refuses a release that lacks its signature: exit 1, with the finding", async (t) => {
  const { reference, trust } = await serveRelease(t, lab, { evidence: lab.without("signature") });
  const words = await runCli(t, ["verify-image", reference, ...trust]);
  assert.equal(words.code, 1);
  assert.match(words.stdout, /^✗ refused under policy "neko-lab"/);
  assert.match(words.stdout, /\n✗ STATEMENT_MISSING {2}sha256:/);
  assert.equal(words.stderr, "");
  const json = await runCli(t, ["verify-image", reference, ...trust, "--json"]);
  assert.equal(json.code, 1);
  const document = documentOf(json);
  assert.equal(document["ok"], false);
  assert.deepEqual(refusalCodes(document), ["STATEMENT_MISSING"]);
});

test("resolves a tag once, where a tag is allowed, and prints the digest that it verified", async (t) => {
  const { repository, registry, server, reference, trust } = await serveRelease(t, lab);
  const index = registry.manifests.get(lab.evidence.digest);
  assert.ok(index !== undefined);
  registry.manifests.set("v1.2.3", index);
  const json = await runCli(t, ["verify-image", `${repository}:v1.2.3`, ...trust, "--json"]);
  assert.equal(json.code, 0);
  assert.equal(documentOf(json)["resolved"], reference);
  assert.equal(server.seen.filter(({ url }) => url.endsWith("/manifests/v1.2.3")).length, 1);
});

test("T10, CVE-2022-47633: a tag that moves between resolving and verifying changes nothing: only the digest is asked for", async (t) => {
  const other = withIndex(lab.evidence, { annotations: { moved: "yes" } });
  const moved = other.manifests.get(other.digest);
  assert.ok(moved?.kind === "found");
  const body = Buffer.from(moved.value);
  let asked = 0;
  const served = await serveRelease(t, lab, {
    instead: (request, next) => {
      if (!request.url.endsWith("/manifests/latest")) return next(request);
      asked += 1;
      const good = served.registry.manifests.get(lab.evidence.digest)?.body;
      return {
        status: 200,
        headers: { "content-type": mediaTypes.index },
        body: asked === 1 && good !== undefined ? good : body,
      };
    },
  });
  const json = await runCli(t, ["verify-image", `${served.repository}:latest`, ...served.trust, "--json"]);
  assert.equal(json.code, 0);
  assert.equal(documentOf(json)["resolved"], served.reference);
  assert.equal(asked, 1);
});

test("a digest wins over a tag that stands beside it", async (t) => {
  const { repository, reference, server, trust } = await serveRelease(t, lab);
  const both = `${repository}:no-such-tag@${lab.evidence.digest}`;
  const json = await runCli(t, ["verify-image", both, ...trust, "--json"]);
  assert.equal(json.code, 0);
  assert.equal(documentOf(json)["resolved"], reference);
  assert.ok(server.seen.every(({ url }) => !url.includes("no-such-tag")));
});

test("a registry that is down is unavailable: exit 3", async (t) => {
  // First: what it starts must not get the port that is given up below.
  const { trust } = await serveRelease(t, lab);
  const closed = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => closed.once("listening", resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const reference = `127.0.0.1:${port}/m1k1o/neko/base@${lab.evidence.digest}`;
  const { code, stdout, stderr } = await runCli(t, ["verify-image", reference, ...trust]);
  assert.equal(code, 3);
  assert.equal(stdout, "");
  assert.match(stderr, /^error: image .+ECONNREFUSED.+\nto do: .+\n\(code REGISTRY_BROKEN\)\n$/);
});

for (const [what, answer, code] of [
  ["throttles always", { status: 429, headers: { "retry-after": "3600" } }, "REGISTRY_THROTTLED"],
  ["throttles without saying how long", { status: 429 }, "REGISTRY_THROTTLED"],
  ["wants a sign-in and does not say where", { status: 401 }, "REGISTRY_UNAUTHORIZED"],
  [
    "wants a sign-in with a password",
    { status: 401, headers: { "www-authenticate": 'Basic realm="r"' } },
    "REGISTRY_UNAUTHORIZED",
  ],
  ["forbids", { status: 403 }, "REGISTRY_FORBIDDEN"],
  ["fails", { status: 500 }, "REGISTRY_BROKEN"],
  ["is a website", { status: 302, headers: { location: "https://127.0.0.1:1/login" } }, "REGISTRY_BROKEN"],
  ["has no such image", { status: 404 }, "REGISTRY_ABSENT"],
] as const) {
  test(`a registry that ${what} is unavailable: exit 3, ${code}`, async (t) => {
    const { reference, trust } = await serveRelease(t, lab, { instead: () => answer });
    const json = await runCli(t, ["verify-image", reference, ...trust, "--json"]);
    assert.equal(json.code, 3);
    assert.equal((documentOf(json)["error"] as { code: string }).code, code);
  });
}

test("a registry that gives the image and not its referrers is unavailable, never without statements", async (t) => {
  const silent = await serveRelease(t, lab, {
    instead: (request, next) => (request.url.includes("/referrers/") ? { status: 403 } : next(request)),
  });
  const json = await runCli(t, ["verify-image", silent.reference, ...silent.trust, "--json"]);
  assert.equal(json.code, 3);
  assert.deepEqual([...new Set(refusalCodes(documentOf(json)))], ["REGISTRY_FORBIDDEN"]);
});

test("what is refuted is refused, though the registry kept silent about the rest", async (t) => {
  const amd64 = lab.subject("sbom");
  const { reference, trust } = await serveRelease(t, lab, {
    evidence: lab.without("signature"),
    instead: (request, next) => (request.url.endsWith(`/referrers/${amd64}`) ? { status: 403 } : next(request)),
  });
  const json = await runCli(t, ["verify-image", reference, ...trust, "--json"]);
  assert.equal(json.code, 1);
  const codes = refusalCodes(documentOf(json));
  assert.deepEqual(codes, ["STATEMENT_MISSING", "REGISTRY_FORBIDDEN"]);
});

test("an index that is not JSON is refused under its own digest, and told as other bytes under another", async (t) => {
  const body = Buffer.from("<html>not JSON</html>");
  const { repository, reference, trust } = await serveRelease(t, lab, {
    instead: ({ url }) =>
      url.includes("/manifests/sha256:") || url.endsWith("/html")
        ? { status: 200, headers: { "content-type": mediaTypes.index }, body }
        : { status: 404 },
  });
  for (const name of [`@${digestOf(body)}`, ":html"]) {
    const json = await runCli(t, ["verify-image", `${repository}${name}`, ...trust, "--json"]);
    assert.equal(json.code, 1, name);
    assert.deepEqual(refusalCodes(documentOf(json)), ["INDEX_INVALID"]);
  }
  const other = await runCli(t, ["verify-image", reference, ...trust, "--json"]);
  assert.equal(other.code, 3);
  assert.equal((documentOf(other)["error"] as { code: string }).code, "REGISTRY_BROKEN");
});

test("a platform's own manifest is not a release", async (t) => {
  const { repository, trust } = await serveRelease(t, lab);
  const reference = `${repository}@${lab.subject("sbom")}`;
  const json = await runCli(t, ["verify-image", reference, ...trust, "--json"]);
  assert.equal(json.code, 1);
  assert.deepEqual([...new Set(refusalCodes(documentOf(json)))], ["INDEX_INVALID"]);
});

test("T22: credentials go to the registry's own host and never to the output", async (t) => {
  const password = "hunter2-is-not-shown";
  const { reference, server, trust, write } = await serveRelease(t, lab, {
    instead: () => ({ status: 401, headers: { "www-authenticate": 'Basic realm="r"' } }),
  });
  const auth = Buffer.from(`user:${password}`).toString("base64");
  const path = write("config.json", JSON.stringify({ auths: { [server.host]: { auth } } }));
  const environment = { DOCKER_CONFIG: path.replace(/\/config\.json$/, ""), NEKO_TRUST_DEBUG: "1" };
  const { code, stdout, stderr } = await runCli(t, ["verify-image", reference, ...trust], { environment });
  assert.equal(code, 3);
  assert.ok(server.seen.some(({ headers }) => headers.authorization === `Basic ${auth}`));
  for (const hidden of [password, auth]) assert.ok(!`${stdout}${stderr}`.includes(hidden));
});
