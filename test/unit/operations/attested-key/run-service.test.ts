import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { labMachine } from "../../../../lab/tdx/lab-machine.ts";
import { createTdxPki } from "../../../../lab/tdx/pki.ts";
import { simulatePlatform } from "../../../../lab/tdx/platform.ts";
import { requestTimestamp } from "../../../../src/adapters/fulcio-rekor/request-timestamp.ts";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import { durationMilliseconds } from "../../../../src/core/duration.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { policyDigest } from "../../../../src/core/policy/policy-digest.ts";
import type { LogEntry } from "../../../../src/core/signer-log.ts";
import { runService } from "../../../../src/operations/attested-key/run-service.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { serveRelease } from "../../../support/release-registry.ts";

const lab = await startReleaseLab();

test("the service signs what verifies, refuses an unsigned digest, tells its health, and stops when it is told to", async (t) => {
  const served = await serveRelease(t, lab, {
    instead: (request, next) =>
      request.url.includes("/tags/list")
        ? { status: 200, body: JSON.stringify({ tags: ["v1.2.3", "unsigned", `sha256-${"0".repeat(64)}`] }) }
        : next(request),
  });
  const index = served.registry.manifests.get(lab.evidence.digest);
  assert.ok(index !== undefined);
  served.registry.manifests.set("v1.2.3", index);
  // The same platforms in another index, which nobody signed.
  const unsigned = Buffer.from(index.body.toString("utf8").replace("1.2.3", "6.6.6"));
  for (const name of ["unsigned", digestOf(unsigned)]) {
    served.registry.manifests.set(name, { type: mediaTypes.index, body: unsigned });
  }
  const pki = createTdxPki({ now: new Date(Date.now() - 24 * 3600_000) });
  const platform = simulatePlatform({ pki, ...labMachine(), now: () => new Date(Date.now() - 3600_000) });
  const stop = new AbortController();
  const log: LogEntry[] = [];
  let asked = 0;
  const running = runService({
    publisher: {
      client: createRegistryClient(),
      credential: () => {
        asked += 1;
        return Promise.resolve();
      },
    },
    signer: {
      attester: platform,
      collateral: platform,
      timestamps: [(data, signal) => requestTimestamp({ url: lab.sigstore.server.urls.tsa, data, signal })],
      policy: lab.policyWith({ "images.0.repository": served.repository }),
      trustedRoot: lab.evidence.trustedRoot,
      trust: platform.trust,
      key: { kind: "ephemeral" },
      now: () => new Date(),
    },
    repositories: [served.repository],
    intervalMilliseconds: 50,
    health: "127.0.0.1:0",
    log: (entry) => log.push(entry),
    signal: stop.signal,
  });
  for (let tries = 0; tries < 200 && !log.some(({ event }) => event === "refused"); tries += 1) await wait(50);
  const url = String(log.find(({ event }) => event === "listening")?.["url"]);
  const health = await fetch(`${url}/healthz`);
  assert.equal(health.status, 200);
  const policy = policyDigest(lab.policyWith({ "images.0.repository": served.repository }));
  assert.deepEqual(await health.json(), { healthy: true, attested: true, policy, repositories: [served.repository] });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /\nneko_trust_signer_signatures_total 1\n/);
  // The day from which on the image's own root refuses each image: nothing else tells it before that day.
  const { fetched, maxAge } = lab.policyWith({}).roots.sigstore;
  const rootEnds = Date.parse(fetched) + durationMilliseconds(maxAge);
  const inSeconds = Math.floor(rootEnds / 1000);
  assert.ok(metrics.includes(`\nneko_trust_signer_root_valid_until_timestamp_seconds ${inSeconds}\n`));
  assert.ok(metrics.endsWith(`\nneko_trust_signer_policy_info{digest="${policy}"} 1\n`));
  // Some rounds later nothing more has happened.
  await wait(400);
  stop.abort();
  const state = await running;
  assert.deepEqual([state.signed, state.refused, state.failed], [1, 1, 0]);
  const told = log.filter(({ event }) => event !== "attested");
  assert.deepEqual(
    told.map(({ event }) => event),
    ["listening", "started", "measured", "signed", "refused", "stopped"],
  );
  const rootValidUntil = new Date(rootEnds).toISOString();
  assert.equal(told[1]?.["rootValidUntil"], rootValidUntil);
  assert.equal(told[4]?.["code"], "RELEASE_REFUSED");
  // Each round begins with the heartbeat, which says as what this machine is attested, and the broker was asked before it.
  const beats = log.filter(({ event }) => event === "attested");
  assert.ok(beats[0] !== undefined);
  const { level, tcbStatus, collateralExpires, ...details } = beats[0];
  assert.deepEqual([level, tcbStatus], ["info", "UpToDate"]);
  assert.ok(Date.parse(String(collateralExpires)) > Date.now());
  const { ppid, fmspc } = pki.platform;
  const { measurements } = labMachine();
  const tcb = { advisories: [], evaluation: 20 };
  assert.deepEqual(details, { event: "attested", rootValidUntil, policy, ...measurements, ppid, fmspc, ...tcb });
  assert.ok(beats.every((beat) => beat["rootValidUntil"] === rootValidUntil));
  assert.ok(beats.length > 2 && asked === beats.length);
  await assert.rejects(fetch(`${url}/healthz`));
});
