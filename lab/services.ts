import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Directories } from "../src/adapters/directories/directories.ts";
import { pinnedTools } from "../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../src/adapters/toolchain/tool.ts";
import type { LabContext } from "./context.ts";
import { placesOf, serviceNames } from "./places.ts";
import { keptPorts } from "./processes/kept-ports.ts";
import { endOrphans, serviceStatus, startService } from "./processes/service.ts";
import { sigstoreUrlsSchema } from "./sigstore/server.ts";
import type { SigstoreUrls } from "./sigstore/server.ts";

/** What runs on loopback once the lab is up. */
export interface LabServices {
  /** host:port; no referrers API, as GHCR. */
  readonly registry: string;
  /** host:port; with the referrers API. */
  readonly referrersRegistry: string;
  readonly sigstore: SigstoreUrls;
}

const readyMilliseconds = 30_000;

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
  await response.body?.cancel();
  return response.ok;
}

/** What a service of the lab may know of the caller's environment: where its own Node and folders are, no more. */
export function serviceEnvironment(environment: LabContext["environment"]): Record<string, string> {
  const kept = ["PATH", "HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "NEKO_TRUST_CACHE", "NEKO_TRUST_STATE"];
  return Object.fromEntries(
    kept.flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Paths of the registries' binaries. */
interface RegistryBinaries {
  readonly crane: string;
  readonly withReferrers: string;
}

async function registryBinaries({ directories, environment, progress, signal }: LabContext): Promise<RegistryBinaries> {
  const how = { directories, environment, progress, signal };
  const crane = await ensureTool(pinnedTools.registry, how);
  const withReferrers = await ensureTool(pinnedTools.registryWithReferrers, how);
  return { crane: crane.path, withReferrers: withReferrers.path };
}

async function startRegistries(
  context: LabContext,
  { crane, withReferrers }: RegistryBinaries,
): Promise<Pick<LabServices, "registry" | "referrersRegistry">> {
  const { directories, environment, progress } = context;
  const places = placesOf(directories);
  const names = [serviceNames.registry, serviceNames.referrersRegistry] as const;
  const { ports, moved } = await keptPorts(
    places.ports,
    names,
    (name) => serviceStatus(name, directories.run).state === "stopped",
  );
  if (moved) progress("    a port of the last run is taken by another program: a registry has a new address");
  const specifications = [
    {
      name: serviceNames.registry,
      command: crane,
      args: ["registry", "serve", "--address", `127.0.0.1:${ports.registry}`, "--disk", places.registry],
      folder: places.registry,
    },
    {
      name: serviceNames.referrersRegistry,
      command: withReferrers,
      args: ["--address", `127.0.0.1:${ports[serviceNames.referrersRegistry]}`, "--disk", places.referrersRegistry],
      folder: places.referrersRegistry,
    },
  ] as const;
  await allStarted(
    specifications.map(({ folder, ...specification }) => {
      mkdirSync(folder, { recursive: true });
      return startService({
        ...specification,
        environment: serviceEnvironment(environment),
        runDirectory: directories.run,
        ready: () => answers(`http://127.0.0.1:${ports[specification.name]}/v2/`),
        timeoutMilliseconds: readyMilliseconds,
      });
    }),
  );
  return {
    registry: `127.0.0.1:${ports.registry}`,
    referrersRegistry: `127.0.0.1:${ports[serviceNames.referrersRegistry]}`,
  };
}

/** Where the lab's Sigstore listens; what its file says, which it writes once it listens. */
export function sigstoreUrls(directories: Directories): SigstoreUrls {
  return sigstoreUrlsSchema.parse(
    JSON.parse(readFileSync(join(placesOf(directories).sigstore, "sigstore.json"), "utf8")),
  );
}

async function startSigstoreService(context: LabContext): Promise<SigstoreUrls> {
  const { directories, environment } = context;
  await startService({
    name: serviceNames.sigstore,
    command: process.execPath,
    args: [join(directories.checkout, "lab", "sigstore", "serve.ts"), placesOf(directories).sigstore, "0"],
    environment: serviceEnvironment(environment),
    runDirectory: directories.run,
    ready: async () => answers(sigstoreUrls(directories).health),
    timeoutMilliseconds: readyMilliseconds,
  });
  return sigstoreUrls(directories);
}

/**
 * Waits for all, then throws what the first that failed threw: a command that ended while a service was still being
 * started would leave a process that no pid file names.
 */
async function allStarted(starts: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(starts);
  await Promise.all(starts);
}

/** Starts the registries and the Sigstore instance, or finds them running. Throws GO_MISSING and the like, SERVICE_FAILED, PORT_TAKEN. */
export async function startServices(context: LabContext): Promise<LabServices> {
  // First: where a tool can't be built, nothing is started.
  const binaries = await registryBinaries(context);
  for (const name of Object.values(serviceNames)) await endOrphans(name, context.directories.run);
  const registries = startRegistries(context, binaries);
  const sigstore = startSigstoreService(context);
  await allStarted([registries, sigstore]);
  return { ...(await registries), sigstore: await sigstore };
}
