import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { getTrustedRoot } from "@sigstore/tuf";
import { Failure } from "../../../../src/core/failure.ts";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { openLog } from "../../../../lab/sigstore/append-only-log.ts";
import { startSigstore } from "../../../../lab/sigstore/server.ts";
import { enter, readJson, sampleStatement } from "../../../support/sigstore-handmade.ts";
import { withLabSigstore } from "../../../support/sigstore-lab.ts";

const statement = sampleStatement(predicateTypes.provenance);

async function post(url: string, body: unknown, type = "application/json"): Promise<{ status: number; text: string }> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": type },
    body: body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

async function get(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
}

function certificateRequest(token: string, subject = "repo:m1k1o/neko:ref:refs/tags/v1.2.3", curve = "P-256"): unknown {
  const pair = generateKeyPairSync("ec", { namedCurve: curve });
  return {
    credentials: { oidcIdentityToken: token },
    publicKeyRequest: {
      publicKey: { algorithm: "ECDSA", content: pair.publicKey.export({ format: "pem", type: "spki" }) },
      proofOfPossession: sign("sha256", Buffer.from(subject), pair.privateKey).toString("base64"),
    },
  };
}

test("Fulcio issues for a verified token only, with a proof that the key is held, and never quotes the token", async () => {
  await withLabSigstore(async (lab) => {
    const url = `${lab.server.urls.fulcio}/api/v2/signingCert`;
    const token = lab.token();
    assert.equal((await post(url, certificateRequest(token))).status, 200);
    const [header = "", payload = "", signature = ""] = token.split(".");
    const forged = `${header}.${payload}.${signature.slice(0, -4)}AAAA`;
    const refusals = [
      { request: certificateRequest(forged), status: 401 },
      { request: certificateRequest(token, "another subject"), status: 400 },
      { request: certificateRequest(token, undefined, "P-384"), status: 400 },
      { request: {}, status: 400 },
    ];
    for (const { request, status } of refusals) {
      const answer = await post(url, request);
      assert.equal(answer.status, status, answer.text);
      assert.ok(!answer.text.includes(payload.slice(0, 40)));
    }
    const trustBundle = JSON.parse((await get(`${lab.server.urls.fulcio}/api/v2/trustBundle`)).text) as {
      chains: { certificates: string[] }[];
    };
    assert.equal(trustBundle.chains[0]?.certificates.length, 2);
  });
});

test("Rekor v1 has one growing tree: distinct indexes, entries by id and index, a conflict for the same entry again", async () => {
  await withLabSigstore(async (lab) => {
    const indexes: string[] = [];
    for (let round = 0; round < 3; round += 1)
      indexes.push(readJson(await lab.sign(statement)).verificationMaterial.tlogEntries[0]?.logIndex ?? "0"); // protobuf leaves a zero out
    assert.deepEqual(indexes, ["0", "1", "2"]);
    const base = `${lab.server.urls.rekorV1}/api/v1/log`;
    const state = JSON.parse((await get(base)).text) as { treeSize: number; signedTreeHead: string };
    assert.equal(state.treeSize, 3);
    assert.match(state.signedTreeHead, /^rekor\.neko-lab\.test - \d+\n3\n/);
    const byIndex = JSON.parse((await get(`${base}/entries?logIndex=1`)).text) as Record<
      string,
      { logIndex: number; body: string }
    >;
    const [uuid] = Object.keys(byIndex);
    assert.ok(uuid);
    const byId = JSON.parse((await get(`${base}/entries/${uuid}`)).text) as typeof byIndex;
    assert.equal(byId[uuid]?.logIndex, 1);
    const proposal = {
      apiVersion: "0.0.1",
      kind: "hashedrekord",
      spec: {
        data: { hash: { algorithm: "sha256", value: "0".repeat(64) } },
        signature: { content: "AAAA", publicKey: { content: "AAAA" } },
      },
    };
    await enter(lab, proposal);
    assert.equal((await post(`${base}/entries`, proposal)).status, 409);
    assert.equal((await get(`${base}/entries?logIndex=99`)).status, 404);
    assert.equal((await get(`${base}/entries/${"0".repeat(64)}`)).status, 404);
    assert.match((await get(`${base}/publicKey`)).text, /BEGIN PUBLIC KEY/);
  });
});

