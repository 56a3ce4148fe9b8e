import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import type { Directories } from "../../src/adapters/directories/directories.ts";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import type { RegistryClient } from "../../src/adapters/registry/client.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { localOverlayPath } from "../../src/config/local-overlay.ts";
import type { LocalOverlay } from "../../src/config/local-overlay.ts";
import { readYamlConfig } from "../../src/config/read-config.ts";
import type { StackConfig } from "../../src/config/stack-config.ts";
import { digestOf, sha256Hex } from "../../src/core/oci/digest.ts";
import { writeWhole } from "../../src/adapters/files/write-whole.ts";
import { signerOverlay } from "../../lab/overlay.ts";
import { labSecrets } from "../../lab/stack-secrets.ts";
import { placeholderRegistry, placesOf, samplePath, signerPath } from "../../lab/places.ts";
import { freePort } from "../../lab/processes/ports.ts";
import { startService, stopService } from "../../lab/processes/service.ts";
import { samplePlatforms } from "../../lab/sample-release/sample-input.ts";
import type { SamplePlatform } from "../../lab/sample-release/sample-input.ts";
import { startSigstore } from "../../lab/sigstore/server.ts";
import type { SigstoreServer } from "../../lab/sigstore/server.ts";
import type { BenchContext } from "../entry.ts";
import { benchReleases } from "./bench-releases.ts";
import type { BenchRelease } from "./bench-releases.ts";
import { benchTool } from "./tools.ts";

/** A lab of one benchmark's own: a registry and a Sigstore instance, with state in the benchmark's scratch folder. */
export interface BenchLab {
  readonly directories: Directories;
  /** The benchmark's environment, whose state folder is this lab's: for processes that read stack local. */
  readonly environment: Readonly<Record<string, string>>;
  readonly client: RegistryClient;
  /** Stack local over this lab. */
  readonly config: StackConfig;
  readonly trustedRoot: { readonly path: string; readonly bytes: Uint8Array };
  /** Releases that differ, signed by this lab and pushed to its registry. */
  readonly releases: readonly [BenchRelease, ...BenchRelease[]];
  readonly stop: () => Promise<void>;
}

/** Starts the lab and publishes `count` releases for these platforms; or tells why it can't be had here. */
export async function startBenchLab(
  context: BenchContext,
  count: number,
  platforms: readonly SamplePlatform[] = samplePlatforms,
): Promise<BenchLab | { readonly missing: string }> {
  const crane = await benchTool(pinnedTools.registry, context);
  if ("missing" in crane) return crane;
  const environment = labEnvironment(context);
  const directories = directoriesOf(context.checkout, environment);
  const registry = await startRegistry(crane.path, context.scratch);
  try {
    const { sigstore } = placesOf(directories);
    const server = await startSigstore({ stateDirectory: sigstore, port: 0 });
    try {
      const client = createRegistryClient({ signal: context.signal });
      const trustedRoot = { path: join(sigstore, "trusted_root.json"), bytes: server.instance.material.trustedRoot };
      const config = writeOverlay(directories, registry.host, trustedRoot, []);
      const repository = `${registry.host}/${samplePath}`;
      const releases = await publish({ context, config, client, server, repository, count, platforms });
      const first = { image: repository, current: releases[0].digest, retained: [] };
      return {
        directories,
        environment,
        client,
        config: writeOverlay(directories, registry.host, trustedRoot, [first]),
        trustedRoot,
        releases,
        stop: registry.stop,
      };
    } finally {
      // All is signed; nothing that is measured asks it.
      await server.stop();
    }
  } catch (error) {
    await registry.stop();
    throw error;
  }
}

/** What processes of the benchmark see: no user's settings, no credentials, no proxy. */
function labEnvironment({ scratch, environment }: BenchContext): Record<string, string> {
  const kept = ["PATH", "TMPDIR", "XDG_CACHE_HOME", "NEKO_TRUST_CACHE"].flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(kept),
    HOME: scratch,
    NEKO_TRUST_STATE: join(scratch, "state"),
  };
}

async function startRegistry(
  command: string,
  scratch: string,
): Promise<{ readonly host: string; readonly stop: () => Promise<void> }> {
  const disk = join(scratch, "registry");
  const runDirectory = join(scratch, "run");
  mkdirSync(disk);
  const host = `127.0.0.1:${await freePort()}`;
  await startService({
    name: "registry",
    command,
    args: ["registry", "serve", "--address", host, "--disk", disk],
    environment: { HOME: scratch },
    runDirectory,
    ready: async () => (await fetch(`http://${host}/v2/`)).ok,
    timeoutMilliseconds: 30_000,
  });
  return {
    host,
    stop: async () => {
      await stopService("registry", runDirectory);
    },
  };
}

/** What `make up` writes for stack local, for this lab. */
function writeOverlay(
  directories: Directories,
  host: string,
  trustedRoot: BenchLab["trustedRoot"],
  releases: LocalOverlay["releases"],
): StackConfig {
  const { path, bytes } = trustedRoot;
  const overlay: LocalOverlay = {
    schema: 1,
    hosts: { [placeholderRegistry]: host },
    trustedRoot: { path, sha256: sha256Hex(bytes), fetched: new Date().toISOString() },
    releases,
    secrets: labSecrets(placesOf(directories).secrets),
    signerRelease: signerOverlay({ repository: `${host}/${signerPath}`, digest: digestOf(bytes), disk: path }),
  };
  writeWhole(localOverlayPath(directories.state), `${JSON.stringify(overlay)}\n`);
  return readYamlConfig("local", directories);
}

async function publish(from: {
  readonly context: BenchContext;
  readonly config: StackConfig;
  readonly client: RegistryClient;
  readonly server: SigstoreServer;
  readonly repository: string;
  readonly count: number;
  readonly platforms: readonly SamplePlatform[];
}): Promise<[BenchRelease, ...BenchRelease[]]> {
  const { context, config, client, server, repository, count, platforms } = from;
  const [signer] = config.policy.signers;
  if (signer === undefined) throw new Error("stack local trusts no signer");
  const { checkout, signal, progress } = context;
  const { urls, instance } = server;
  const issuerKey = instance.material.keys.issuer.privateKey;
  const how = { issuerKey, repository, count, platforms, signal, progress };
  return benchReleases({ checkout, signer, client, urls, ...how });
}
