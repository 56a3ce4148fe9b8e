import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { unwrap } from "../../src/adapters/registry/unwrap.ts";
import { startReleaseLab } from "../support/release-lab.ts";
import { documentOf, runCli, startCli } from "../support/run-cli.ts";
import { labToken, serveUnsigned, signingConfig } from "../support/signing.ts";
import type { SeenRequest } from "../unit/adapters/registry/loopback-server.ts";

const lab = await startReleaseLab();
const services = ["--signing-config", signingConfig(lab.sigstore)];
const signed = (): { environment: Record<string, string> } => ({
  environment: { SIGSTORE_ID_TOKEN: labToken(lab.sigstore) },
});

interface SignedImage {
  readonly resolved: string;
  readonly published: readonly { readonly referrer: string }[];
}

test("sign-image prints the digest that a tag named, who signed, what was attached where, and how to verify it", async (t) => {
  const served = await serveUnsigned(t, lab);
  const index = served.registry.manifests.get(lab.release.manifest.digest);
  assert.ok(index !== undefined);
  served.registry.manifests.set("v1.2.3", index);
  const tag = `${served.repository}:v1.2.3`;
  const identity = "https://github.com/m1k1o/neko/.github/workflows/nix-build-sign.yml@refs/tags/v1.2.3";
  const words = await runCli(t, ["sign-image", tag, ...services], signed());
  assert.equal(words.code, 0, words.stderr);
  for (const part of [
    `signed by ${identity}\n`,
    "identity token from the environment (SIGSTORE_ID_TOKEN)",
    `✓ ${served.reference} (what ${tag} named)\n`,
    "(listed by the registry's referrers)",
    `neko-trust verify-image ${served.reference} `,
    `cosign verify --certificate-identity ${identity} --certificate-oidc-issuer https://token.neko-lab.test `,
  ])
    assert.ok(words.stdout.includes(part), words.stdout);
  assert.equal(served.server.seen.filter(({ url }) => url.endsWith("/manifests/v1.2.3")).length, 1);
  const json = await runCli(t, ["sign-image", tag, served.reference, ...services, "--json"], signed());
  assert.equal(json.code, 0);
  const document = documentOf(json);
  assert.deepEqual(
    (document["images"] as SignedImage[]).map(({ resolved, published }) => [resolved, published.length]),
    [
      [served.reference, 1],
      [served.reference, 1],
    ],
  );
  assert.equal((document["signer"] as { identity: string }).identity, identity);
});

/** Where an attach can be cut off: each request that writes, of a registry without the referrers API. */
const steps: readonly (readonly [what: string, isStep: (request: SeenRequest) => boolean])[] = [
  ["the bundle", ({ method, url }) => method === "PUT" && url.includes("/blobs/uploads/")],
  ["the referring manifest", ({ method, url }) => method === "PUT" && url.includes("/manifests/sha256:")],
  ["the list of referrers", ({ method, url }) => method === "PUT" && url.includes("/manifests/sha256-")],
];

for (const [what, isStep] of steps) {
  for (const arrives of [false, true]) {
    const how = arrives ? "it is taken, but not answered" : "it is not taken";
    test(`SIGINT while ${what} is written (${how}): exit 130; the same again succeeds, and nothing attached before is lost`, async (t) => {
      let slow = false;
      const reached = Promise.withResolvers<undefined>();
      const served = await serveUnsigned(t, lab, {
        referrers: "404",
        instead: async (request, next) => {
          if (!slow || !isStep(request)) return next(request);
          if (arrives) await next(request);
          reached.resolve(undefined);
          return new Promise(() => undefined);
        },
      });
      const command = ["sign-image", served.reference, ...services, "--json"];
      const referrer = (document: Readonly<Record<string, unknown>>): string =>
        (document["images"] as SignedImage[])[0]?.published[0]?.referrer ?? "";
      const first = referrer(documentOf(await runCli(t, command, signed())));

      slow = true;
      const running = startCli(t, command, signed());
      await reached.promise;
      running.child.kill("SIGINT");
      const interrupted = await running.finished;
      assert.equal(interrupted.code, 130);
      assert.equal((documentOf(interrupted)["error"] as { code: string }).code, "INTERRUPTED");

      slow = false;
      const again = referrer(documentOf(await runCli(t, command, signed())));
      const { digest } = lab.release.manifest;
      const listed = unwrap(await createRegistryClient().referrers(served.repository, digest), "referrers");
      const digests = listed.map(({ digest: one }): string => one);
      for (const expected of [first, again]) assert.ok(digests.includes(expected), `${expected} of ${digests.join()}`);
    });
  }
}

test("SIGINT while Fulcio does not answer: exit 130 at once", async (t) => {
  const asked = Promise.withResolvers<undefined>();
  const served = await serveUnsigned(t, lab, {
    instead: (request, next) => {
      if (!request.url.startsWith("/fulcio")) return next(request);
      asked.resolve(undefined);
      return new Promise(() => undefined);
    },
  });
  const { rekorV1, tsa } = lab.sigstore.server.urls;
  const own = ["--fulcio-url", `http://${served.server.host}/fulcio`, "--rekor-url", rekorV1, "--tsa-url", tsa];
  const signing = startCli(t, ["sign-image", served.reference, ...own], signed());
  await asked.promise;
  const begin = performance.now();
  signing.child.kill("SIGINT");
  assert.equal((await signing.finished).code, 130);
  assert.ok(performance.now() - begin < 5000);
});
