import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, freePorts, portIsFree } from "../../../../lab/processes/ports.ts";
import { identityOf, stillRuns } from "../../../../src/adapters/processes/process-identity.ts";
import { endOrphans, serviceStatus, startService, stopService } from "../../../../lab/processes/service.ts";
import { Failure } from "../../../../src/core/failure.ts";

let run = "";

beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "neko-trust-services-"));
});

afterEach(async () => {
  for (const name of ["sample", "other"]) await stopService(name, run);
  rmSync(run, { recursive: true, force: true });
});

/** A service of Node itself; it says it is ready by a file. */
function service(script: string, changes: { name?: string; timeoutMilliseconds?: number; command?: string } = {}) {
  return {
    name: changes.name ?? "sample",
    command: changes.command ?? process.execPath,
    args: ["-e", script],
    environment: { MARK: "from the specification" },
    runDirectory: run,
    ready: () => Promise.resolve(existsSync(join(run, "ready"))),
    timeoutMilliseconds: changes.timeoutMilliseconds ?? 10_000,
  };
}

const becomesReady = `require("fs").writeFileSync("ready", ""); setInterval(() => {}, 1000);`;

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Failure, "expected a Failure");
  return error;
}

test("starts a service once, tells that it runs and stops it", async () => {
  assert.equal(serviceStatus("sample", run).state, "stopped");
  const first = await startService(service(`console.log(process.env.MARK, process.env.HOME); ${becomesReady}`));
  const second = await startService(service(becomesReady));
  assert.deepEqual([first.started, second.started, second.pid], [true, false, first.pid]);
  assert.deepEqual(serviceStatus("sample", run), { state: "running", pid: first.pid, log: first.log });
  assert.match(readFileSync(first.log, "utf8"), /^from the specification undefined\n/);
  assert.equal(await stopService("sample", run), true);
  assert.equal(identityOf(first.pid), undefined);
  assert.equal(existsSync(join(run, "sample.pid")), false);
  assert.equal(await stopService("sample", run), false);
});

