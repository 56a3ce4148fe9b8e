import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { TestContext } from "node:test";
import { openRegistry } from "../../src/operations/open-registry.ts";
import { verifyImages } from "../../src/operations/verify-images.ts";
import { verifyInThreads } from "../../src/operations/verify-in-threads.ts";
import { Failure } from "../../src/core/failure.ts";
import { startReleaseLab } from "../support/release-lab.ts";
import { serveRelease } from "../support/release-registry.ts";
import type { ReleaseRegistry } from "../support/release-registry.ts";
import { documentOf, runCli } from "../support/run-cli.ts";

const lab = await startReleaseLab();

/** The lab's release under tags, and a tag of nothing. */
async function serveTags(t: TestContext, ...tags: readonly string[]): Promise<ReleaseRegistry> {
  const served = await serveRelease(t, lab);
  const index = served.registry.manifests.get(lab.evidence.digest);
  assert.ok(index !== undefined);
  for (const tag of tags) served.registry.manifests.set(tag, index);
  return served;
}

/** A command whose standard input is a pipe. */
function withInput(t: TestContext, args: readonly string[]): { child: ChildProcess; stdout: () => string } {
  const main = join(import.meta.dirname, "..", "..", "bin", "neko-trust.mjs");
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: process.env["PATH"], HOME: "/dev/null", NEKO_TRUST_STATE: "/dev/null" },
  });
  t.after(() => child.kill("SIGKILL"));
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  return { child, stdout: () => Buffer.concat(chunks).toString() };
}

interface Results {
  readonly ok: boolean;
  readonly results: readonly { reference: string; ok: boolean; resolved?: string; error?: { code: string } }[];
}

test("several references in one call: results in their order, each distinct one verified once", async (t) => {
  const { repository, reference, server, trust } = await serveTags(t, "a", "b");
  const asked = [`${repository}:b`, reference, `${repository}:a`, `${repository}:b`];
  const json = await runCli(t, ["verify-image", ...asked, ...trust, "--json"]);
  assert.equal(json.code, 0);
  const { ok, results } = documentOf(json) as unknown as Results;
  assert.ok(ok && results.every((result) => result.ok && result.resolved === reference));
  assert.deepEqual(
    results.map((result) => result.reference),
    asked,
  );
  assert.equal(server.seen.filter(({ url }) => url.endsWith("/manifests/b")).length, 1);
  const words = await runCli(t, ["verify-image", ...asked, ...trust]);
  assert.match(
    words.stdout,
    /^✓ verified .+:b \(.+\)\n(✓ verified .+\n){3}4 of 4 images verified under policy "neko-lab"\n$/,
  );
});

test("one reference that is refused and one that is absent stop no other: exit 1, and 3 without the first", async (t) => {
  const { repository, reference, trust, registry } = await serveTags(t);
  const other = lab.subject("sbom");
  assert.ok(registry.manifests.has(other));
  const all = [`${repository}:none`, `${repository}@${other}`, reference];
  const json = await runCli(t, ["verify-image", ...all, ...trust, "--json"]);
  assert.equal(json.code, 1);
  const { ok, results } = documentOf(json) as unknown as Results;
  assert.equal(ok, false);
  assert.deepEqual(
    results.map((result) => [result.ok, result.error?.code]),
    [
      [false, "REGISTRY_ABSENT"],
      [false, undefined],
      [true, undefined],
    ],
  );
  const absent = await runCli(t, ["verify-image", `${repository}:none`, reference, ...trust]);
  assert.equal(absent.code, 3);
  assert.match(absent.stdout, /\n {2}\(code REGISTRY_ABSENT\)\n✓ verified /);
});

test("a list of references: comments, blank lines and Windows' line ends are passed over", async (t) => {
  const { repository, reference, trust, write } = await serveTags(t, "a");
  const list = write("list.txt", `# ours\r\n\r\n  ${reference}\r\n\n# more\n${repository}:a`);
  const json = await runCli(t, ["verify-image", `${repository}:a`, "--file", list, ...trust, "--json"]);
  assert.equal(json.code, 0);
  assert.deepEqual(
    (documentOf(json) as unknown as Results).results.map((result) => result.reference),
    [`${repository}:a`, reference, `${repository}:a`],
  );
});

test("a list on standard input; a list of one is still a list", async (t) => {
  const { reference, trust } = await serveTags(t);
  const { child, stdout } = withInput(t, ["verify-image", "--file", "-", ...trust, "--json"]);
  child.stdin?.end(`${reference}\n`);
  assert.deepEqual(await once(child, "close"), [0, null]);
  assert.equal((JSON.parse(stdout()) as Results).results.length, 1);
});

test("Ctrl-C while it waits for a list: exit 130", async (t) => {
  const { trust } = await serveTags(t);
  const { child, stdout } = withInput(t, ["verify-image", "--file", "-", ...trust, "--json"]);
  // Long enough for it to be reading; were it not, the test would pass all the same.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "close"), [130, null]);
  assert.equal((JSON.parse(stdout()) as { error: { code: string } }).error.code, "INTERRUPTED");
});

const lists = mkdtempSync(join(tmpdir(), "neko-lists-"));
after(() => {
  rmSync(lists, { recursive: true });
});
const [emptyList, longList] = [join(lists, "empty"), join(lists, "long")];
writeFileSync(emptyList, "");
writeFileSync(longList, "\n".repeat(4 * 1024 * 1024 + 1));

