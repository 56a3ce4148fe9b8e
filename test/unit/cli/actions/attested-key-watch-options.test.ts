import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { attestedKeyWatchAction } from "../../../../src/cli/actions/attested-key-watch.ts";
import { policyDigest } from "../../../../src/core/policy/policy-digest.ts";
import { readPolicyFile } from "../../../../src/operations/read-policy-file.ts";
import { startCloudLog } from "../../../support/cloud-log.ts";

const policy = join(import.meta.dirname, "..", "..", "..", "..", "policy", "example-trust-policy.yaml");

const attributes = {
  "neko-trust-repository": "127.0.0.1:1/m1k1o/neko/base",
  "neko-trust-key-broker-url": "https://127.0.0.1:1/kbs",
  "neko-trust-key-broker-resource": "default/credential/registry",
  "neko-trust-collateral-url": "https://127.0.0.1:1/sgx/certification/v4",
  "neko-trust-timestamp-url": "https://127.0.0.1:1/api/v1/timestamp",
};

test("with --metadata the service's lines go to standard error and, the same, to Cloud Logging", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "neko-watch-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const trustedRoot = join(folder, "trusted_root.json");
  writeFileSync(trustedRoot, "{}");
  const kbsTokenKey = join(folder, "token.pem");
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(kbsTokenKey, publicKey.export({ type: "spki", format: "pem" }));
  const metadata = { "instance/attributes/?recursive=true": JSON.stringify(attributes) };
  const { metadataAddress, loggingAddress, taken } = await startCloudLog(t, { metadata });
  const stop = new AbortController();
  const lines: string[] = [];
  const running = attestedKeyWatchAction(
    {
      ...{ metadata: true, metadataAddress, loggingAddress, health: "127.0.0.1:0", interval: "60", tsaUrl: [] },
      ...{ policy, trustedRoot, kbsTokenKey, kbsTlsKey: "0".repeat(64) },
    },
    {
      directories: { checkout: folder, state: folder, cache: folder, run: folder },
      environment: {},
      now: () => new Date(),
      signal: stop.signal,
      progress: (line) => lines.push(line),
    },
  );
  // This machine is no trust domain, which is what is told; nothing is asked of registry and broker.
  for (let tries = 0; tries < 500 && !lines.some((line) => line.includes('"down"')); tries += 1) await wait(10);
  stop.abort();
  const { document } = await running;
  assert.deepEqual(document, { ok: true, signed: 0, refused: 0, failed: 1 });
  const told = lines.map((line) => {
    const { time: _time, level: _level, ...rest } = JSON.parse(line) as Record<string, unknown>;
    return rest;
  });
  assert.deepEqual(
    told.map(({ event }) => event),
    ["listening", "started", "down", "stopped"],
  );
  assert.equal(told[0]?.["policy"], policyDigest(readPolicyFile(policy)));
  assert.deepEqual(
    taken.flatMap(({ entries }) => entries.map(({ jsonPayload }) => jsonPayload)),
    told,
  );
});
