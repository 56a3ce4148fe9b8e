import assert from "node:assert/strict";
import { connect } from "node:net";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { z } from "zod";
import { placesOf } from "../../lab/places.ts";
import { readJournal } from "../../lab/stand-ins/journal.ts";
import { localOverlayPath, readLocalOverlay } from "../../src/config/local-overlay.ts";
import { stateFile } from "../../src/engine/pending-operations.ts";
import { checkout, engineUnderTest } from "../support/engine/engine-under-test.ts";
import { startLanguageHost } from "../../dev/language-host/serve.ts";
import type { LanguageHost } from "../../dev/language-host/serve.ts";
import { copyCheckout, startProcess } from "../support/program-checkout.ts";
import type { CheckoutCopy, Finished } from "../support/program-checkout.ts";
import { watchOutbound } from "../support/program-outbound.ts";
import type { OutboundWatch } from "../support/program-outbound.ts";
import { writeStaging } from "../support/program-staging.ts";

/** The official CLI in a copy of this checkout, whose lab was brought up, as a user would run it there. */
let copy: CheckoutCopy;
let watch: OutboundWatch;
let home: string;
let pulumiCommand: string;
let attached: Readonly<Record<string, string>>;
let tampered: string;

const environmentDocument = z.object({ environment: z.record(z.string(), z.string()) });
const checkpointSchema = z.object({
  checkpoint: z.object({
    latest: z.object({
      resources: z.array(z.object({ urn: z.string(), id: z.string().optional(), inputs: z.unknown().optional() })),
    }),
  }),
});
const upDocument = z.object({ tampered: z.object({ digest: z.string() }) });

before(async () => {
  copy = copyCheckout();
  watch = await watchOutbound();
  home = mkdtempSync(join(tmpdir(), "neko-pulumi-home-"));
  const up = await copy.run(["lab", "up", "--json"]);
  assert.equal(up.code, 0, up.stdout);
  tampered = upDocument.parse(JSON.parse(up.stdout)).tampered.digest;
  pulumiCommand = (await engineUnderTest()).command;
  const env = await copy.run(["env", "--json"]);
  assert.equal(env.code, 0, env.stdout);
  attached = environmentDocument.parse(JSON.parse(env.stdout)).environment;
});

after(async () => {
  watch.stop();
  await copy.remove();
  rmSync(home, { recursive: true, force: true });
});

async function languageHost(variables: Readonly<Record<string, string>>): Promise<LanguageHost> {
  const environment = { ...copy.environment, ...watch.environment, ...variables };
  return startLanguageHost({
    sdk: join(checkout, "node_modules", "@pulumi", "pulumi"),
    node: process.execPath,
    environment,
  });
}

/** Runs `pulumi` in the copy, with the variables given and a language host that has them too. */
async function pulumi(args: readonly string[], variables: Readonly<Record<string, string>>): Promise<Finished> {
  const host = await languageHost(variables);
  try {
    return await startProcess(pulumiCommand, [...args, "--non-interactive"], copy.folder, {
      ...copy.environment,
      ...watch.environment,
      PULUMI_HOME: home,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DEBUG_LANGUAGES: host.attach,
      ...variables,
    }).finished;
  } finally {
    host.stop();
  }
}

/** What `neko-trust env` prints, but for the stand-ins: a shell in which somebody forgot to attach. */
function detached(): Record<string, string> {
  const { PULUMI_DEBUG_PROVIDERS: _standIns, ...rest } = attached;
  return rest;
}

function assertNoStackTrace({ stdout, stderr }: Finished): void {
  assert.doesNotMatch(stdout + stderr, /^\s+at .+:\d+:\d+/m);
}

function journalLength(): number {
  return readJournal(placesOf(copy.directories).journal).entries.length;
}

/** URN, id and inputs of what the state says is provisioned: providers and their resources. Secrets are left out. */
function provisioned(): unknown[] {
  const file = stateFile(join(placesOf(copy.directories).engine, "backend"), "neko-trust", "local");
  const withoutSecrets = (key: string, value: unknown): unknown => (key === "ciphertext" ? "" : value);
  const { checkpoint } = checkpointSchema.parse(JSON.parse(readFileSync(file, "utf8"), withoutSecrets));
  const { resources } = checkpoint.latest;
  assert.ok(resources.length > 10);
  return resources.filter(({ id }) => id !== undefined);
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code === "ECONNREFUSED");
    });
  });
}