for (const [what, args, code] of [
  ["no reference", [], "REFERENCES_MISSING"],
  ["an empty list", ["--file", emptyList], "REFERENCES_MISSING"],
  ["a list that is not there", ["--file", "/no/such/list"], "REFERENCES_UNREADABLE"],
  ["a folder as a list", ["--file", "/"], "REFERENCES_UNREADABLE"],
  ["a device as a list", ["--file", "/dev/zero"], "REFERENCES_UNREADABLE"],
  ["a list that is too long", ["--file", longList], "REFERENCES_TOO_LONG"],
  ["a reference that is none", ["nope"], "REFERENCE_INVALID"],
  ["some that are none", ["nope", "a.example/b:c", "x/y"], "REFERENCE_INVALID"],
  ["a summary in no folder", ["a.example/b:c", "--vsa", "/no/such/folder/vsa"], "VSA_UNWRITABLE"],
  ["a folder as a summary", ["a.example/b:c", "--vsa", "/"], "VSA_UNWRITABLE"],
] as const) {
  test(`${what}: exit 2, ${code}, and nothing is asked of the registry`, async (t) => {
    const { server, trust } = await serveTags(t);
    const json = await runCli(t, ["verify-image", ...args, ...trust, "--json"]);
    assert.equal(json.code, 2);
    const error = documentOf(json)["error"] as { code: string; details: readonly string[] };
    assert.equal(error.code, code);
    if (what === "some that are none") assert.equal(error.details.length, 2);
    assert.deepEqual(server.seen, []);
  });
}

test("summaries: one statement in each line, of those that passed or failed, none of what could not be read", async (t) => {
  const { repository, reference, trust, folder } = await serveTags(t, "a");
  const other = `${repository}@${lab.subject("sbom")}`;
  const vsa = join(folder, "summaries.jsonl");
  const all = [reference, other, `${repository}:none`, `${repository}:a`];
  const run = await runCli(t, ["verify-image", ...all, ...trust, "--vsa", vsa]);
  assert.equal(run.code, 1);
  const lines = readFileSync(vsa, "utf8").trimEnd().split("\n");
  const summaries = lines.map(
    (line) =>
      JSON.parse(line) as {
        subject: [{ digest: { sha256: string } }];
        predicate: { verificationResult: string; inputAttestations: unknown[]; verifier: unknown };
      },
  );
  assert.deepEqual(
    summaries.map(({ subject: [{ digest }], predicate }) => [
      `${repository}@sha256:${digest.sha256}`,
      predicate.verificationResult,
      predicate.inputAttestations.length,
    ]),
    [
      [reference, "PASSED", 6],
      [other, "FAILED", 0],
    ],
  );
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  assert.deepEqual(summaries[0]?.predicate.verifier, {
    id: "https://github.com/m1k1o/neko/trust",
    version: { "neko-trust": version },
  });
});

test("a summary that can't be written fails the call", async (t) => {
  if (process.getuid?.() === 0) {
    t.skip("needs a user whom permissions hold");
    return;
  }
  const { reference, trust, folder } = await serveTags(t);
  const closed = join(folder, "closed");
  mkdirSync(closed);
  chmodSync(closed, 0o500);
  const run = await runCli(t, ["verify-image", reference, ...trust, "--vsa", join(closed, "vsa"), "--json"]);
  assert.equal(run.code, 2);
  assert.equal((documentOf(run)["error"] as { code: string }).code, "VSA_UNWRITABLE");
});

test("threads give the verdicts that one thread gives, in the same order", async (t) => {
  const tags = ["a", "b", "c", "d", "e", "f", "g"];
  const { repository, reference } = await serveTags(t, ...tags);
  const policy = lab.policyWith({ "images.0.repository": repository });
  const references = [
    ...tags.map((tag) => `${repository}:${tag}`),
    `${repository}:none`,
    reference,
    `${repository}@${lab.subject("sbom")}`,
    `${repository}:a`,
  ];
  const terms = { policy, trustedRoot: lab.evidence.trustedRoot, now: lab.now, tee: undefined };
  const { signal } = new AbortController();
  const threaded = await verifyInThreads({ references, terms, environment: {}, signal, threads: 3 });
  const alone = await verifyImages(openRegistry({}), references, terms);
  assert.deepEqual(threaded, alone);
  assert.deepEqual(
    threaded.map(({ kind }) => kind),
    [...tags.map(() => "verified"), "unanswered", "verified", "refused", "verified"],
  );
});

test("threads end with the signal, and with a failure that no image can go on with", async (t) => {
  const asked = Promise.withResolvers<undefined>();
  const silent = await serveRelease(t, lab, {
    instead: () => {
      asked.resolve(undefined);
      return new Promise(() => undefined);
    },
  });
  const references = Array.from({ length: 9 }, (_, number) => `${silent.repository}:t${number}`);
  const terms = { policy: lab.policy, trustedRoot: lab.evidence.trustedRoot, now: lab.now, tee: undefined };
  const interruption = new AbortController();
  const request = { references, terms, environment: {}, signal: interruption.signal, threads: 2 };
  const running = verifyInThreads(request);
  await asked.promise;
  interruption.abort(new Failure({ code: "INTERRUPTED", kind: "unavailable", message: "m", remedy: "r" }));
  await assert.rejects(running, (error: unknown) => error instanceof Failure && error.code === "INTERRUPTED");

  const closed = await serveRelease(t, lab, {
    instead: () => ({ status: 401, headers: { "www-authenticate": 'Basic realm="r"' } }),
  });
  closed.write("config.json", "{");
  const broken = {
    ...request,
    references: references.map((reference) => reference.replace(silent.repository, closed.repository)),
    environment: { DOCKER_CONFIG: closed.folder },
    signal: new AbortController().signal,
  };
  await assert.rejects(
    verifyInThreads(broken),
    (error: unknown) => error instanceof Failure && error.code === "DOCKER_CONFIG_INVALID",
  );
});
