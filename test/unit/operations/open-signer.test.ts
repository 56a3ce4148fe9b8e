import assert from "node:assert/strict";
import { failureCodeOf } from "../../support/failures.ts";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { generateKeyPairSync } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { predicateTypes } from "../../../src/core/intoto/statement.ts";
import { identityDifference } from "../../../src/core/sigstore/identity-difference.ts";
import { readIdentityToken } from "../../../src/core/sigstore/identity-token.ts";
import { openSigner } from "../../../src/operations/open-signer.ts";
import type { OpenedSigner, SignerOptions } from "../../../src/operations/open-signer.ts";
import { chooseSigningServices } from "../../../src/operations/choose-signing-services.ts";
import { codeThrown } from "../../support/failures.ts";
import { sampleStatement } from "../../support/sigstore-handmade.ts";
import { withLabSigstore } from "../../support/sigstore-lab.ts";
import type { LabSigstore } from "../../support/sigstore-lab.ts";
import { labToken, signingConfig } from "../../support/signing.ts";
import { startServer } from "../adapters/registry/loopback-server.ts";

const statement = sampleStatement(predicateTypes.signature);

function folder(t: TestContext): (name: string, content: string, mode?: number) => string {
  const directory = mkdtempSync(join(tmpdir(), "neko-signer-"));
  t.after(() => {
    rmSync(directory, { recursive: true });
  });
  return (name, content, mode = 0o600) => {
    const path = join(directory, name);
    writeFileSync(path, content);
    chmodSync(path, mode);
    return path;
  };
}

function open(
  options: SignerOptions,
  environment: Readonly<Record<string, string>> = {},
  now: () => Date = () => new Date(),
): Promise<OpenedSigner> {
  return openSigner(options, { environment, now });
}

const tokenFrom = async (options: SignerOptions, environment: Readonly<Record<string, string>>): Promise<string> => {
  const signer = await open(options, environment);
  return signer.kind === "keyless" ? signer.tokenFrom : "a key";
};

async function gitHub(t: TestContext, lab: LabSigstore, answer = () => labToken(lab)) {
  const server = await startServer(t, () => ({ status: 200, body: JSON.stringify({ value: answer() }) }));
  return {
    server,
    environment: {
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://${server.host}/token?x=1`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "request-token",
    },
  };
}

test("the token comes from one place, which is named: a file, else GitHub Actions, else the environment", async (t) => {
  await withLabSigstore(async (lab) => {
    const write = folder(t);
    const { environment } = await gitHub(t, lab);
    const both = { ...environment, SIGSTORE_ID_TOKEN: labToken(lab) };
    const file = write("token", `${labToken(lab)}\n`);
    assert.equal(await tokenFrom({ identityTokenFile: file }, both), `the file ${file}`);
    assert.equal(await tokenFrom({}, both), "GitHub Actions");
    assert.equal(await tokenFrom({}, { SIGSTORE_ID_TOKEN: labToken(lab) }), "the environment (SIGSTORE_ID_TOKEN)");
    assert.equal(await failureCodeOf(open({})), "IDENTITY_TOKEN_MISSING");
    // One that fails is not given up for the next.
    assert.equal(
      await failureCodeOf(open({ identityTokenFile: `${file}-not-there` }, both)),
      "IDENTITY_TOKEN_UNREADABLE",
    );
    assert.equal(
      await failureCodeOf(open({ identityTokenFile: write("blank", " \n") }, both)),
      "IDENTITY_TOKEN_INVALID",
    );
    assert.equal(
      await failureCodeOf(open({ identityTokenFile: write("large", "x".repeat(70_000)) })),
      "IDENTITY_TOKEN_INVALID",
    );
    assert.equal(await failureCodeOf(open({}, { SIGSTORE_ID_TOKEN: "" })), "IDENTITY_TOKEN_INVALID");
    const broken = { ...both, ACTIONS_ID_TOKEN_REQUEST_URL: "http://token.example/" };
    assert.equal(await failureCodeOf(open({}, broken)), "IDENTITY_TOKEN_ENDPOINT");
  });
});

test("T5: what can't sign is refused before any service is asked", async () => {
  await withLabSigstore(async (lab) => {
    const config = signingConfig(lab);
    const past = labToken(lab);
    const later = (): Date => new Date(Date.now() + 3_600_000);
    const codes = [
      await failureCodeOf(open({ signingConfig: config }, { SIGSTORE_ID_TOKEN: past }, later)),
      await failureCodeOf(open({ signingConfig: config, key: "k", identityTokenFile: "t" })),
      await failureCodeOf(open({ signingConfig: config, fulcioUrl: "https://x.example" })),
      await failureCodeOf(open({ signingConfig: `${config}.not-there` })),
      await failureCodeOf(open({ rekorUrl: "https://x.example" })),
      await failureCodeOf(open({ fulcioUrl: "http://x.example", rekorUrl: "https://x.example" })),
    ];
    assert.deepEqual(codes, [
      "IDENTITY_TOKEN_EXPIRED",
      "SIGNER_AMBIGUOUS",
      "SIGNING_SERVICES_AMBIGUOUS",
      "SIGNING_CONFIG_UNREADABLE",
      "SIGNING_SERVICES_AMBIGUOUS",
      "SIGNING_USAGE",
    ]);
    assert.equal(lab.server.instance.logs.ct.tree.size, 0);
  });
});

