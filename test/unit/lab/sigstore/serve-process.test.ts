import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { issueToken } from "../../../../lab/sigstore/issue-token.ts";
import { sigstoreUrlsSchema } from "../../../../lab/sigstore/server.ts";
import type { SigstoreUrls } from "../../../../lab/sigstore/server.ts";
import { signStatement } from "../../../../src/adapters/fulcio-rekor/sign-statement.ts";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { readTrustedRoot } from "../../../../src/core/sigstore/trusted-root.ts";
import { verifyBundleCryptography } from "../../../../src/core/sigstore/verify-bundle.ts";
import { readJson, sampleStatement } from "../../../support/sigstore-handmade.ts";
import { labThresholds, sampleClaims } from "../../../support/sigstore-lab.ts";

const program = resolve(import.meta.dirname, "../../../../lab/sigstore/serve.ts");

interface Running {
  readonly child: ChildProcess;
  readonly urls: SigstoreUrls;
  /** All that it printed. */
  output(): string;
}

async function start(state: string): Promise<Running> {
  const before = existsSync(join(state, "sigstore.json")) ? readFileSync(join(state, "sigstore.json"), "utf8") : "";
  const child = spawn(process.execPath, [program, state, "0"], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part: string) => (output += part));
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${output}`);
    const urls = existsSync(join(state, "sigstore.json"))
      ? sigstoreUrlsSchema.parse(JSON.parse(readFileSync(join(state, "sigstore.json"), "utf8")))
      : undefined;
    const healthy =
      urls === undefined
        ? false
        : await fetch(urls.health).then(
            (response) => response.ok,
            () => false,
          );
    if (urls !== undefined && healthy) return { child, urls, output: () => output };
    await sleep(100);
  }
  child.kill("SIGKILL");
  throw new Error(`not ready in 30 s (sigstore.json before: ${before}): ${output}`);
}

async function end({ child }: Running, signal: "SIGTERM" | "SIGKILL"): Promise<number | null> {
  const ended = new Promise<number | null>((done) => child.once("exit", done));
  child.kill(signal);
  return await ended;
}

function sign(state: string, urls: SigstoreUrls): Promise<Uint8Array> {
  const key = createPrivateKey(readFileSync(join(state, "material", "issuer.pem")));
  return signStatement({
    statement: sampleStatement(predicateTypes.provenance),
    identityToken: issueToken(key, sampleClaims),
    fulcioUrl: urls.fulcio,
    rekor: { url: urls.rekorV1, version: 1 },
    tsaUrl: urls.tsa,
  });
}

test("the process keeps keys, logs, root and port over a stop and over kill -9, prints nothing, and takes its arguments strictly", async () => {
  const state = mkdtempSync(join(tmpdir(), "neko-lab-serve-"));
  let running: Running | undefined;
  try {
    running = await start(state);
    const first = await sign(state, running.urls);
    const trustedRoot = readFileSync(join(state, "trusted_root.json"));
    const tufRoot = readFileSync(join(state, "tuf-root.json"));
    const { port } = running.urls;
    assert.equal(await end(running, "SIGTERM"), 0);
    assert.equal(running.output(), "");

    running = await start(state);
    assert.equal(running.urls.port, port);
    assert.deepEqual(readFileSync(join(state, "trusted_root.json")), trustedRoot);
    assert.deepEqual(readFileSync(join(state, "tuf-root.json")), tufRoot);
    const second = await sign(state, running.urls);
    await end(running, "SIGKILL");

    running = await start(state);
    const third = await sign(state, running.urls);
    const root = readTrustedRoot(trustedRoot);
    assert.ok(root.ok);
    for (const [index, bundle] of [first, second, third].entries()) {
      assert.ok(verifyBundleCryptography(bundle, root.proof, labThresholds).ok);
      assert.equal(readJson(bundle).verificationMaterial.tlogEntries[0]?.logIndex ?? "0", String(index));
    }
    const twice = spawnSync(process.execPath, [program, state, "0"], { encoding: "utf8" });
    assert.equal(twice.status, 3);
    assert.match(twice.stderr, /running already/);
    assert.ok(!twice.stderr.includes("    at "));
  } finally {
    if (running !== undefined) await end(running, "SIGKILL").catch(() => null);
    rmSync(state, { recursive: true, force: true });
  }
  const wrong = spawnSync(process.execPath, [program], { encoding: "utf8" });
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /state directory/);
});
