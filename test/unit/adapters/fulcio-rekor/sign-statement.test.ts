import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import { inspect } from "node:util";
import { test } from "node:test";
import { signStatement } from "../../../../src/adapters/fulcio-rekor/sign-statement.ts";
import type { SignStatementInput } from "../../../../src/adapters/fulcio-rekor/sign-statement.ts";
import { Failure } from "../../../../src/core/failure.ts";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { verifyBundle } from "../../../../src/core/sigstore/verify-bundle.ts";
import { readJson, sampleHex, sampleStatement } from "../../../support/sigstore-handmade.ts";
import { labThresholds, withLabSigstore } from "../../../support/sigstore-lab.ts";
import type { LabSigstore } from "../../../support/sigstore-lab.ts";

const statement = sampleStatement(predicateTypes.provenance);

function input(lab: LabSigstore, change: Partial<SignStatementInput> = {}): SignStatementInput {
  const { urls } = lab.server;
  return {
    statement,
    identityToken: lab.token(),
    fulcioUrl: urls.fulcio,
    rekor: { url: urls.rekorV1, version: 1 },
    tsaUrl: urls.tsa,
    ...change,
  };
}

/** A server of one answer, on a free port; its URL. */
async function withServer(listener: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    const address = server.address();
    await use(`http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`);
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Failure, inspect(error));
  return error;
}

test("signs the statement's very bytes into a v0.3 bundle, by a token or by a provider, trailing slashes or not", async () => {
  await withLabSigstore(async (lab) => {
    const { urls } = lab.server;
    const { identityToken, ...rest } = { ...input(lab), identityToken: lab.token() };
    const provided = {
      ...rest,
      identityProvider: { getToken: () => Promise.resolve(identityToken) },
    } as SignStatementInput;
    for (const variant of [
      input(lab),
      provided,
      input(lab, { fulcioUrl: `${urls.fulcio}/`, rekor: { url: `${urls.rekorV1}/`, version: 1 } }),
    ]) {
      const bundle = await signStatement(variant);
      const json = readJson(bundle);
      assert.equal(json.mediaType, "application/vnd.dev.sigstore.bundle.v0.3+json");
      assert.deepEqual(Buffer.from(json.dsseEnvelope?.payload ?? "", "base64"), Buffer.from(statement));
      const verified = verifyBundle({
        bundle,
        root: lab.root,
        thresholds: labThresholds,
        identity: lab.identity(),
        subject: { kind: "digest", algorithm: "sha256", hex: sampleHex },
      });
      assert.ok(verified.ok, JSON.stringify(verified));
    }
  });
});

test("enters Rekor v2 as a hashedrekord, which cosign takes, and several logs at once", async () => {
  await withLabSigstore(async (lab) => {
    const { urls } = lab.server;
    const json = readJson(
      await signStatement(
        input(lab, {
          rekor: [
            { url: urls.rekorV2, version: 2 },
            { url: urls.rekorV1, version: 1 },
          ],
        }),
      ),
    );
    assert.deepEqual(
      json.verificationMaterial.tlogEntries.map((entry) => entry.kindVersion),
      [
        { kind: "hashedrekord", version: "0.0.2" },
        { kind: "dsse", version: "0.0.1" },
      ],
    );
  });
});

test("refuses what can't end in a verifiable bundle, before anything is sent", async () => {
  await withLabSigstore(async (lab) => {
    const { urls } = lab.server;
    const { tsaUrl, ...withoutTsa } = input(lab, { rekor: { url: urls.rekorV2, version: 2 } });
    assert.ok(tsaUrl);
    for (const bad of [
      withoutTsa,
      input(lab, { rekor: [] }),
      input(lab, { fulcioUrl: "http://fulcio.example" }),
      input(lab, { tsaUrl: "file:///x" }),
      input(lab, { rekor: { url: "x", version: 1 } }),
    ]) {
      const failure = await failureOf(signStatement(bad));
      assert.equal(failure.code, "SIGNING_USAGE");
      assert.equal(failure.kind, "usage");
    }
    assert.equal(lab.server.instance.logs.ct.tree.size, 0);
  });
});

