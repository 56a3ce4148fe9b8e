import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { checkout } from "../support/engine/engine-under-test.ts";
import { startReleaseLab } from "../support/release-lab.ts";
import { serveRelease } from "../support/release-registry.ts";
import { documentOf, runCli, startCli } from "../support/run-cli.ts";

/** Plain JavaScript without types, as any Node must run it. */
const { isNodeNewEnough, pinnedNode } = (await import(join(checkout, "bin", "node-version.mjs"))) as {
  isNodeNewEnough: (version?: string) => boolean;
  pinnedNode: () => string | undefined;
};
const lab = await startReleaseLab();
const reference = `127.0.0.1:1/a@sha256:${"0".repeat(64)}`;

/** A Node of this machine that is too old to run TypeScript. */
function oldNode(): string | undefined {
  const candidates = ["/usr/bin/node", "/usr/local/bin/node", "/bin/node"];
  return candidates.find((path) => {
    const { status, stdout } = spawnSync(path, ["-p", "process.versions.node"], { encoding: "utf8" });
    return status === 0 && !isNodeNewEnough(stdout.trim());
  });
}

/** Part of this checkout in a temporary folder: a command line that a test may damage. */
function partialCheckout(t: TestContext, parts: readonly string[]): { folder: string; main: string } {
  const folder = mkdtempSync(join(tmpdir(), "neko-part-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  for (const part of parts) cpSync(join(checkout, part), join(folder, part), { recursive: true });
  return { folder, main: join(folder, "bin", "neko-trust.mjs") };
}

const linked = ["bin", "src", "components", "package.json"];

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} while a registry does not answer: exit 130 at once`, async (t) => {
    const asked = Promise.withResolvers<undefined>();
    const silent = await serveRelease(t, lab, {
      instead: () => {
        asked.resolve(undefined);
        return new Promise(() => undefined);
      },
    });
    const running = startCli(t, ["verify-image", silent.reference, ...silent.trust]);
    await asked.promise;
    const begin = performance.now();
    running.child.kill(signal);
    const { code, stdout, stderr } = await running.finished;
    assert.equal(code, 130);
    assert.equal(stdout, "");
    assert.match(stderr, /^error: Interrupted\.\nto do: .+\n\(code INTERRUPTED\)\n$/);
    assert.ok(performance.now() - begin < 5000);
  });
}

test("Ctrl-C while it waits for a throttling registry: exit 130 at once, as JSON", async (t) => {
  const asked = Promise.withResolvers<undefined>();
  const throttling = await serveRelease(t, lab, {
    instead: () => {
      asked.resolve(undefined);
      return { status: 429, headers: { "retry-after": "15" } };
    },
  });
  const running = startCli(t, ["verify-image", throttling.reference, ...throttling.trust, "--json"]);
  await asked.promise;
  await new Promise((resolve) => setTimeout(resolve, 300));
  const begin = performance.now();
  running.child.kill("SIGINT");
  // As a terminal's Ctrl-C under npx, which passes it on: the same interruption, not a second one.
  running.child.kill("SIGINT");
  const finished = await running.finished;
  assert.equal(finished.code, 130);
  assert.equal((documentOf(finished)["error"] as { code: string }).code, "INTERRUPTED");
  assert.ok(performance.now() - begin < 5000);
});

test("a reader that goes away changes no verdict: a refusal stays exit 1, a proof exit 0", async (t) => {
  const good = await serveRelease(t, lab);
  const bad = await serveRelease(t, lab, { evidence: lab.without("signature") });
  for (const [served, expected] of [
    [good, 0],
    [bad, 1],
  ] as const) {
    const running = startCli(t, ["verify-image", served.reference, ...served.trust]);
    running.child.stdout?.destroy();
    const { code, stderr } = await running.finished;
    assert.equal(code, expected);
    assert.equal(stderr, "");
  }
});

test("a result that can't be written is no success: exit 3, OUTPUT_FAILED", async (t) => {
  if (process.platform !== "linux") {
    t.skip("needs /dev/full");
    return;
  }
  const { reference: image, trust } = await serveRelease(t, lab);
  const full = openSync("/dev/full", "w");
  for (const json of [[], ["--json"]]) {
    const args = [join(checkout, "bin", "neko-trust.mjs"), "verify-image", image, ...trust, ...json];
    const child = spawn(process.execPath, args, { stdio: ["ignore", full, "pipe"] });
    const chunks: Buffer[] = [];
    child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
    const code = await new Promise((resolve) => child.on("close", resolve));
    const stderr = Buffer.concat(chunks).toString("utf8");
    assert.equal(code, 3);
    assert.match(stderr, /ENOSPC[\s\S]+\(code OUTPUT_FAILED\)\n$/);
  }
});

for (const [what, body] of [
  ["throws at once", `throw new TypeError("bug");`],
  ["rejects", `await Promise.reject(new TypeError("bug"));`],
  [
    "throws later, where nobody waits",
    `setTimeout(() => { throw new TypeError("bug"); }); await new Promise((r) => setTimeout(r, 60_000));`,
  ],
  ["forgets a promise", `void Promise.reject(new TypeError("bug")); await new Promise((r) => setTimeout(r, 60_000));`],
] as const) {
  test(`a command that ${what} is a bug: exit 4, without a stack unless it is asked for`, async (t) => {
    const { folder, main } = partialCheckout(t, linked);
    symlinkSync(join(checkout, "node_modules"), join(folder, "node_modules"));
    const command = `export const registerStatus = (program: any, run: any) => {
      program.command("status").action(() => run(async () => { ${body} }));
    };\n`;
    writeFileSync(join(folder, "src", "cli", "commands", "status.ts"), command);
    const quiet = await runCli(t, ["status"], { main });
    assert.equal(quiet.code, 4);
    assert.equal(quiet.stdout, "");
    assert.match(quiet.stderr, /^error: This is a bug in neko-trust: bug\nto do: .+\n\(code INTERNAL\)\n$/);
    const loud = await runCli(t, ["status"], { main, environment: { NEKO_TRUST_DEBUG: "1" } });
    assert.equal(loud.code, 4);
    assert.match(loud.stderr, /\(code INTERNAL\)\nTypeError: bug\n\s+at /);
  });
}

test("without its dependencies it says what to run: exit 3, NOT_SET_UP", async (t) => {
  const { folder, main } = partialCheckout(t, linked);
  const none = await runCli(t, ["status"], { main });
  assert.equal(none.code, 3);
  assert.equal(
    none.stderr,
    "error: The dependencies are not installed.\nto do: Run `make setup` once.\n(code NOT_SET_UP)\n",
  );
  mkdirSync(join(folder, "node_modules"));
  const partly = await runCli(t, ["status", "--json"], { main });
  assert.equal(partly.code, 3);
  const { code, message } = documentOf(partly)["error"] as { code: string; message: string };
  assert.equal(code, "NOT_SET_UP");
  assert.match(message, /^A part is missing: Cannot find package '/);
});

test("code that can't be loaded is a bug, not a refusal: exit 4", async (t) => {
  const { folder, main } = partialCheckout(t, linked);
  mkdirSync(join(folder, "node_modules"));
  appendFileSync(join(folder, "src", "cli", "main.ts"), "\nconst = ;\n");
  const { code, stderr } = await runCli(t, ["status"], { main });
  assert.equal(code, 4);
  assert.match(stderr, /\(code INTERNAL\)\n$/);
  assert.doesNotMatch(stderr, /\n\s+at /);
});

test("an old Node finds the pinned one and gives its answer and exit code back", async (t) => {
  const node = oldNode();
  if (node === undefined || pinnedNode() === undefined) {
    t.skip("needs a Node older than 24.15 on this machine, and the pinned one installed by `make setup`");
    return;
  }
  const usage = await runCli(t, ["verify-image", "nope"], { node });
  assert.equal(usage.code, 2);
  assert.match(usage.stderr, /\(code REFERENCE_INVALID\)\n$/);
  const { reference: image, trust } = await serveRelease(t, lab);
  const good = await runCli(t, ["verify-image", image, ...trust, "--json"], { node });
  assert.equal(good.code, 0, good.stderr);
  assert.equal(documentOf(good)["resolved"], image);
  const refused = await runCli(t, ["verify-image", image.replace("/base@", "/other@"), ...trust], { node });
  assert.equal(refused.code, 1);
});

test("Ctrl-C to an old Node alone reaches the pinned one: exit 130", async (t) => {
  const node = oldNode();
  if (node === undefined || pinnedNode() === undefined) {
    t.skip("needs a Node older than 24.15 on this machine, and the pinned one installed by `make setup`");
    return;
  }
  const asked = Promise.withResolvers<undefined>();
  const silent = await serveRelease(t, lab, {
    instead: () => {
      asked.resolve(undefined);
      return new Promise(() => undefined);
    },
  });
  const running = startCli(t, ["verify-image", silent.reference, ...silent.trust], { node });
  await asked.promise;
  running.child.kill("SIGINT");
  const { code, stderr } = await running.finished;
  assert.equal(code, 130);
  assert.match(stderr, /\(code INTERRUPTED\)\n$/);
});

test("an old Node without a pinned one says what to do: exit 3, NODE_TOO_OLD, in words and as JSON", async (t) => {
  const node = oldNode();
  if (node === undefined) {
    t.skip("needs a Node older than 24.15 on this machine");
    return;
  }
  const { main } = partialCheckout(t, ["bin"]);
  const words = await runCli(t, ["verify-image", reference], { node, main });
  assert.equal(words.code, 3);
  assert.equal(words.stdout, "");
  assert.match(
    words.stderr,
    /^error: neko-trust needs Node 24\.15 or newer; this is \d+\.\d+\.\d+\.\nto do: .+make setup.+\n\(code NODE_TOO_OLD\)\n$/,
  );
  const json = await runCli(t, ["verify-image", reference, "--json"], { node, main });
  assert.equal(json.code, 3);
  assert.equal((documentOf(json)["error"] as { code: string }).code, "NODE_TOO_OLD");
});

test("an old Node tells Pulumi's program the same", async (t) => {
  const node = oldNode();
  if (node === undefined) {
    t.skip("needs a Node older than 24.15 on this machine");
    return;
  }
  const { folder } = partialCheckout(t, ["bin", "entry.mjs"]);
  const { code, stderr } = await runCli(t, [], { node, main: join(folder, "entry.mjs") });
  assert.equal(code, 1);
  assert.match(stderr, /^error: The Pulumi program needs Node 24\.15 or newer[\s\S]+\(code NODE_TOO_OLD\)\n$/);
});
