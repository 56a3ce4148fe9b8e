import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { unwrap } from "../../src/adapters/registry/unwrap.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../src/adapters/toolchain/tool.ts";
import type { PinnedTool } from "../../src/adapters/toolchain/tool.ts";
import { Failure } from "../../src/core/failure.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import { mediaTypes } from "../../src/core/oci/formats.ts";
import type { LabSigstore } from "./sigstore-lab.ts";

const checkout = resolve(import.meta.dirname, "..", "..");

/** What cosign said, and its exit code. */
export interface CosignRun {
  readonly code: number;
  readonly output: string;
}

/** Real cosign, a registry on loopback with one image in it, and a folder that is cosign's home. */
export interface CosignPeer {
  /** `127.0.0.1:<port>/neko/base` */
  readonly repository: string;
  readonly digest: Digest;
  /** Attaches a bundle to the image as an OCI referrer. */
  attach(bundle: Uint8Array, predicateType: string): Promise<void>;
  /** Bundles attached to the image, as a client lists and reads them. */
  bundles(): Promise<readonly Uint8Array[]>;
  /** cosign about the image, with the lab's trusted root. */
  cosign(...args: readonly string[]): Promise<CosignRun>;
  /** cosign with these arguments alone. */
  bare(...args: readonly string[]): Promise<CosignRun>;
  /** The same with variables in its environment: COSIGN_PASSWORD. */
  withVariables(variables: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CosignRun>;
}

/** The tool's path, or why it can't be had here: a test then skips with that reason. */
async function tool(pinned: PinnedTool): Promise<string | { readonly absent: string }> {
  try {
    const directories = directoriesOf(checkout, process.env);
    return (
      await ensureTool(pinned, {
        directories,
        environment: process.env,
        progress: (line) => process.stderr.write(`${line}\n`),
      })
    ).path;
  } catch (error) {
    if (error instanceof Failure && error.code.startsWith("GO_"))
      return { absent: `${pinned.name} can't be built: ${error.message}` };
    throw error;
  }
}

/** Calls `use` with a peer, or returns the reason why there is none; ends what it started. */
export async function withCosign(
  lab: LabSigstore,
  use: (peer: CosignPeer) => Promise<void>,
): Promise<{ readonly absent: string } | undefined> {
  const [registry, cosign] = [await tool(pinnedTools.registry), await tool(pinnedTools.cosign)];
  if (typeof registry !== "string") return registry;
  if (typeof cosign !== "string") return cosign;
  const home = mkdtempSync(join(tmpdir(), "neko-cosign-"));
  const server = spawn(registry, ["registry", "serve", "--address", "127.0.0.1:0"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { HOME: home },
  });
  try {
    writeFileSync(join(home, "trusted_root.json"), lab.trustedRoot);
    const repository = `127.0.0.1:${await portOf(server)}/neko/base`;
    await use(await peerOf(repository, cosign, home));
    return undefined;
  } finally {
    server.kill("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  }
}

function portOf(server: ChildProcess): Promise<number> {
  return new Promise((done, fail) => {
    let text = "";
    server.once("error", fail);
    server.once("exit", (code) => {
      fail(new Error(`the registry ended with ${String(code)}: ${text}`));
    });
    server.stderr?.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      const port = /serving on port ([0-9]+)/.exec(text)?.[1];
      if (port !== undefined) done(Number(port));
    });
  });
}

async function peerOf(repository: string, cosign: string, home: string): Promise<CosignPeer> {
  const client = createRegistryClient();
  const config = unwrap(
    await client.pushBlob(
      repository,
      Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'),
    ),
    "config",
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, ...config },
      layers: [],
    }),
  );
  const pushed = unwrap(
    await client.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes: manifest }),
    "image",
  );
  const subject = { mediaType: mediaTypes.manifest, digest: pushed.digest, size: manifest.length };
  return {
    repository,
    digest: pushed.digest,
    attach: async (bundle, predicateType) => {
      const annotations = {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": predicateType,
      };
      unwrap(
        await client.attach(repository, subject, {
          artifactType: mediaTypes.bundle,
          layerMediaType: mediaTypes.bundle,
          layer: bundle,
          annotations,
        }),
        "referrer",
      );
    },
    bundles: async () => {
      const listed = unwrap(await client.referrers(repository, pushed.digest), "referrers");
      const read = listed.map(async ({ digest }) => {
        const referrer = JSON.parse(
          Buffer.from(unwrap(await client.manifest(repository, digest), "referrer")).toString(),
        ) as {
          layers: [{ digest: Digest; size: number }];
        };
        return unwrap(await client.blob(repository, referrer.layers[0]), "bundle");
      });
      return Promise.all(read);
    },
    bare: (...args) => run(cosign, args, home),
    withVariables: (variables, ...args) => run(cosign, args, home, variables),
    cosign: (...args) =>
      run(cosign, [...args, "--trusted-root", join(home, "trusted_root.json"), `${repository}@${pushed.digest}`], home),
  };
}

/** Without a proxy, without the user's credentials: traffic stays on loopback. */
function run(
  command: string,
  args: readonly string[],
  home: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<CosignRun> {
  return new Promise((done) => {
    execFile(command, args, { env: { ...variables, HOME: home }, timeout: 60_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      done({ code, output: `${stdout}${stderr}` });
    });
  });
}
