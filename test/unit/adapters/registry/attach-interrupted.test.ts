import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import type { RegistryClient } from "../../../../src/adapters/registry/client.ts";
import { bundleAttachment } from "../../../../src/core/oci/bundle-attachment.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { parseReferrerManifest } from "../../../../src/core/oci/parse.ts";
import { unwrap } from "../../../../src/adapters/registry/unwrap.ts";
import { startServer } from "./loopback-server.ts";
import type { SeenRequest } from "./loopback-server.ts";
import { memoryRegistry } from "./memory-registry.ts";
import type { ReferrersBehaviour } from "./memory-registry.ts";

const image = Buffer.from('{"schemaVersion":2,"manifests":[]}');
const subject = { mediaType: mediaTypes.index, digest: digestOf(image), size: image.length };
const tag = subject.digest.replace(":", "-");

function bundle(name: string): ReturnType<typeof bundleAttachment> {
  return bundleAttachment(Buffer.from(JSON.stringify({ name })), "https://example.com/type");
}

interface Run {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that attaches "ours", and how it ended. */
function worker(repository: string): { readonly kill: (signal: NodeJS.Signals) => void; readonly ended: Promise<Run> } {
  const program = join(import.meta.dirname, "attach-worker.ts");
  const args = [program, repository, JSON.stringify(subject), "ours"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "ignore"] });
  const ended = new Promise<Run>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode, signal) => {
      resolve({ exitCode, signal });
    });
  });
  return { kill: (signal) => child.kill(signal), ended };
}

/** Where an attachment is interrupted: the request, and whether the registry has done what it asks before that. */
const steps: readonly (readonly [string, ReferrersBehaviour, (request: SeenRequest) => boolean])[] = [
  ["the first blob's upload", "404", ({ method, url }) => method === "PUT" && url.includes("/uploads/")],
  ["the manifest", "404", ({ method, url }) => method === "PUT" && url.includes("/manifests/sha256:")],
  ["the list under the tag", "404", ({ method, url }) => method === "PUT" && url.endsWith(tag)],
  [
    "the manifest, with the referrers API",
    "works",
    ({ method, url }) => method === "PUT" && url.includes("/manifests/"),
  ],
];

for (const signal of ["SIGKILL", "SIGINT"] as const) {
  for (const [name, referrers, isStep] of steps) {
    // A killed process may have been heard or not; an interrupted one gives up in the same way in both cases.
    for (const done of signal === "SIGKILL" ? [false, true] : [false]) {
      test(`${signal} at ${name}, ${done ? "once it is written" : "before it is written"}: nothing is lost, and the same again completes it`, async (t) => {
        const it = await rig(t, referrers, isStep, done);
        // Another's attachment was there before.
        unwrap(await it.client.attach(it.repository, subject, bundle("theirs")), "theirs");
        const before = await names(it.client, it.repository);
        assert.deepEqual(before, ["theirs"]);
        it.arm();
        const running = worker(it.repository);
        await it.reached;
        running.kill(signal);
        const { exitCode, signal: by } = await running.ended;
        assert.deepEqual([exitCode, by], signal === "SIGKILL" ? [null, "SIGKILL"] : [130, null]);
        it.release();

        const between = await names(it.client, it.repository);
        assert.ok(between.includes("theirs"), between.join());
        assert.ok(
          between.every((one) => ["theirs", "ours"].includes(one)),
          between.join(),
        );

        assert.equal((await worker(it.repository).ended).exitCode, 0);
        assert.deepEqual(await names(it.client, it.repository), ["ours", "theirs"]);
      });
    }
  }
}

interface Rig {
  readonly client: RegistryClient;
  readonly repository: string;
  /** From now on the step is held. */
  readonly arm: () => void;
  readonly reached: Promise<undefined>;
  readonly release: () => void;
}

/** A registry that holds one kind of request until it is released. */
async function rig(
  t: TestContext,
  referrers: ReferrersBehaviour,
  isStep: (request: SeenRequest) => boolean,
  done: boolean,
): Promise<Rig> {
  const registry = memoryRegistry({ referrers });
  const reached = Promise.withResolvers<undefined>();
  const released = Promise.withResolvers<undefined>();
  let armed = false;
  const server = await startServer(t, async (request) => {
    if (!armed || !isStep(request)) return registry.answer(request);
    armed = false;
    const answer = done ? await registry.answer(request) : undefined;
    reached.resolve(undefined);
    await released.promise;
    return answer ?? { status: 503 };
  });
  return {
    client: createRegistryClient(),
    repository: `${server.host}/team/app`,
    arm: () => (armed = true),
    reached: reached.promise,
    release: () => {
      released.resolve(undefined);
    },
  };
}

/** The names in all bundles that are listed, read to their last byte. */
async function names(client: RegistryClient, repository: string): Promise<string[]> {
  const listed = unwrap(await client.referrers(repository, subject.digest), "referrers");
  const read = listed.map(async ({ digest }) => {
    const manifest = parseReferrerManifest(unwrap(await client.manifest(repository, digest), "manifest"), digest);
    assert.ok(manifest.ok);
    const layer = unwrap(await client.blob(repository, manifest.proof.layers[0]!), "bundle");
    return (JSON.parse(Buffer.from(layer).toString()) as { name: string }).name;
  });
  return (await Promise.all(read)).sort();
}

test("one client's interruption does not end what another one of the process attaches to the same image", async (t) => {
  const registry = memoryRegistry({ referrers: "404", delay: () => 30 });
  const server = await startServer(t, registry.answer);
  const repository = `${server.host}/team/app`;
  const interruption = new AbortController();
  const first = createRegistryClient({ signal: interruption.signal });
  const second = createRegistryClient();
  const mine = first.attach(repository, subject, bundle("first"));
  const others = ["a", "b", "c"].map((name) => second.attach(repository, subject, bundle(name)));
  setTimeout(() => {
    interruption.abort(new Error("interrupted"));
  }, 150);
  await assert.rejects(mine, /^Error: interrupted$/);
  for (const answer of await Promise.all(others)) assert.equal(answer.kind, "found");
  const listed = await names(second, repository);
  assert.ok(
    ["a", "b", "c"].every((name) => listed.includes(name)),
    listed.join(),
  );
});

test("one client's refused credentials do not end what another one of the process attaches to the same image", async (t) => {
  const registry = memoryRegistry({ referrers: "404", delay: () => 30 });
  let refusing = false;
  const server = await startServer(t, (request) => {
    const isStranger = request.headers.authorization?.includes(Buffer.from("eve:x").toString("base64")) === true;
    if (request.headers.authorization === undefined) return { status: 401, headers: { "www-authenticate": "Basic" } };
    return refusing && isStranger && request.url.endsWith(tag) ? { status: 403 } : registry.answer(request);
  });
  const repository = `${server.host}/team/app`;
  const clientOf = (username: string): RegistryClient =>
    createRegistryClient({ credentials: () => Promise.resolve({ kind: "basic", username, password: "x" }) });
  refusing = true;
  const stranger = clientOf("eve").attach(repository, subject, bundle("eve"));
  const others = ["a", "b"].map((name) => clientOf("ada").attach(repository, subject, bundle(name)));
  assert.equal((await stranger).kind, "forbidden");
  for (const answer of await Promise.all(others)) assert.equal(answer.kind, "found");
});
