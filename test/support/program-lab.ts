import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LabContext } from "../../lab/context.ts";
import { writeOverlay } from "../../lab/overlay.ts";
import { localPassphrase, placesOf, serviceNames } from "../../lab/places.ts";
import { stopService } from "../../lab/processes/service.ts";
import { withStack } from "../../lab/provision.ts";
import type { OpenLocalStack } from "../../lab/provision.ts";
import { publishSample, publishSigner } from "../../lab/publish-sample.ts";
import type { PublishedSample } from "../../lab/publish-sample.ts";
import { startServices } from "../../lab/services.ts";
import type { LabServices } from "../../lab/services.ts";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import type { RegistryClient } from "../../src/adapters/registry/client.ts";
import { checkout } from "./engine/engine-under-test.ts";
import { pulumi } from "./engine/pulumi-state.ts";

/** A lab of one test: this checkout's program, with services and state in a temporary folder. */
export interface ProgramLab {
  readonly context: LabContext;
  readonly services: LabServices;
  readonly client: RegistryClient;
  readonly sample: PublishedSample;
  /** Stack local on the real engine, its Kubernetes objects rendered to files. */
  open<T>(work: (open: OpenLocalStack) => Promise<T>): Promise<T>;
  /** What the official CLI prints when it works on the state of stack local. */
  pulumi(args: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

/** Starts the lab's services, publishes the sample release and writes what stack local takes from it. */
export async function startProgramLab(): Promise<ProgramLab> {
  const root = mkdtempSync(join(tmpdir(), "neko-program-"));
  const environment = { ...process.env, NEKO_TRUST_STATE: join(root, "state") };
  const context: LabContext = {
    // Pid files and logs too: the checkout's own lab may be running.
    directories: { ...directoriesOf(checkout, environment), run: join(root, "run") },
    environment,
    now: () => new Date(),
    signal: new AbortController().signal,
    progress: () => undefined,
  };
  const close = async (): Promise<void> => {
    for (const name of Object.values(serviceNames)) await stopService(name, context.directories.run);
    rmSync(root, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const services = await startServices(context);
    const client = createRegistryClient();
    const sample = await publishSample(context, services, client);
    const signer = await publishSigner(context, services, client);
    writeOverlay(context.directories, services, { sample, signer }, context.now());
    const { rendered: directory, engine: folder } = placesOf(context.directories);
    const request = { stack: "local", mode: "local", kubernetes: { kind: "files", directory } } as const;
    return {
      ...{ context, services, client, sample, close },
      open: (work) => withStack(context, request, work),
      pulumi: (args) => pulumi({ folder, stack: "local", passphrase: localPassphrase }, args),
    };
  } catch (error) {
    await close();
    throw error;
  }
}