test("a token that is nearly spent is fetched anew from GitHub; one from elsewhere is used until it expires", async (t) => {
  await withLabSigstore(async (lab) => {
    const { server, environment } = await gitHub(t, lab);
    let ahead = 0;
    const now = (): Date => new Date(Date.now() + ahead);
    const renewing = await open({ signingConfig: signingConfig(lab) }, environment, now);
    const fixed = await open({ signingConfig: signingConfig(lab) }, { SIGSTORE_ID_TOKEN: labToken(lab) }, now);
    await renewing.sign(statement);
    assert.equal(server.seen.length, 1);
    ahead = 250_000;
    await renewing.sign(statement);
    assert.equal(server.seen.length, 2);
    await fixed.sign(statement);
    ahead = 301_000;
    assert.equal(await failureCodeOf(fixed.sign(statement)), "IDENTITY_TOKEN_EXPIRED");
  });
});

test("a certificate is compared with the token, claim by claim", async () => {
  await withLabSigstore(async (lab) => {
    const bundle = await lab.sign(statement);
    const token = (claims: Parameters<LabSigstore["token"]>[0]) => readIdentityToken(lab.token(claims), new Date());
    assert.equal(identityDifference(bundle, token({})), undefined);
    for (const claims of [
      { job_workflow_ref: "m1k1o/neko/.github/workflows/other.yml@refs/tags/v1.2.3" },
      { repository: "m1k1o/other" },
      { ref: "refs/heads/main" },
      { sha: "0".repeat(40) },
      { run_id: "2" },
      { run_attempt: "2" },
    ]) {
      assert.match(identityDifference(bundle, token(claims)) ?? "", /in place of/, JSON.stringify(claims));
    }
    const other = { ...token({}), issuer: "https://token.example" };
    assert.match(identityDifference(bundle, other) ?? "", /in place of "https:\/\/token\.example"/);
    assert.notEqual(identityDifference(Buffer.from("{}"), token({})), undefined);
  });
});

test("a token that is fetched anew must name the same identity, else nothing more is signed", async (t) => {
  await withLabSigstore(async (lab) => {
    let run: { ref?: string } = {};
    const { environment } = await gitHub(t, lab, () => labToken(lab, run));
    let ahead = 0;
    const now = (): Date => new Date(Date.now() + ahead);
    const signer = await open({ signingConfig: signingConfig(lab) }, environment, now);
    run = { ref: "refs/tags/v6.6.6" };
    ahead = 250_000;
    assert.equal(await failureCodeOf(signer.sign(statement)), "SIGNING_IDENTITY_UNEXPECTED");
  });
});

test("a key is read from a file of its owner's or a variable, and opened with COSIGN_PASSWORD", async (t) => {
  await withLabSigstore(async (lab) => {
    const write = folder(t);
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    const locked = privateKey
      .export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "word" })
      .toString();
    const config = { signingConfig: signingConfig(lab) };
    const good = await open({ ...config, key: write("key.pem", pem) });
    assert.equal(good.kind, "key");
    assert.ok((await good.sign(statement)).length > 0);
    const environment = { COSIGN_KEY: locked, COSIGN_PASSWORD: "word" };
    assert.equal((await open({ ...config, key: "env://COSIGN_KEY" }, environment)).name, good.name);
    assert.equal(await failureCodeOf(open({ ...config, key: write("shared.pem", pem, 0o640) })), "SIGNING_KEY_EXPOSED");
    assert.equal(await failureCodeOf(open({ ...config, key: write("public.pem", pem, 0o604) })), "SIGNING_KEY_EXPOSED");
    assert.equal(await failureCodeOf(open({ ...config, key: "/not/there.pem" })), "SIGNING_KEY_UNREADABLE");
    assert.equal(await failureCodeOf(open({ ...config, key: "env://COSIGN_KEY" })), "SIGNING_KEY_UNREADABLE");
    assert.equal(
      await failureCodeOf(open({ ...config, key: "env://COSIGN_KEY" }, { ...environment, COSIGN_PASSWORD: "other" })),
      "SIGNING_KEY_PASSPHRASE_WRONG",
    );
  });
});

test("services are the public instance's, a file's or named ones; a key asks for no certificate authority", () => {
  const now = new Date();
  assert.deepEqual(chooseSigningServices({}, "keyless", now), {
    fulcioUrl: "https://fulcio.sigstore.dev",
    rekor: [{ url: "https://rekor.sigstore.dev", version: 1 }],
    tsaUrls: ["https://timestamp.sigstore.dev"],
  });
  assert.ok(!("fulcioUrl" in chooseSigningServices({}, "key", now)));
  const own = { rekorUrl: "https://r.example", rekorVersion: 2, tsaUrl: "https://t.example" } as const;
  assert.deepEqual(chooseSigningServices(own, "key", now), {
    rekor: [{ url: "https://r.example", version: 2 }],
    tsaUrls: ["https://t.example"],
  });
  assert.equal(
    codeThrown(() => chooseSigningServices(own, "keyless", now), "accepted"),
    "SIGNING_SERVICES_AMBIGUOUS",
  );
});
