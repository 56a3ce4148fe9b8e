import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { directoriesOf } from "../../../../src/adapters/directories/directories.ts";
import { pinnedTools } from "../../../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../../../src/adapters/toolchain/tool.ts";
import { Failure } from "../../../../src/core/failure.ts";

const checkout = join(import.meta.dirname, "..", "..", "..", "..");
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const digestOf = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

async function binary(t: TestContext): Promise<string | undefined> {
  try {
    const directories = directoriesOf(checkout, process.env);
    return (await ensureTool(pinnedTools.registryWithReferrers, { directories, environment: process.env })).path;
  } catch (error) {
    if (!(error instanceof Failure) || !["GO_MISSING", "GO_TOO_OLD"].includes(error.code)) throw error;
    t.skip(`the registry can't be built: ${error.message}`);
    return undefined;
  }
}

interface Running {
  readonly url: string;
  /** Kills it with SIGKILL. */
  kill(): Promise<void>;
}

async function start(command: string, ...args: string[]): Promise<Running> {
  const child: ChildProcess = spawn(command, ["--address", "127.0.0.1:0", ...args], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = new Promise<void>((resolve) =>
    child.once("close", () => {
      resolve();
    }),
  );
  if (child.stdout === null) throw new Error("no output");
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /^listening on (\S+)$/.exec(line)?.[1];
    if (address === undefined) continue;
    return {
      url: `http://${address}/v2/sample`,
      kill: () => {
        child.kill("SIGKILL");
        return ended;
      },
    };
  }
  throw new Error("it ended");
}

test("manifests, tags, deletions and referrers survive a kill of the registry, and a half-written journal line too", async (t) => {
  const command = await binary(t);
  if (command === undefined) return;
  const disk = mkdtempSync(join(tmpdir(), "neko-registry-"));
  let registry = await start(command, "--disk", disk);
  t.after(async () => {
    await registry.kill();
    rmSync(disk, { recursive: true, force: true });
  });
  const put = async (path: string, body: string, type: string): Promise<number> =>
    (await fetch(`${registry.url}${path}`, { method: "PUT", body, headers: { "content-type": type } })).status;
  const get = async (path: string): Promise<string> => {
    const response = await fetch(`${registry.url}${path}`, { headers: { accept: manifestType } });
    return `${response.status} ${response.ok ? await response.text() : ""}`;
  };

  const blob = "{}";
  const upload = await fetch(`${registry.url}/blobs/uploads/?digest=${digestOf(blob)}`, { method: "POST", body: blob });
  assert.equal(upload.status, 201);
  const config = { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf(blob), size: blob.length };
  const image = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers: [config] });
  const subject = { mediaType: manifestType, digest: digestOf(image), size: image.length };
  const referrer = JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    artifactType: "a/b",
    config,
    layers: [config],
    subject,
  });
  assert.equal(await put("/manifests/v1", image, manifestType), 201);
  assert.equal(await put("/manifests/gone", image, manifestType), 201);
  assert.equal(await put(`/manifests/${digestOf(referrer)}`, referrer, manifestType), 201);
  assert.equal(await put("/manifests/v1", image, manifestType), 201);
  assert.equal((await fetch(`${registry.url}/manifests/gone`, { method: "DELETE" })).status, 202);
  assert.equal(await put("/manifests/bad", "no JSON", "application/vnd.oci.image.index.v1+json"), 400);

  const journal = join(disk, "manifests.jsonl");
  assert.equal(
    readFileSync(journal, "utf8").trim().split("\n").length,
    4,
    "what changes nothing, or is refused, is not journalled",
  );
  const listed = await get(`/referrers/${digestOf(image)}`);
  assert.match(listed, new RegExp(digestOf(referrer)));

  await registry.kill();
  appendFileSync(journal, '{"method":"PUT","path":"/v2/sam');
  registry = await start(command, "--disk", disk);
  assert.equal(await get("/manifests/v1"), `200 ${image}`);
  assert.equal(await get(`/manifests/${digestOf(image)}`), `200 ${image}`);
  assert.equal(await get("/manifests/gone"), "404 ");
  assert.equal(await get(`/blobs/${digestOf(blob)}`), `200 ${blob}`);
  assert.equal(await get(`/referrers/${digestOf(image)}`), listed);
  assert.equal(await put("/manifests/v2", image, manifestType), 201);

  await registry.kill();
  registry = await start(command, "--disk", disk, "--referrers=false");
  assert.equal(await get("/manifests/v2"), `200 ${image}`);
  assert.equal(await get(`/referrers/${digestOf(image)}`), "404 ");
});
