import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { z } from "zod";
import { placesOf } from "../../lab/places.ts";
import { outcomes } from "../../lab/stand-ins/journal.ts";
import { copyCheckout, isRunning } from "../support/program-checkout.ts";
import type { CheckoutCopy, Finished } from "../support/program-checkout.ts";

const reference = z.string().regex(/^127\.0\.0\.1:[0-9]+\/m1k1o\/neko\/base@sha256:[0-9a-f]{64}$/);
const upDocument = z.strictObject({
  ok: z.literal(true),
  release: reference,
  credential: z.strictObject({
    resource: z.literal("default/credential/registry"),
    attestationPolicyDigest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
    resourcePolicyDigest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
    milliseconds: z.int(),
    refusals: z.array(z.strictObject({ attempt: z.string(), code: z.string() })).length(3),
  }),
  summary: z.record(z.string(), z.int()),
  resources: z.array(
    z.strictObject({
      urn: z.string(),
      name: z.string(),
      type: z.string(),
      op: z.string(),
      outcome: z.enum(outcomes),
      where: z.string(),
    }),
  ),
  verdicts: z.array(z.unknown()),
  tampered: z.strictObject({ digest: z.string().regex(/^sha256:[0-9a-f]{64}$/), change: z.string() }),
  forgeries: z.array(z.strictObject({ attempt: z.string(), codes: z.array(z.string()).min(1) })).length(10),
  commands: z.array(z.string()).length(4),
});
type UpDocument = z.infer<typeof upDocument>;

/** The stack, four providers, six components and the two within BuildRunners: the engine's own, of no outcome. */
const engineOwn = 1 + 4 + 6 + 2;

let copy: CheckoutCopy;
let first: UpDocument;
before(() => {
  copy = copyCheckout();
});
after(() => copy.remove());

function assertNoStackTrace({ stdout, stderr }: Finished): void {
  assert.doesNotMatch(stdout + stderr, /^\s+at .+:\d+:\d+/m);
}

async function up(): Promise<UpDocument> {
  const finished = await copy.run(["lab", "up", "--json"]);
  assert.equal(finished.code, 0, finished.stdout + finished.stderr);
  assert.equal(finished.stderr, "", "--json says nothing beside its document");
  return upDocument.parse(JSON.parse(finished.stdout));
}

function assertAllSame(document: UpDocument): void {
  assert.deepEqual(document.summary, { same: first.resources.length + engineOwn });
  assert.deepEqual(new Set(document.resources.map(({ op }) => op)), new Set(["same"]));
  assert.deepEqual(
    document.resources.map(({ urn, outcome }) => `${outcome} ${urn}`).sort(),
    first.resources.map(({ urn, outcome }) => `${outcome} ${urn}`).sort(),
  );
}

for (const [when, text] of [
  ["at its first line", "[1] lab"],
  ["while the engine creates", "create   github:index/repository:Repository"],
] as const) {
  test(`Ctrl-C ${when} exits 130 with a remedy and without a stack trace`, async () => {
    const running = copy.start(["lab", "up"]);
    await running.said(text);
    running.child.kill("SIGINT");
    const finished = await running.finished;
    assert.equal(finished.code, 130, finished.stderr);
    assert.match(finished.stderr, /^to do: Run the same command again/m);
    assert.match(finished.stderr, /^\(code INTERRUPTED\)$/m);
    assertNoStackTrace(finished);
  });
}

test("the next lab up goes on from there, and tells everything in one document", async () => {
  first = await up();
  const { summary, resources, release, credential, tampered, commands } = first;
  assert.equal(
    Object.values(summary).reduce((sum, count) => sum + count, 0),
    resources.length + engineOwn,
    "every resource but the stack, the providers and the components has an outcome",
  );
  assert.deepEqual(new Set(resources.map(({ outcome }) => outcome)), new Set(["rendered", "recorded"]));
  for (const { type, outcome, where } of resources) {
    // A chart's objects are known to helm alone: nothing renders them here.
    const isObject = type.startsWith("kubernetes:") && !type.startsWith("kubernetes:helm.sh/");
    assert.equal(outcome, isObject ? "rendered" : "recorded", type);
    if (outcome === "rendered") assert.ok(statSync(where).isFile(), `${where} is not there`);
  }
  assert.deepEqual(
    credential.refusals.map(({ code }) => code),
    ["KBS_POLICY_DENIED", "KBS_POLICY_DENIED", "REGISTRY_UNAUTHORIZED"],
    "nobody but the measured machine publishes",
  );
  assert.notEqual(tampered.digest, release.split("@")[1]);
  const [, attested = "", ...others] = commands;
  assert.equal(commands[0], `npx neko-trust verify-image ${release} --stack local`);
  assert.ok(attested.startsWith(`npx neko-trust attested-key verify ${release} --policy `), attested);
  assert.deepEqual(others, ["npx neko-trust status", "make preview"]);
});

test("the commands that it ends with work: verify-image proves the release and refuses the tampered copy", async () => {
  const good = await copy.run(["verify-image", first.release, "--stack", "local"]);
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, /^✓ verified under policy "neko-lab"$/m);
  const attested = await copy.run((first.commands[1] ?? "").split(" ").slice(2));
  assert.equal(attested.code, 0, attested.stderr);
  assert.match(attested.stdout, /attested signature, quote made between .+, a key for this image alone/);
  const bad = await copy.run([
    "verify-image",
    `${first.release.split("@")[0] ?? ""}@${first.tampered.digest}`,
    ...["--stack", "local", "--json"],
  ]);
  assert.equal(bad.code, 1, bad.stderr);
  const { findings } = z.object({ findings: z.array(z.object({ code: z.string() })) }).parse(JSON.parse(bad.stdout));
  assert.ok(findings.some(({ code }) => code === "STATEMENT_SUBJECT_MISMATCH"));
});

