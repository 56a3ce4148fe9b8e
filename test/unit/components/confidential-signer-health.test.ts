import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { attestedMetricArgs } from "../../../components/confidential-signer/health-args.ts";
import { Failure } from "../../../src/core/failure.ts";
import { openCloudLog } from "../../../src/operations/attested-key/cloud-log.ts";
import { newServiceState } from "../../../src/operations/attested-key/service-state.ts";
import { watch } from "../../../src/operations/attested-key/watch.ts";
import { loggingMachine, startCloudLog } from "../../support/cloud-log.ts";
import { sampleDigest } from "../../support/policies.ts";
import { signerSettings } from "../../support/signer.ts";
import { offering, sampleMachine, stepsOf } from "../../support/watching.ts";
import type { FlatSteps } from "../../support/watching.ts";

/**
 * What the service writes, through the filter of the metric that the alert goes by. Conjunctions of equalities, which is all that it
 * is made of (Cloud Logging, "Logging query language"); any other form fails here.
 */
function matches(filter: string, entry: unknown): boolean {
  return filter.split(" AND ").every((comparison) => {
    const [, path = "", value] = /^([A-Za-z.]+)="([^"]*)"$/.exec(comparison) ?? assert.fail(comparison);
    const found = path
      .split(".")
      .reduce<unknown>((part, name) => (part as Record<string, unknown> | undefined)?.[name], entry);
    return found === value;
  });
}

async function entriesOf(t: TestContext, steps: Partial<FlatSteps>) {
  const servers = await startCloudLog(t);
  const stop = new AbortController();
  const now = (): Date => new Date();
  const log = openCloudLog({
    ...servers,
    now,
    tell: () => assert.fail("the log can be written to"),
    signal: stop.signal,
  });
  let rounds = 0;
  const good: FlatSteps = {
    attest: () => Promise.resolve({ machine: sampleMachine, collateralExpires: now() }),
    approve: () => Promise.resolve(),
    offered: () => Promise.resolve(offering([["v1", sampleDigest("a")]])),
    isSigned: () => Promise.resolve(true),
    sign: () => assert.fail("it is signed already"),
  };
  const sleep = (): Promise<void> => {
    rounds += 1;
    if (rounds === 3) stop.abort();
    return Promise.resolve();
  };
  const options = { state: newServiceState(), log: log.write, now: Date.now, intervalMilliseconds: 60_000, sleep };
  await watch(stepsOf({ ...good, ...steps }), options, stop.signal);
  await log.close();
  return servers.taken.flatMap(({ entries, ...common }) => entries.map((entry) => ({ ...common, ...entry })));
}

const settings = signerSettings();
const { filter } = attestedMetricArgs({
  ...settings,
  project: { ...settings.project, id: loggingMachine.project },
});
assert.ok(typeof filter === "string");

test("the alert's metric counts each heartbeat of the service, as the machine that it is of, and nothing else", async (t) => {
  const entries = await entriesOf(t, {});
  const counted = entries.filter((entry) => matches(filter, entry));
  assert.deepEqual(
    counted.map(({ jsonPayload }) => jsonPayload["event"]),
    ["attested", "attested", "attested"],
  );
  // The query groups and selects by this label.
  for (const { resource } of counted) assert.equal(resource.labels["instance_id"], loggingMachine.instanceId);
  assert.deepEqual(
    entries.filter((entry) => !counted.includes(entry)).map(({ jsonPayload }) => jsonPayload["event"]),
    ["started", "measured", "already-signed", "stopped"],
  );
});

test("a signer that the key broker refuses is silent, so that the alert fires", async (t) => {
  const refused = { code: "KBS_TOKEN_STATUS", kind: "refused", message: "Refused.", remedy: "Mend it." } as const;
  const entries = await entriesOf(t, { attest: () => Promise.reject(new Failure(refused)) });
  assert.ok(entries.some(({ jsonPayload }) => jsonPayload["event"] === "down"));
  assert.deepEqual(
    entries.filter((entry) => matches(filter, entry)),
    [],
  );
});