test("the logs and the authority refuse what is malformed or not signed by the key it names", async () => {
  await withLabSigstore(async (lab) => {
    const { urls } = lab.server;
    const json = readJson(await lab.sign(statement));
    const leaf = `-----BEGIN CERTIFICATE-----\n${json.verificationMaterial.certificate?.rawBytes ?? ""}\n-----END CERTIFICATE-----\n`;
    const envelope = { ...json.dsseEnvelope, payload: Buffer.from("other").toString("base64") };
    const proposal = {
      apiVersion: "0.0.1",
      kind: "dsse",
      spec: {
        proposedContent: { envelope: JSON.stringify(envelope), verifiers: [Buffer.from(leaf).toString("base64")] },
      },
    };
    for (const bad of [proposal, {}, { ...proposal, kind: "rpm" }]) {
      assert.equal((await post(`${urls.rekorV1}/api/v1/log/entries`, bad)).status, 400);
    }
    const rawBytes = json.verificationMaterial.certificate?.rawBytes ?? "";
    const record = {
      digest: Buffer.alloc(32).toString("base64"),
      signature: {
        content: json.dsseEnvelope?.signatures[0]?.sig,
        verifier: { keyDetails: "PKIX_ECDSA_P256_SHA_256", x509Certificate: { rawBytes } },
      },
    };
    for (const bad of [{ hashedRekordRequestV002: record }, { dsseRequestV002: { envelope: json.dsseEnvelope } }, {}]) {
      assert.equal((await post(`${urls.rekorV2}/api/v2/log/entries`, bad)).status, 400);
    }
    for (const bad of [
      {},
      { artifactHash: "AAAA", hashAlgorithm: "sha256" },
      { artifactHash: Buffer.alloc(32).toString("base64"), hashAlgorithm: "md5" },
    ]) {
      assert.equal((await post(urls.tsa, bad)).status, 400);
    }
    assert.equal((await post(urls.tsa, Buffer.from("MAA="), "application/timestamp-query")).status, 400);
    assert.equal((await get(`${urls.fulcio}/nothing`)).status, 404);
    assert.equal((await get(`http://127.0.0.1:${urls.port}/elsewhere`)).status, 404);
    assert.equal((await get(urls.health)).status, 200);
    assert.match((await get(`${urls.rekorV2}/api/v2/checkpoint`)).text, /^rekor-v2\.neko-lab\.test\n0\n/);
  });
});

test("the TUF mirror serves the trusted root to a TUF client that starts from tuf-root.json", async () => {
  await withLabSigstore(async (lab) => {
    const cache = mkdtempSync(join(tmpdir(), "neko-tuf-"));
    try {
      const root = await getTrustedRoot({
        mirrorURL: lab.server.urls.tuf,
        rootPath: join(lab.stateDirectory, "tuf-root.json"),
        cachePath: cache,
        forceInit: true,
      });
      assert.equal(root.tlogs.length, 2);
      const [authority] = root.certificateAuthorities;
      assert.equal(authority?.subject?.organization, "NEKO-LAB-NOT-FOR-PRODUCTION");
      assert.deepEqual(readFileSync(join(lab.stateDirectory, "trusted_root.json")), Buffer.from(lab.trustedRoot));
    } finally {
      rmSync(cache, { recursive: true, force: true });
    }
  });
});

test("private keys and their folder are for the owner only, and no state file holds one", async () => {
  await withLabSigstore((lab) => {
    const material = join(lab.stateDirectory, "material");
    assert.equal(statSync(material).mode & 0o777, 0o700);
    const keys = readdirSync(material).filter((name) => name.endsWith(".pem"));
    assert.equal(keys.length, 10);
    for (const name of keys) assert.equal(statSync(join(material, name)).mode & 0o777, 0o600, name);
    for (const name of ["sigstore.json", "trusted_root.json", "tuf-root.json"]) {
      assert.ok(!readFileSync(join(lab.stateDirectory, name), "utf8").includes("PRIVATE KEY"));
    }
  });
});

test("one process only serves a state folder, and a given port that is taken is said so", async () => {
  await withLabSigstore(async (lab) => {
    const { stateDirectory } = lab;
    await assert.rejects(
      startSigstore({ stateDirectory, port: 0 }),
      (error) => error instanceof Failure && error.code === "LAB_SIGSTORE_RUNNING",
    );
    const other = mkdtempSync(join(tmpdir(), "neko-lab-sigstore-"));
    try {
      await assert.rejects(
        startSigstore({ stateDirectory: other, port: lab.server.urls.port }),
        (error) => error instanceof Failure && error.code === "PORT_TAKEN" && error.kind === "unavailable",
      );
      // What failed left nothing locked.
      await (await startSigstore({ stateDirectory: other, port: 0 })).stop();
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });
});

test("a log line cut short by a kill is dropped, a damaged one is refused", () => {
  const directory = mkdtempSync(join(tmpdir(), "neko-log-"));
  try {
    const file = join(directory, "log.jsonl");
    const log = openLog(file);
    log.append({ body: Buffer.from("one"), time: 1 });
    log.append({ body: Buffer.from("two"), time: 2 });
    const root = log.tree.root();
    log.close();
    appendFileSync(file, '{"body":"dGhy');
    const again = openLog(file);
    assert.deepEqual(again.tree.root(), root);
    assert.equal(again.append({ body: Buffer.from("three"), time: 3 }), 2);
    again.close();
    const third = openLog(file);
    assert.equal(third.tree.size, 3);
    third.close();
    writeFileSync(file, readFileSync(file, "utf8").replace('{"body"', '{"bod"'));
    assert.throws(
      () => openLog(file),
      (error) => error instanceof Failure && error.code === "LAB_LOG_DAMAGED",
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