test("status tells services, release and resources; preview plans nothing new", async () => {
  const status = await copy.run(["status", "--json"]);
  assert.equal(status.code, 0, status.stderr);
  const document = z
    .object({
      services: z.array(z.object({ name: z.string(), state: z.string() })),
      resources: z.array(z.object({ urn: z.string() })),
    })
    .parse(JSON.parse(status.stdout));
  const running = document.services.filter(({ state }) => state === "running").map(({ name }) => name);
  assert.deepEqual(running.sort(), ["registry", "registry-with-referrers", "sigstore"]);
  assert.equal(document.resources.length, first.resources.length);

  const preview = await copy.run(["preview"]);
  assert.equal(preview.code, 0, preview.stderr);
  assert.match(preview.stdout, /nothing changed: \d+ resources, all same/);
  assert.equal(preview.stderr, "", "no warning that a user could do nothing about");
});

test("lab token signs by hand: sign-image and attest-image with it, and the release still verifies", async () => {
  const status = await copy.run(["status", "--json"]);
  const { signingConfig } = z.object({ signingConfig: z.string() }).parse(JSON.parse(status.stdout));
  const printed = await copy.run(["lab", "token"]);
  assert.equal(printed.code, 0, printed.stderr);
  const token = { SIGSTORE_ID_TOKEN: printed.stdout.trim() };
  const services = ["--signing-config", signingConfig];
  const signed = await copy.run(["sign-image", first.release, ...services], token);
  assert.equal(signed.code, 0, signed.stderr);
  const lock = ["--flake-lock", join(copy.folder, "package-lock.json")];
  const made = ["--provenance", "made", "--attribute", "sample-image", ...lock];
  const attested = await copy.run(["attest-image", first.release, ...made, ...services], token);
  assert.equal(attested.code, 0, attested.stderr);
  const verified = await copy.run(["verify-image", first.release, "--stack", "local"]);
  assert.equal(verified.code, 0, verified.stdout);

  const other = await copy.run(["lab", "token", "--ref", "refs/heads/main", "--sha", "0".repeat(40), "--json"]);
  const { identity } = z.object({ identity: z.string() }).parse(JSON.parse(other.stdout));
  assert.ok(identity.endsWith("@refs/heads/main"));
  const wrong = await copy.run(["lab", "token", "--ref", "main"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /\(code LAB_TOKEN_USAGE\)/);
});

test("services that crashed are named by status, started again by the next up, and everything is the same", async () => {
  const before = copy.pids();
  for (const pid of Object.values(before)) process.kill(pid, "SIGKILL");
  const status = await copy.run(["status"]);
  assert.equal(status.code, 3);
  assert.match(status.stdout, /✗ registry is not running/);
  assert.match(status.stdout, /✗ sigstore is not running/);

  const again = await up();
  assertAllSame(again);
  assert.equal(again.release, first.release, "ports, files and digests were kept");
  for (const [name, pid] of Object.entries(copy.pids())) assert.notEqual(pid, before[name], `${name} is the old one`);
});

test("another program on a kept port: the lab moves to a new one, and nothing is made anew", async (t) => {
  const port = Number(/:(\d+)\//.exec(first.release)?.[1]);
  process.kill(copy.pids()["registry"] ?? 0, "SIGKILL");
  const squatter = createServer();
  t.after(() => squatter.close());
  await listenWhenFree(squatter, port);

  const moved = await up();
  assert.notEqual(moved.release, first.release);
  assert.equal(moved.release.split("@")[1], first.release.split("@")[1], "the same release");
  assert.deepEqual(Object.keys(moved.summary).sort(), ["same", "update"]);
  assert.equal(moved.resources.length, first.resources.length);
});

/** The kernel may take a moment to free the port of a killed process. */
async function listenWhenFree(server: ReturnType<typeof createServer>, port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      server.once("error", resolve);
      server.listen(port, "127.0.0.1", () => {
        server.removeAllListeners("error");
        resolve(undefined);
      });
    });
    if (error === undefined) return;
    server.removeAllListeners("error");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`port ${port} did not become free`);
}

test("down ends every process and removes state, roots and logs; the tree is as it was", async () => {
  const pids = Object.values(copy.pids());
  assert.ok(pids.length >= 3);
  const finished = await copy.run(["lab", "down", "--json"]);
  assert.equal(finished.code, 0, finished.stderr);
  assert.deepEqual(pids.filter(isRunning), []);
  for (const folder of [copy.directories.state, copy.directories.run]) assert.ok(!existsSync(folder), folder);
  assert.ok(!existsSync(placesOf(copy.directories).sigstore));
  const token = await copy.run(["lab", "token"]);
  assert.equal(token.code, 3);
  assert.match(token.stderr, /\(code LAB_NOT_RUNNING\)/);
  const settings = join("stacks", "Pulumi.local.yaml");
  const original = join(import.meta.dirname, "..", "..", settings);
  assert.equal(readFileSync(join(copy.folder, settings), "utf8"), readFileSync(original, "utf8"));
});
