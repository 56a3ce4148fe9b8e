import assert from "node:assert/strict";
import { failureCodeOf } from "../../../support/failures.ts";
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { generateKeyPairSync, verify } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { signStatement } from "../../../../src/adapters/fulcio-rekor/sign-statement.ts";
import { Failure } from "../../../../src/core/failure.ts";
import { preAuthenticationEncoding } from "../../../../src/core/intoto/pre-authentication-encoding.ts";
import { payloadType, predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { readSigningKey } from "../../../../src/core/sigstore/signing-key.ts";
import { readJson, sampleStatement } from "../../../support/sigstore-handmade.ts";
import { withLabSigstore } from "../../../support/sigstore-lab.ts";
import { startServer } from "../registry/loopback-server.ts";

const statement = sampleStatement(predicateTypes.signature);
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = readSigningKey(pair.privateKey.export({ format: "pem", type: "pkcs8" }).toString(), undefined, "key");

test("a key signs into a bundle that names it by its hint alone, entered into both versions of Rekor", async () => {
  await withLabSigstore(async ({ server: { urls } }) => {
    for (const rekor of [
      { url: urls.rekorV1, version: 1 },
      { url: urls.rekorV2, version: 2 },
    ] as const) {
      const json = readJson(await signStatement({ statement, key, rekor, tsaUrl: urls.tsa })) as unknown as {
        mediaType: string;
        verificationMaterial: { publicKey: unknown; tlogEntries: { kindVersion: { kind: string } }[] };
        dsseEnvelope: { signatures: { sig: string; keyid?: string }[] };
      };
      assert.equal(json.mediaType, "application/vnd.dev.sigstore.bundle.v0.3+json");
      assert.deepEqual(json.verificationMaterial.publicKey, { hint: key.hint });
      assert.equal(
        json.verificationMaterial.tlogEntries[0]?.kindVersion.kind,
        rekor.version === 1 ? "dsse" : "hashedrekord",
      );
      const [signature] = json.dsseEnvelope.signatures;
      assert.equal(signature?.keyid ?? "", "");
      const signed = preAuthenticationEncoding(payloadType, statement);
      assert.ok(verify("sha256", signed, pair.publicKey, Buffer.from(signature?.sig ?? "", "base64")));
    }
  });
});

test("a log that refuses a key's entry, fails or answers nonsense is told apart", async (t) => {
  const at = (host: string) =>
    ({ rekor: { url: `http://${host}`, version: 2 }, tsaUrl: `http://${host}/tsa` }) as const;
  for (const [status, body, code] of [
    [400, '{"message":"no"}', "SIGNING_REKOR_REFUSED"],
    [503, "", "SIGNING_REKOR_UNAVAILABLE"],
    [201, "{}", "SIGNING_REKOR_UNAVAILABLE"],
    [201, "<html>", "SIGNING_REKOR_UNAVAILABLE"],
  ] as const) {
    // The library asks for a time stamp in the same breath: it never answers, so that the log's answer decides.
    const server = await startServer(t, ({ url }) =>
      url.startsWith("/tsa") ? { status: 200, stream: () => undefined } : { status, body },
    );
    assert.equal(await failureCodeOf(signStatement({ statement, key, ...at(server.host) })), code, String(status));
  }
});

test("signing ends when it is interrupted, whatever the services do", async (t) => {
  const controller = new AbortController();
  const reason = new Failure({ code: "INTERRUPTED", kind: "unavailable", message: "Interrupted.", remedy: "Again." });
  const silent = await startServer(t, () => {
    controller.abort(reason);
    return { status: 200, stream: () => undefined };
  });
  const url = `http://${silent.host}`;
  const keyless = { identityToken: `e30.${Buffer.from('{"sub":"x"}').toString("base64url")}.c2ln`, fulcioUrl: url };
  const input = { statement, rekor: { url, version: 1 }, signal: controller.signal } as const;
  assert.equal(await failureCodeOf(signStatement({ ...input, ...keyless })), "INTERRUPTED");
  assert.equal(await failureCodeOf(signStatement({ ...input, key })), "INTERRUPTED");
});

test("what goes to this machine does not take the way over HTTP_PROXY, the identity token first of all", async () => {
  await withLabSigstore(async (lab) => {
    const seen: string[] = [];
    const proxy = createServer((request, response) => {
      seen.push(request.url ?? "");
      response.writeHead(502).end();
    });
    await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
    const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const { fulcio, rekorV1, tsa } = lab.server.urls;
    const adapter = join(import.meta.dirname, "../../../../src/adapters/fulcio-rekor/sign-statement.ts");
    const input = { identityToken: lab.token(), fulcioUrl: fulcio, rekor: { url: rekorV1, version: 1 }, tsaUrl: tsa };
    const script = `const { signStatement } = await import(${JSON.stringify(adapter)});
      const bundle = await signStatement({ statement: new TextEncoder().encode("{}"), ...${JSON.stringify(input)} });
      console.log(bundle.length > 0);`;
    try {
      const environment = { ...process.env, HTTP_PROXY: proxyUrl, http_proxy: proxyUrl, HTTPS_PROXY: proxyUrl };
      const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
        env: { ...environment, NO_PROXY: "", no_proxy: "" },
      });
      assert.equal(stdout, "true\n");
      assert.deepEqual(seen, []);
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });
});
