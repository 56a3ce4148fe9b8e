import { setTimeout } from "node:timers/promises";
import { createRegistryClient } from "../adapters/registry/client.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import { dockerCredentials } from "../adapters/registry/docker-credentials.ts";

export type { RegistryClient };

/** A registry client with the credentials that docker would use in this environment; the signal ends what is under way. */
export function openRegistry(
  environment: Readonly<Record<string, string | undefined>>,
  signal?: AbortSignal,
): RegistryClient {
  const credentials = dockerCredentials(environment);
  if (signal === undefined) return createRegistryClient({ credentials });
  // Waiting until a throttling registry lets one in can take long: Ctrl-C ends that too.
  const sleep = (milliseconds: number): Promise<void> => setTimeout(milliseconds, undefined, { signal });
  return createRegistryClient({ credentials, signal, sleep });
}