test("neko-trust env attaches the official CLI: preview and up find everything the same", async () => {
  const before = journalLength();
  const preview = await pulumi(["preview", "-s", "local", "--json"], attached);
  assert.equal(preview.code, 0, preview.stdout + preview.stderr);
  const { changeSummary } = z
    .object({ changeSummary: z.record(z.string(), z.int()) })
    .parse(JSON.parse(preview.stdout));
  assert.deepEqual(Object.keys(changeSummary), ["same"]);
  const up = await pulumi(["up", "-s", "local", "--yes", "--skip-preview"], attached);
  assert.equal(up.code, 0, up.stdout + up.stderr);
  assert.match(up.stdout, new RegExp(`^ +${changeSummary["same"] ?? 0} unchanged$`, "m"));
  assert.equal(journalLength(), before);
});

test("the providers of stack local have dead loopback endpoints and dummy credentials", async () => {
  const exported = await pulumi(["stack", "export", "-s", "local", "--show-secrets"], attached);
  assert.equal(exported.code, 0, exported.stderr);
  const { deployment } = z
    .object({
      deployment: z.object({
        resources: z.array(z.object({ type: z.string(), inputs: z.record(z.string(), z.unknown()).optional() })),
      }),
    })
    .parse(JSON.parse(exported.stdout));
  const providers = deployment.resources.filter(({ type }) => type.startsWith("pulumi:providers:"));
  assert.deepEqual(providers.map(({ type }) => type).sort(), [
    "pulumi:providers:command",
    "pulumi:providers:gcp",
    "pulumi:providers:github",
    "pulumi:providers:kubernetes",
  ]);
  const text = JSON.stringify(providers).replaceAll(/\\+"/g, '"');
  const urls = [...text.matchAll(/https?:\/\/[^"\\]+/g)].map(([url]) => url);
  assert.deepEqual([...new Set(urls)].sort(), ["http://127.0.0.1:9/", "https://127.0.0.1:9"]);
  const tokens = [...text.matchAll(/"(?:accessT|t)oken":(?:\{[^}]*?"plaintext":)?"+([^"]+)"/g)].map(
    ([, token]) => token,
  );
  assert.ok(tokens.length >= 3, text);
  assert.deepEqual([...new Set(tokens)], ["not-a-credential"]);
  // Google's endpoints are named after its universe: this one is under a name that never resolves.
  const google = providers.find(({ type }) => type === "pulumi:providers:gcp");
  assert.equal(google?.inputs?.["universeDomain"], "neko-lab.invalid");
  assert.ok(await isRefused(9), "something listens on the discard port of this machine");
});

for (const args of [
  ["up", "-s", "local", "--yes", "--skip-preview"],
  ["destroy", "-s", "local", "--yes", "--skip-preview"],
]) {
  test(`without the stand-ins a plain ${args[0] ?? ""} of stack local fails, reaches nothing and changes nothing`, async () => {
    const places = placesOf(copy.directories);
    const seen = (): unknown => ({
      journal: journalLength(),
      rendered: readdirSync(places.rendered).sort(),
      resources: provisioned(),
    });
    const before = seen();
    const finished = await pulumi(args, detached());
    assert.notEqual(finished.code, 0);
    assert.match(
      finished.stdout + finished.stderr,
      /no resource plugin 'pulumi-resource-(command|gcp|github|kubernetes)' found/,
    );
    assert.deepEqual(seen(), before);
  });
}

test("nothing of all that asked for another host, and the watch would have seen it", async () => {
  assert.deepEqual(watch.asked, []);
  const control = await watchOutbound();
  const environment = { ...copy.environment, ...control.environment, PULUMI_HOME: home };
  const install = ["plugin", "install", "resource", "github", "v6.15.0"];
  await startProcess(pulumiCommand, install, copy.folder, environment).finished;
  const fetching = ["--eval", "fetch('https://neko.invalid/').catch(() => undefined)"];
  await startProcess(process.execPath, fetching, copy.folder, environment).finished;
  control.stop();
  for (const host of ["get.pulumi.com:443", "neko.invalid:443"]) assert.ok(control.asked.includes(host), host);
});

test("a release that does not verify is told with its findings, its remedy and no stack trace", async () => {
  const overlay = localOverlayPath(copy.directories.state);
  const good = readFileSync(overlay, "utf8");
  const digest = readLocalOverlay(copy.directories.state).releases[0]?.current ?? "";
  writeFileSync(overlay, good.replaceAll(digest, tampered));
  const finished = await pulumi(["up", "-s", "local", "--yes", "--skip-preview"], attached);
  writeFileSync(overlay, good);
  assert.notEqual(finished.code, 0);
  const said = finished.stdout + finished.stderr;
  assert.match(said, /does not verify under policy "neko-lab"/);
  assert.match(said, /- STATEMENT_SUBJECT_MISMATCH on /);
  assert.match(said, /to do: /);
  assert.match(said, /\(code RELEASE_REFUSED\)/);
  assertNoStackTrace(finished);
});

test("another stack: stand-ins are refused in words", async () => {
  const { trustedRoot } = readLocalOverlay(copy.directories.state);
  writeStaging(copy.folder, {
    repository: "ghcr.io/m1k1o/neko/base",
    digest: `sha256:${"a".repeat(64)}`,
    trustedRoot,
  });
  const passphrase = { ...attached, PULUMI_BACKEND_URL: `file://${home}` };
  const init = await pulumi(["stack", "init", "staging"], passphrase);
  assert.equal(init.code, 0, init.stderr);
  const finished = await pulumi(["preview", "-s", "staging"], passphrase);
  assert.notEqual(finished.code, 0);
  assert.match(finished.stdout + finished.stderr, /\(code STAND_INS_OTHER_STACK\)/);
  assertNoStackTrace(finished);
});

test("neko-trust preview of another stack works offline, with no passphrase, and leaves no trace", async () => {
  const { trustedRoot } = readLocalOverlay(copy.directories.state);
  writeStaging(copy.folder, {
    repository: "ghcr.io/m1k1o/neko/base",
    digest: `sha256:${"a".repeat(64)}`,
    trustedRoot,
    encrypted: true,
  });
  const file = join(copy.folder, "stacks", "Pulumi.staging.yaml");
  const before = { settings: readFileSync(file, "utf8"), journal: journalLength() };
  const online = await copy.run(["preview", "--stack", "staging", "--json"]);
  assert.equal(online.code, 2, online.stdout);
  assert.match(online.stdout, /"code": "PREVIEW_NEEDS_PROVIDERS"/);

  const finished = await copy.run(["preview", "--stack", "staging", "--offline", "--json"], watch.environment);
  assert.equal(finished.code, 0, finished.stdout + finished.stderr);
  const { summary, resources } = z
    .object({ summary: z.record(z.string(), z.int()), resources: z.array(z.object({ type: z.string() })) })
    .parse(JSON.parse(finished.stdout));
  assert.deepEqual(Object.keys(summary), ["create"]);
  assert.ok(resources.some(({ type }) => type === "neko-trust:github:GhcrRepository"));
  assert.ok(resources.some(({ type }) => type === "neko-trust:admission:AdmissionPolicies"));
  assert.deepEqual({ settings: readFileSync(file, "utf8"), journal: journalLength() }, before);
  const previewState = join(copy.directories.state, "previews", "staging");
  assert.ok(!existsSync(join(previewState, "rendered")));
  assert.equal(readFileSync(join(previewState, "journal.jsonl"), "utf8"), "");
  assert.deepEqual(watch.asked, []);
});

test("verify-image under a staging policy with the lab's root is refused", async () => {
  const overlay = readLocalOverlay(copy.directories.state);
  const release = overlay.releases[0];
  assert.ok(release !== undefined);
  writeStaging(copy.folder, { repository: release.image, digest: release.current, trustedRoot: overlay.trustedRoot });
  const reference = `${release.image}@${release.current}`;
  const finished = await copy.run(["verify-image", reference, "--stack", "staging", "--json"]);
  assert.equal(finished.code, 1, finished.stdout);
  const { findings } = z
    .object({ findings: z.array(z.object({ code: z.string() })) })
    .parse(JSON.parse(finished.stdout));
  assert.ok(findings.some(({ code }) => code === "ROOT_LOCAL_OUTSIDE_LOCAL"));
});
