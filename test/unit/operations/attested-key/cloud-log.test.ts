import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import type { LogEntry } from "../../../../src/core/signer-log.ts";
import { openCloudLog } from "../../../../src/operations/attested-key/cloud-log.ts";
import { loggingMachine, machineToken, startCloudLog } from "../../../support/cloud-log.ts";
import type { CloudLogAnswers } from "../../../support/cloud-log.ts";

async function opened(t: TestContext, answers: CloudLogAnswers = {}) {
  const servers = await startCloudLog(t, answers);
  const told: LogEntry[] = [];
  const stop = new AbortController();
  let time = 1_800_000_000_000;
  const log = openCloudLog({
    ...servers,
    now: () => new Date(time),
    tell: (entry) => told.push(entry),
    signal: stop.signal,
  });
  const later = (milliseconds: number): void => {
    time += milliseconds;
  };
  return { ...servers, log, told, stop, later };
}

const entry = (event: string): LogEntry => ({ level: "info", event, tries: 3, tags: ["v1"] });

test("entries come as the machine's own, in their order, with what they say and nothing else", async (t) => {
  const { log, taken, asked, told } = await opened(t);
  log.write(entry("one"));
  log.write({ level: "warning", event: "two" });
  log.write({ level: "error", event: "three" });
  await log.close();
  const { project, instanceId, zone } = loggingMachine;
  for (const { logName, resource } of taken) {
    assert.equal(logName, `projects/${project}/logs/neko-trust-signer`);
    const labels = { project_id: project, instance_id: instanceId, zone };
    assert.deepEqual(resource, { type: "gce_instance", labels });
  }
  const entries = taken.flatMap((one) => one.entries);
  assert.deepEqual(
    entries.map(({ severity, jsonPayload }) => [severity, jsonPayload]),
    [
      ["INFO", { event: "one", tries: 3, tags: ["v1"] }],
      ["WARNING", { event: "two" }],
      ["ERROR", { event: "three" }],
    ],
  );
  assert.equal(new Set(entries.map(({ insertId }) => insertId)).size, 3);
  assert.equal(entries[0]?.timestamp, new Date(1_800_000_000_000).toISOString());
  assert.equal(asked.get("instance/id"), 1);
  assert.deepEqual(told, []);
});

test("a token is asked for anew when the last is about to end", async (t) => {
  const { log, asked, taken, later } = await opened(t);
  const tokens = "instance/service-accounts/default/token";
  for (const [wait, expected] of [
    [0, 1],
    [3500_000, 1],
    [60_000, 2],
  ] as const) {
    later(wait);
    log.write(entry("beat"));
    await log.close();
    assert.equal(asked.get(tokens), expected);
  }
  assert.equal(taken.length, 3);
});

test("a log that is down is told once and shows no token, and what was not taken is sent again under its id", async (t) => {
  const { log, taken, told } = await opened(t, { status: (number) => (number < 1 ? 403 : 200) });
  log.write(entry("one"));
  while (told.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  for (let more = 0; more < 1500; more += 1) log.write(entry(`more ${more}`));
  await log.close();
  const entries = taken.flatMap((each) => each.entries);
  // The newest thousand: memory has an end, and the heartbeat is what matters.
  assert.equal(entries.length, 1000);
  assert.equal(entries.at(-1)?.jsonPayload["event"], "more 1499");
  assert.equal(new Set(entries.map(({ insertId }) => insertId)).size, 1000);
  assert.deepEqual(
    told.map(({ event, code }) => [event, code]),
    [
      ["log-unsent", "CLOUD_LOG_REFUSED"],
      ["log-sent-again", undefined],
    ],
  );
  assert.ok(!JSON.stringify(told).includes(machineToken));
});

for (const [what, path, value] of [
  ["a project of no name", "project/project-id", "../x"],
  ["an instance without a number", "instance/id", "instance-1"],
  ["a zone of another form", "instance/zone", "europe-west9-a"],
  ["a token that is none", "instance/service-accounts/default/token", '{"access_token":"a\\nb","expires_in":1}'],
  ["no JSON for a token", "instance/service-accounts/default/token", "<html>"],
] as const) {
  test(`${what}: nothing is written, and the machine's own log says why`, async (t) => {
    const { log, taken, told, stop } = await opened(t, { metadata: { [path]: value } });
    log.write(entry("one"));
    while (told.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    stop.abort();
    await log.close();
    assert.equal(taken.length, 0);
    assert.deepEqual(
      told.map(({ event, code }) => [event, code]),
      [["log-unsent", "METADATA_UNREADABLE"]],
    );
  });
}
