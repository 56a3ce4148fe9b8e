import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { attestedKeyWatchAction } from "../../../../src/cli/actions/attested-key-watch.ts";
import { entriesOf, startCloudLog } from "../../../support/cloud-log.ts";
import { signerAttributes } from "../../../support/metadata-server.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { serveRelease } from "../../../support/release-registry.ts";

const lab = await startReleaseLab();
const nowhere = { checkout: "/nonexistent", state: "/nonexistent", cache: "/nonexistent", run: "/nonexistent" };

test("a service whose machine's metadata changes says so and ends, so that its unit starts it with what is said now", async (t) => {
  const { trust, repository, write } = await serveRelease(t, lab);
  const [, policy = "", , trustedRoot = ""] = trust;
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const kbsTokenKey = write("token.pem", publicKey.export({ format: "pem", type: "spki" }));
  const path = "instance/attributes/?recursive=true";
  const attributes = { ...signerAttributes, "neko-trust-repository": repository };
  const metadata: Record<string, string> = { [path]: JSON.stringify(attributes) };
  const { metadataAddress, loggingAddress, taken, asked } = await startCloudLog(t, { metadata });
  const log: string[] = [];
  const running = attestedKeyWatchAction(
    {
      ...{ metadata: true, metadataAddress, loggingAddress, metadataInterval: 50 },
      ...{ repository: [], tsaUrl: [], health: "127.0.0.1:0", interval: "60" },
      ...{ policy, trustedRoot, kbsTokenKey, kbsTlsKey: "0".repeat(64) },
    },
    {
      directories: nowhere,
      environment: {},
      now: () => new Date(),
      signal: AbortSignal.timeout(30_000),
      progress: (line) => {
        log.push(line);
      },
    },
  );
  while ((asked.get(path) ?? 0) < 4) await wait(20);
  assert.ok(log.every((line) => !line.includes("settings-changed")));
  metadata[path] = JSON.stringify({ ...attributes, "neko-trust-key-broker-url": "https://other.example.org/kbs" });
  const { exitCode } = await running;
  assert.equal(exitCode, 0);
  const events = entriesOf(taken).map(({ jsonPayload }) => jsonPayload["event"]);
  assert.deepEqual(events.slice(-2), ["settings-changed", "stopped"]);
});