test("T22: whatever goes wrong, the token is in no message, detail, cause or stack", async () => {
  await withLabSigstore(async (lab) => {
    const secret = "c2VjcmV0LXRva2VuLXRoYXQtbXVzdC1uZXZlci1iZS1zaG93bg";
    const good = lab.token();
    const [header = "", payload = "", signature = ""] = good.split(".");
    const echo: RequestListener = (request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        response
          .writeHead(400, { "content-type": "application/json" })
          .end(JSON.stringify({ message: `bad request: ${body}` }));
      });
    };
    await withServer(echo, async (url) => {
      const failures = [
        await failureOf(signStatement(input(lab, { identityToken: secret }))),
        await failureOf(signStatement(input(lab, { identityToken: `${secret}.${secret}.${secret}` }))),
        await failureOf(signStatement(input(lab, { identityToken: `${header}.${payload}.${secret}` }))),
        await failureOf(signStatement(input(lab, { fulcioUrl: url }))),
      ];
      assert.deepEqual(
        failures.map(({ code, kind }) => [code, kind]),
        [
          ["SIGNING_TOKEN_INVALID", "usage"],
          ["SIGNING_TOKEN_INVALID", "usage"],
          ["SIGNING_IDENTITY_REFUSED", "usage"],
          ["SIGNING_IDENTITY_REFUSED", "usage"],
        ],
      );
      for (const failure of failures) {
        const shown = inspect(failure, { depth: 10, showHidden: true });
        for (const part of [secret, payload.slice(0, 30), signature.slice(0, 30)])
          assert.ok(!shown.includes(part), shown);
      }
    });
  });
});

test("services that refuse, fail or are not there are told apart", async () => {
  await withLabSigstore(async (lab) => {
    const answering =
      (status: number): RequestListener =>
      (_request, response) =>
        response.writeHead(status).end();
    const nobody = "http://127.0.0.1:1";
    const quick = { timeoutMilliseconds: 2000 };
    const cases: { change: (url: string) => Partial<SignStatementInput>; refused: string; unavailable: string }[] = [
      {
        change: (url) => ({ fulcioUrl: url }),
        refused: "SIGNING_IDENTITY_REFUSED",
        unavailable: "SIGNING_FULCIO_UNAVAILABLE",
      },
      {
        change: (url) => ({ rekor: { url, version: 1 } }),
        refused: "SIGNING_REKOR_REFUSED",
        unavailable: "SIGNING_REKOR_UNAVAILABLE",
      },
      {
        change: (url) => ({ tsaUrl: `${url}/api` }),
        refused: "SIGNING_TSA_REFUSED",
        unavailable: "SIGNING_TSA_UNAVAILABLE",
      },
    ];
    await Promise.all(
      cases.map(async ({ change, refused, unavailable }) => {
        await withServer(answering(403), async (url) => {
          const failure = await failureOf(signStatement(input(lab, { ...quick, ...change(url) })));
          assert.deepEqual([failure.code, failure.kind], [refused, "usage"]);
        });
        await withServer(answering(503), async (url) => {
          const failure = await failureOf(signStatement(input(lab, { ...quick, ...change(url) })));
          assert.deepEqual([failure.code, failure.kind], [unavailable, "unavailable"]);
        });
        const failure = await failureOf(signStatement(input(lab, { ...quick, ...change(nobody) })));
        assert.deepEqual([failure.code, failure.kind], [unavailable, "unavailable"]);
      }),
    );
    const failing = {
      identityProvider: { getToken: () => Promise.reject(new Error("no")) },
    } as unknown as Partial<SignStatementInput>;
    const { identityToken, ...rest } = { ...input(lab), identityToken: "" };
    assert.equal(identityToken, "");
    assert.equal(
      (await failureOf(signStatement({ ...rest, ...failing } as SignStatementInput))).code,
      "SIGNING_TOKEN_UNAVAILABLE",
    );
  });
});