test("a service outlives the process that started it", async () => {
  const starter = `
    import { startService } from ${JSON.stringify(new URL("../../../../lab/processes/service.ts", import.meta.url).href)};
    import { existsSync } from "node:fs";
    const started = await startService({ name: "sample", command: process.execPath, args: ["-e", ${JSON.stringify(becomesReady)}],
      environment: {}, runDirectory: ${JSON.stringify(run)}, ready: async () => existsSync(${JSON.stringify(join(run, "ready"))}), timeoutMilliseconds: 10000 });
    console.log(started.pid);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", starter], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve) => child.once("exit", resolve));
  assert.equal(code, 0);
  const status = serviceStatus("sample", run);
  assert.deepEqual(status, { state: "running", pid: Number(output), log: join(run, "sample.log") });
});

test("reports a service that ends before it is ready, with its log's last lines", async () => {
  const script = `for (let i = 1; i <= 30; i++) console.error("line " + i); process.exit(7);`;
  const failure = await failureOf(startService(service(script)));
  assert.equal(failure.code, "SERVICE_FAILED");
  assert.equal(failure.message, 'Service "sample" ended with exit code 7.');
  assert.deepEqual([failure.details[0], failure.details.at(-1), failure.details.length], ["line 21", "line 30", 10]);
  assert.ok(failure.remedy.includes(join(run, "sample.log")));
  assert.equal(existsSync(join(run, "sample.pid")), false);
});

test("reports a command that does not exist", async () => {
  const failure = await failureOf(startService(service("", { command: join(run, "absent") })));
  assert.equal(failure.code, "SERVICE_FAILED");
  assert.match(failure.message, /could not be started: .*ENOENT/);
});

test("stops a service that does not become ready in time", async () => {
  const failure = await failureOf(startService(service("setInterval(() => {}, 1000)", { timeoutMilliseconds: 300 })));
  assert.equal(failure.code, "SERVICE_FAILED");
  assert.match(failure.message, /was not ready after 0\.3 s/);
  assert.equal(serviceStatus("sample", run).state, "stopped");
});

test("tells a taken port apart from other failures", async () => {
  const holder = createServer();
  await new Promise<undefined>((resolve) =>
    holder.listen(0, "127.0.0.1", () => {
      resolve(undefined);
    }),
  );
  const address = holder.address();
  assert.ok(address !== null && typeof address === "object");
  assert.equal(await portIsFree(address.port), false);
  const failure = await failureOf(
    startService(service(`require("net").createServer().listen(${address.port}, "127.0.0.1")`)),
  );
  assert.equal(failure.code, "PORT_TAKEN");
  await new Promise((resolve) => holder.close(resolve));
  assert.equal(await portIsFree(address.port), true);
});

test("never stops another process that got the pid, and removes the stale pid file", async () => {
  const bystander = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  await new Promise((resolve) => bystander.once("spawn", resolve));
  const identity = identityOf(bystander.pid ?? 0);
  assert.ok(identity !== undefined);
  writeFileSync(join(run, "sample.pid"), `${identity.pid} ${Number(identity.startTime) - 1} ${identity.boot}\n`);
  assert.equal(await stopService("sample", run), false);
  assert.equal(stillRuns(identity), true);
  assert.equal(existsSync(join(run, "sample.pid")), false);
  writeFileSync(join(run, "sample.pid"), `${identity.pid}\n`);
  assert.equal(serviceStatus("sample", run).state, "stopped");
  assert.equal(stillRuns(identity), true);
  bystander.kill("SIGKILL");
});

test("starts anew after the service was killed from outside", async () => {
  const first = await startService(service(becomesReady));
  process.kill(first.pid, "SIGKILL");
  while (identityOf(first.pid) !== undefined) await sleep(10);
  assert.equal(serviceStatus("sample", run).state, "stopped");
  const second = await startService(service(becomesReady));
  assert.deepEqual([second.started, second.pid === first.pid], [true, false]);
});

test("stops what a service has started, and one that ignores SIGTERM", async () => {
  const script = `
    const child = require("child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    require("fs").writeFileSync("child", String(child.pid));
    process.on("SIGTERM", () => {});
    ${becomesReady}`;
  const { pid } = await startService(service(script));
  const child = Number(readFileSync(join(run, "child"), "utf8"));
  assert.notEqual(identityOf(child), undefined);
  assert.equal(await stopService("sample", run, 500), true);
  while (identityOf(child) !== undefined) await sleep(10);
  assert.equal(identityOf(pid), undefined);
});

test("refuses a name that would leave the run folder", async () => {
  const failure = await failureOf(startService(service("", { name: "../sample" })));
  assert.equal(failure.code, "SERVICE_NAME_INVALID");
});

test("free ports are distinct and can be listened on", async () => {
  const ports = await freePorts(20);
  assert.equal(new Set(ports).size, 20);
  assert.equal(await portIsFree(await freePort()), true);
});

/** Starts a service in a process that is killed at once; then nobody has a pid file of it. */
async function orphan(name: string): Promise<number> {
  const script = `
    import { rmSync } from "node:fs";
    import { startService } from ${JSON.stringify(join(import.meta.dirname, "../../../../lab/processes/service.ts"))};
    const { pid } = await startService({ name: ${JSON.stringify(name)}, command: process.execPath,
      args: ["-e", "setInterval(() => {}, 1000)"], environment: {}, runDirectory: ${JSON.stringify(run)},
      ready: () => Promise.resolve(true), timeoutMilliseconds: 10_000 });
    rmSync(${JSON.stringify(join(run, `${name}.pid`))});
    console.log(pid);
    process.kill(process.pid, "SIGKILL");`;
  const starter = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let pid = "";
  for await (const text of starter.stdout) pid += String(text);
  assert.notEqual(identityOf(Number(pid)), undefined, "it outlived its starter");
  return Number(pid);
}

test("a process that no pid file names, as its starter was killed, is ended before a new one starts", async () => {
  const [mine, others] = [await orphan("sample"), await orphan("other")];
  assert.equal(serviceStatus("sample", run).state, "stopped");
  const { pid } = await startService(service(becomesReady));
  assert.equal(identityOf(mine), undefined);
  assert.notEqual(identityOf(others), undefined, "that of another service is left alone");
  assert.equal(await stopService("other", run), true);
  assert.equal(identityOf(others), undefined);
  assert.notEqual(identityOf(pid), undefined);
});

test("a service whose pid file is there is no orphan, though its starter has gone", async () => {
  const pid = await orphan("sample");
  const identity = identityOf(pid);
  writeFileSync(join(run, "sample.pid"), `${pid} ${identity?.startTime ?? ""} ${identity?.boot ?? ""}\n`);
  await endOrphans("sample", run);
  assert.notEqual(identityOf(pid), undefined);
});
